"""What has to be painted on a canvas that shows one thing and is to show another."""

from dataclasses import dataclass

from mixer.geometry import Box
from mixer.ground import Ground
from mixer.overlays import Overlay
from mixer.scene import Tile

TileMark = tuple[Tile, int]
"""All that a tile's pixels depend on: its facts and the serial of its picture, -1 without one."""


@dataclass(frozen=True, slots=True)
class Content:
    """What is on a canvas. Equal contents are equal pixels, if they are of one compositor."""

    ground: Ground
    marks: tuple[TileMark, ...]
    overlays: tuple[Overlay, ...]


def translucent(tile: Tile, ground: Ground, number: int) -> bool:
    """True when something other than the background can be seen through parts of it."""
    return tile.opacity < 1 or bool(ground.radii_px[number] and ground.neighbours[number])


def damage(content: Content, before: Content) -> tuple[set[int], list[Overlay], list[Box]]:
    """Which tiles and overlays have to be painted, and where the background has to be painted first, for a canvas that
    shows ``before`` on the same ground. Whoever overlaps somebody painted is painted too; an overlay lets
    things through, so all that lies under it is painted before it.
    """
    dirty = {number for number, (now, then) in enumerate(zip(content.marks, before.marks, strict=True)) if now != then}
    ground = content.ground
    bared = []
    if content.overlays != before.overlays:
        bared = [overlay.box for overlay in before.overlays if overlay not in content.overlays]
        for box in bared:
            dirty |= ground.under(box)
    overlays = [overlay for overlay in content.overlays if overlay not in before.overlays]
    covered = [overlay.box for overlay in overlays]
    spread = True
    while spread:
        _spread(dirty, ground)
        spread = False
        for overlay in content.overlays:
            if overlay not in overlays and _disturbed(overlay.box, dirty, bared + covered, content):
                overlays.append(overlay)
                bared.append(overlay.box)
                dirty |= ground.under(overlay.box)
                spread = True
    return dirty, [overlay for overlay in content.overlays if overlay in overlays], bared


def _spread(dirty: set[int], ground: Ground) -> None:
    """Adds whoever overlaps somebody who is painted."""
    waiting = list(dirty)
    while waiting:
        for neighbour in ground.neighbours[waiting.pop()]:
            if neighbour not in dirty:
                dirty.add(neighbour)
                waiting.append(neighbour)


def _disturbed(box: Box, dirty: set[int], painted: list[Box], content: Content) -> bool:
    return any(box.overlaps(other) for other in painted) or any(
        box.overlaps(content.marks[number][0].box) for number in dirty
    )
