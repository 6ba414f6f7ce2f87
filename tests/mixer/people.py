"""Made-up members, and where a scene put them."""

from mixer.geometry import Box
from mixer.layouts import Member
from mixer.scene import Scene, TileKey


def people(count: int, *sharing: int) -> list[Member]:
    """``count`` cameras in join order, those of ``sharing`` with a screen after their camera."""
    members = []
    for number in range(count):
        members.append(Member(TileKey(f"p{number}"), f"Person {number}"))
        if number in sharing:
            members.append(Member(TileKey(f"p{number}", "screen"), f"Person {number}"))
    return members


def ids(scene: Scene) -> list[str]:
    return [tile.key.participant for tile in scene.tiles]


def box_of(scene: Scene, participant: str, source: str = "camera") -> Box:
    return next(tile.box for tile in scene.tiles if (tile.key.participant, tile.key.source) == (participant, source))
