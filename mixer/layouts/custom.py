"""Custom layouts: regions in exact fractions of the canvas, and their pixels."""

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from mixer.geometry import Box, Size
from mixer.layouts.grid import grid
from mixer.layouts.pick import Pick
from mixer.scene import CENTER, Align, Fit

Fractions = tuple[Fraction, Fraction, Fraction, Fraction]


@dataclass(frozen=True, slots=True)
class Cells:
    """Equal cells, numbered from 0 row by row. ``gap`` in pixels stands between them, None for the layout's."""

    columns: int
    rows: int
    exclude: frozenset[int] = frozenset()
    gap: int | None = None


@dataclass(frozen=True, slots=True)
class AutomaticCells:
    """Cells for those who are there, ``most`` at most: as many columns and rows as make them largest."""

    most: int
    gap: int | None = None


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the canvas: ``box`` is left, top, width and height, 0 to 1. ``fit`` None: screens whole, the others as
    the layout says.
    """

    id: str
    box: Fractions
    pick: Pick = Pick()  # noqa: RUF009 - frozen, so it may be shared
    z: int = 0
    fit: Fit | None = None
    align: Align = CENTER
    cells: Cells | AutomaticCells | None = None

    @property
    def places(self) -> int:
        match self.cells:
            case None:
                return 1
            case AutomaticCells():
                return self.cells.most
            case Cells():
                return self.cells.columns * self.cells.rows - len(self.cells.exclude)


@dataclass(frozen=True, slots=True)
class Variant:
    """The regions for ``fewest`` to ``most`` tiles."""

    regions: tuple[Region, ...]
    fewest: int = 0
    most: int | None = None

    @property
    def for_screens(self) -> bool:
        return any("screen" in region.pick.claims(region.places) for region in self.regions)


@dataclass(frozen=True, slots=True)
class CustomSpec:
    """At least one variant. Regions of one id are one region to those who stand in it, in whichever variant."""

    variants: tuple[Variant, ...]

    def variant(self, count: int) -> Variant:
        """The first that fits ``count`` tiles, and the last when none does."""
        fitting = (one for one in self.variants if one.fewest <= count and (one.most is None or count <= one.most))
        return next(fitting, self.variants[-1])


def boxes(region: Region, canvas: Size, gap: int, count: int = 1) -> list[Box]:
    """The pixels of the places of a region that holds ``count`` people. Boxes of regions that touch, touch; the cells
    of a grid are equal to within two pixels, and those of an automatic one equal.

    Raises:
        ValueError: the canvas is too small for the region.
    """
    x, y, width, height = region.box
    left, right = _edge(x * canvas.width), _edge((x + width) * canvas.width)
    top, bottom = _edge(y * canvas.height), _edge((y + height) * canvas.height)
    cells = region.cells or Cells(1, 1)
    gap = gap if cells.gap is None else cells.gap
    if isinstance(cells, AutomaticCells):
        if count > 1:
            return grid(Box(left, top, right - left, bottom - top), count, gap)
        cells = Cells(1, 1)
    across = _divided(left, right, cells.columns, gap)
    down = _divided(top, bottom, cells.rows, gap)
    if not across or not down:
        raise ValueError(f"region {region.id!r} has no pixels on a canvas of {canvas.width}×{canvas.height}")
    spread = [Box(x0, y0, x1 - x0, y1 - y0) for y0, y1 in down for x0, x1 in across]
    return [box for number, box in enumerate(spread) if number not in cells.exclude]


def _edge(pixels: Fraction) -> int:
    """The nearest even pixel: the same for the two sides of one line."""
    return round(pixels / 2) * 2


def _divided(start: int, end: int, count: int, gap: int) -> list[tuple[int, int]]:
    """``count`` even stretches from ``start`` to ``end``; the gap gives way where it would leave them no pixels. Empty
    when there is no room at all.
    """
    gap = gap // 2 * 2
    while gap and (end - start + gap) // count - gap < 4:
        gap = gap // 4 * 2
    edges = [start + _edge(Fraction((end - start + gap) * number, count)) for number in range(count + 1)]
    stretches = [(one, other - gap) for one, other in pairwise(edges)]
    return stretches if all(other - one >= 2 for one, other in stretches) else []
