"""The regions of a custom layout: exact boxes, and who fills them.

Every fault is reported with the path of its field and a reason: a layout that can't be drawn gets no further than
this. Boxes are exact fractions (``"2/3"``), so that three thirds meet without a seam on every canvas; they are kept as
they were written.
"""

import re
from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from mcu.protocol.faults import fault
from mcu.protocol.fractions import Align, Coordinate, fraction
from mcu.protocol.names import ParticipantId, clean_text

MAX_VARIANTS = 16
MAX_REGIONS = 32
MAX_CELLS = 64
MAX_PEOPLE = 1000

USUAL_PLACES = 16
"""Of a grid that says neither how many rows and columns nor how many people."""

SMALLEST_CANVAS = 320, 180
"""Width and height in pixels of the smallest canvas on which a layout must still be of use."""

SMALLEST_PX = 16
"""No region, and no cell of one, may be narrower or lower than this there."""

SELECTOR = r"^((role|name|id|source):.+|attr:[^=]+=.*)$"


def _selector(value: str) -> str:
    if not re.match(SELECTOR, value):
        raise ValueError(
            'must be "role:…", "name:…", "id:…", "source:…" or "attr:key=value"; * and ? stand for letters'
        )
    return value


Selector = Annotated[
    str,
    StringConstraints(min_length=1, max_length=128),
    AfterValidator(clean_text),
    AfterValidator(_selector),
    WithJsonSchema(
        {"type": "string", "pattern": SELECTOR, "maxLength": 128, "examples": ["role:guest", "name:inter*"]}
    ),
]


def _claim(value: object) -> object:
    if value in ("pinned", "screen", "active_speaker"):
        return value
    if isinstance(value, str) and re.match(SELECTOR, value):
        return clean_text(value)
    raise ValueError('must be "pinned", "screen", "active_speaker" or a selector such as "role:guest"')


Claim = Annotated[
    str,
    StringConstraints(max_length=128),
    BeforeValidator(_claim),
    WithJsonSchema(
        {"anyOf": [{"enum": ["pinned", "screen", "active_speaker"]}, {"type": "string", "pattern": SELECTOR}]}
    ),
]


class Strict(BaseModel):
    """A misspelt field is refused, not ignored: nobody would find out why it has no effect."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Cells(Strict):
    """A region divided into equal cells, numbered from 0 row by row; those in ``exclude`` stay empty. Without
    ``columns`` and ``rows`` there are as many of both as make the tiles largest for those who are there, at most
    ``max``, and the last row is centred.
    """

    columns: int | None = Field(default=None, ge=1, le=MAX_CELLS)
    rows: int | None = Field(default=None, ge=1, le=MAX_CELLS)
    max: int | None = Field(
        default=None,
        ge=1,
        le=MAX_CELLS,
        description=f"without columns and rows: how many at most; null: {USUAL_PLACES}, or as many as have room",
    )
    exclude: tuple[int, ...] = Field(default=(), max_length=MAX_CELLS)
    gap: int | None = Field(default=None, ge=0, le=64, description="pixels between cells; null: the layout's gap")

    @model_validator(mode="after")
    def _drawable(self) -> Self:
        if self.columns is None or self.rows is None:
            return self._automatic()
        if self.max is not None:
            raise fault(("max",), "is for a grid without columns and rows: this one has as many places as cells")
        cells = self.columns * self.rows
        if cells > MAX_CELLS:
            raise fault((), f"{self.columns} columns × {self.rows} rows are more than {MAX_CELLS} cells")
        for place, cell in enumerate(self.exclude):
            if not 0 <= cell < cells:
                raise fault(("exclude", place), f"there is no cell {cell}: the cells are 0 to {cells - 1}")
        if len(set(self.exclude)) == cells:
            raise fault(("exclude",), "leaves no cell for anybody")
        return self

    def _automatic(self) -> Self:
        if self.columns is not None or self.rows is not None:
            missing = "rows" if self.rows is None else "columns"
            raise fault((missing,), "is missing: give both columns and rows, or neither")
        if self.exclude:
            raise fault(("exclude",), "names cells, which are not known without columns and rows")
        return self


class Pick(Strict):
    """Who fills a region. Nobody is in two regions.

    ``reserve`` names participants to whom the first places belong: whatever others do, they are there; while they are
    away the places are lent. ``first`` says who comes before the others (by default a pin, a screen and the active
    speaker, for a region of one place). ``match`` lets in only some. ``hold_ms`` is for how long speech alone takes
    nobody's place away. ``overflow``, when there are more people than places: ``hide`` shows the first of ``order``,
    ``page`` turns pages, ``speech`` shows who spoke last.
    """

    first: tuple[Claim, ...] | None = Field(default=None, max_length=8)
    hold_ms: int = Field(default=2000, ge=0, le=600_000)
    match: Selector | None = None
    order: Literal["join", "recent_speech", "name"] = "join"
    overflow: Literal["hide", "page", "speech"] = "speech"
    page_ms: int = Field(default=10_000, ge=1000, le=3_600_000)
    reserve: tuple[ParticipantId, ...] = Field(default=(), max_length=MAX_CELLS)


class Region(Strict):
    """A part of the canvas: ``box`` is left, top, width and height in fractions of it. Higher ``z`` is nearer.

    ``fit`` null: screens whole, everything else as the layout says.
    """

    id: str = Field(pattern=r"^[A-Za-z0-9_\-]{1,32}$")
    box: tuple[Coordinate, Coordinate, Coordinate, Coordinate]
    z: int = Field(default=0, ge=-100, le=100)
    fit: Literal["cover", "contain"] | None = None
    align: Align = "center"
    grid: Cells | None = None
    pick: Pick = Pick()

    @property
    def fractions(self) -> tuple[Fraction, Fraction, Fraction, Fraction]:
        x, y, width, height = self.box
        return fraction(x), fraction(y), fraction(width), fraction(height)

    @property
    def places(self) -> int:
        if self.grid is None:
            return 1
        if self.grid.columns is None or self.grid.rows is None:
            return min(USUAL_PLACES, self.room) if self.grid.max is None else self.grid.max
        return self.grid.columns * self.grid.rows - len(set(self.grid.exclude))

    @property
    def room(self) -> int:
        """How many tiles of 16:9 have room in the region, none lower than ``SMALLEST_PX`` on the smallest canvas."""
        _, _, width, height = self.fractions
        across = int(width * SMALLEST_CANVAS[0] * 9 / (16 * SMALLEST_PX))
        return max(1, across * int(height * SMALLEST_CANVAS[1] / SMALLEST_PX))

    @model_validator(mode="after")
    def _drawable(self) -> Self:
        x, y, width, height = self.fractions
        for start, extent, side in ((x, width, "width"), (y, height, "height")):
            if start + extent > 1:
                raise fault(("box",), f"reaches beyond the canvas: its {side} ends at {start + extent}")
        for extent, pixels, cells, side in (
            (width, SMALLEST_CANVAS[0], (self.grid and self.grid.columns) or 1, "width"),
            (height, SMALLEST_CANVAS[1], (self.grid and self.grid.rows) or 1, "height"),
        ):
            if extent * pixels < SMALLEST_PX:
                raise fault(("box",), f"a {side} of {extent} is too small: {_at_least(pixels)}")
            if extent * pixels < SMALLEST_PX * cells:
                raise fault(("grid",), f"cells with a {side} of {extent / cells} are too small: {_at_least(pixels)}")
        if self.grid is not None and self.grid.max is not None and self.grid.max > self.room:
            raise fault(("grid", "max"), f"is more than the region has room for, which is {self.room}")
        if len(self.pick.reserve) > self.places:
            raise fault(("pick", "reserve"), f"reserves more than the region has places, which is {self.places}")
        if len(set(self.pick.reserve)) < len(self.pick.reserve):
            raise fault(("pick", "reserve"), "names somebody twice")
        return self


class Variant(Strict):
    """The regions for so many tiles; a shared screen counts as one. The first variant that fits is taken, and the last
    one when none does.
    """

    min: int = Field(default=0, ge=0, le=MAX_PEOPLE)
    max: int | None = Field(default=None, ge=0, le=MAX_PEOPLE)
    regions: tuple[Region, ...] = Field(max_length=MAX_REGIONS)

    @model_validator(mode="after")
    def _drawable(self) -> Self:
        if not self.regions:
            raise fault(("regions",), "needs at least one region")
        if self.max is not None and self.max < self.min:
            raise fault(("max",), f"is less than min, which is {self.min}")
        seen: set[str] = set()
        reserved: set[str] = set()
        for place, region in enumerate(self.regions):
            if region.id in seen:
                raise fault(("regions", place, "id"), f"another region is called {region.id!r}")
            seen.add(region.id)
            if twice := reserved.intersection(region.pick.reserve):
                raise fault(("regions", place, "pick", "reserve"), f"{min(twice)!r} has a place in another region")
            reserved.update(region.pick.reserve)
        for (_, first), (place, second) in combinations(enumerate(self.regions), 2):
            if first.z == second.z and _overlap(first, second):
                raise fault(
                    ("regions", place, "box"), f"overlaps region {first.id!r}: give one of them a higher z to want that"
                )
        if sum(region.places for region in self.regions) > MAX_CELLS:
            raise fault(("regions",), f"has more than {MAX_CELLS} places in all")
        return self


def check_reach(variants: tuple[Variant, ...]) -> Iterator[tuple[int, str]]:
    """The index of every variant that can never be chosen, and why."""
    taken: list[tuple[int, int]] = []
    for place, variant in enumerate(variants):
        low, high = variant.min, MAX_PEOPLE if variant.max is None else variant.max
        reach = low
        for start, end in sorted(taken):
            if start <= reach <= end:
                reach = end + 1
        if reach > high:
            yield place, "is never chosen: the variants before it fit whenever it does"
        taken.append((low, high))


def _overlap(first: Region, second: Region) -> bool:
    x, y, width, height = first.fractions
    other_x, other_y, other_width, other_height = second.fractions
    across = x < other_x + other_width and other_x < x + width
    return across and y < other_y + other_height and other_y < y + height


def _at_least(pixels: int) -> str:
    width, height = SMALLEST_CANVAS
    return f"at least {Fraction(SMALLEST_PX, pixels)}, {SMALLEST_PX} pixels on a canvas of {width}×{height}"


def selectors(variants: tuple[Variant, ...]) -> list[str]:
    """Every selector of a layout once, in the order of the text: for a preview with people whom it would pick."""
    found: dict[str, Any] = {}
    for variant in variants:
        for region in variant.regions:
            for one in (*(region.pick.first or ()), region.pick.match or ""):
                if ":" in one:
                    found[one] = None
    return list(found)
