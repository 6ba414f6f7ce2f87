"""Equal tiles in rows and columns, as large as the area allows.

Every number of columns is tried: with at most a few dozen people that is cheaper than being clever, and it is right
for every shape of canvas.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from mixer.geometry import Box

ASPECT = 16, 9
"""The shape of a tile, as most cameras see the world."""


@dataclass(frozen=True, slots=True)
class Tiling:
    """Rows and columns, and the size in pixels of one tile."""

    columns: int
    rows: int
    width: int
    height: int

    @property
    def area(self) -> int:
        return self.width * self.height


def even(pixels: float) -> int:
    """The next even number of pixels downwards."""
    return int(pixels // 2) * 2


def inset(box: Box, margin: int) -> Box:
    return Box(box.x + margin, box.y + margin, box.width - 2 * margin, box.height - 2 * margin)


def fitted(width: int, height: int) -> tuple[int, int]:
    """The largest even 16:9 extent inside width × height. The short side may be rounded up by a pixel to get even."""
    across, down = ASPECT
    tile_width = even(min(width, height * across / down))
    return tile_width, min(even(height), even(tile_width * down / across + 1))


def tilings(area: Box, count: int, gap: int, widest: int) -> Iterator[Tiling]:
    """Every way to lay ``count`` tiles, at most ``widest`` pixels wide, in full columns; without those whose tiles have
    no pixels left.
    """
    for columns in range(1, count + 1):
        rows = -(-count // columns)
        across = min(widest, (area.width - (columns - 1) * gap) // columns)
        width, height = fitted(max(0, across), max(0, (area.height - (rows - 1) * gap) // rows))
        if width and height:
            yield Tiling(columns, rows, width, height)


def best_tiling(area: Box, count: int, gap: int, widest: int) -> Tiling | None:
    """The tiling with the largest tiles; among equals the one with the fewest rows, then the fewest empty places."""

    def merit(tiling: Tiling) -> tuple[int, int, int]:
        return tiling.area, -tiling.rows, -tiling.columns

    return max(tilings(area, count, gap, widest), key=merit, default=None)


def tiling_within(area: Box, count: int, gap: int, widest: int) -> tuple[Tiling, int]:
    """The best tiling and its gap: where so many people stand that the gap would leave tiles no pixels, it gives way.

    Raises:
        ValueError: the area cannot hold ``count`` tiles of 2×2 pixels.
    """
    gap = even(gap)
    while (tiling := best_tiling(area, count, gap, widest)) is None:
        if not gap:
            raise ValueError(f"{count} tiles do not fit into {area.width}×{area.height} pixels")
        gap = even(gap / 2)
    return tiling, gap


def grid(area: Box, count: int, gap: int, widest: int | None = None) -> list[Box]:
    """``count`` disjoint boxes inside ``area``, row by row, centred as a block, the last row centred by itself. They
    are as large as can be, but not wider than ``widest`` pixels.

    Raises:
        ValueError: the area cannot hold ``count`` tiles of 2×2 pixels.
    """
    if not count:
        return []
    tiling, gap = tiling_within(area, count, gap, area.width if widest is None else max(2, widest))
    step_x, step_y = tiling.width + gap, tiling.height + gap
    top = area.y + even((area.height - tiling.rows * step_y + gap) / 2)
    boxes = []
    for row in range(tiling.rows):
        places = min(tiling.columns, count - row * tiling.columns)
        left = area.x + even((area.width - places * step_x + gap) / 2)
        boxes += [Box(left + i * step_x, top + row * step_y, tiling.width, tiling.height) for i in range(places)]
    return boxes
