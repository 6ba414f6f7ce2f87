"""A composite's memory of who stands where, played tick by tick."""

from mcu.protocol.layout import Layout
from mcu.protocol.models import TileMap, ViewSpec
from mcu.room.composite import Composite
from mcu.room.layout_spec import layout_spec
from mcu.room.selection import Moment
from mixer.layouts.arrange import Member
from mixer.scene import TileKey

FPS = 10
PEOPLE = (("ada", "moderator"), ("bo", ""), ("cleo", ""), ("dan", "participant"))


class View:
    """A view of four people without pictures, and the tile maps it told of."""

    def __init__(self, layout: dict[str, object]) -> None:
        self.told: list[TileMap] = []
        self.dominant: str | None = None
        self.composite = Composite(ViewSpec(width=320, height=180, fps=FPS), 0, self.told.append)
        self._layout = layout_spec(Layout.model_validate(layout))
        self._members = tuple(Member(key=TileKey(name), name=name.title(), role=role) for name, role in PEOPLE)

    def play(self, first: int, last: int) -> list[str]:
        """Who has a tile after canvas tick ``last``."""
        for tick in range(first, last + 1):
            moment = Moment(0, {}, self._members, {}, self.dominant, {"main": self._layout})
            self.composite.tick(self.composite.timeline.canvas_tick_ns(tick), moment)
        return [tile.participant for tile in self.composite.tile_map.tiles]


def one_region(**pick: object) -> dict[str, object]:
    return {"variants": [{"regions": [{"id": "all", "box": [0, 0, 1, 1], "pick": pick}]}]}


def test_pages_turn_with_the_ticks_and_each_turn_is_told_once() -> None:
    view = View(one_region(first=[], overflow="page", page_ms=1000))
    assert view.play(0, 9) == ["ada"]
    assert view.play(10, 19) == ["bo"]
    assert view.play(20, 29) == ["cleo"]
    assert [tiles.layout_seq for tiles in view.told] == [1, 2, 3]


def test_the_stage_keeps_its_speaker_for_the_hold_and_then_through_silence() -> None:
    view = View(one_region(hold_ms=1000))
    view.dominant = "bo"
    assert view.play(0, 0) == ["bo"]
    view.dominant = "cleo"
    assert view.play(1, 9) == ["bo"]
    assert view.play(10, 10) == ["cleo"]
    view.dominant = None
    assert view.play(11, 99) == ["cleo"]


def test_a_layout_can_choose_by_role() -> None:
    assert View(one_region(first=[], match="role:part*")).play(0, 0) == ["dan"]
