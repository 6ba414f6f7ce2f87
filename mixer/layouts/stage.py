"""One large place and many small ones: beside it in a column, below it in a strip, or in front of it in a corner."""

from dataclasses import replace

from mixer.geometry import Box
from mixer.layouts.grid import even, fitted, grid, tiling_within

SHARES = (6, 0.2), (16, 0.28), (49, 0.36)
"""Up to so many small tiles, this part of the area is theirs. More of it would take from the person who is talking,
less would leave thumbnails in which nobody is known again."""

WIDEST_SMALL = 0.4
"""The most that a small tile takes of the width: where there is more room, the stage is to have it."""

TALLEST_STAGE = 5 / 4
"""Height over width of a stage on an upright area, where 16:9 would leave half of it empty."""

INSET, INSET_UPRIGHT = 0.24, 0.36
"""The width of a picture in a picture, of that of a lying and of an upright area: somebody can be recognised in it, and
it hides little."""

INSETS_BAND = 0.34
"""The part of the area's height that insets may take together."""


def share(count: int) -> float:
    return next((part for most, part in SHARES if count <= most), SHARES[-1][1])


def stage_above(area: Box, count: int, gap: int) -> tuple[Box, list[Box]]:
    """A stage and ``count`` small tiles below it, the whole centred in ``area``. The stage is 16:9, and higher where an
    upright area leaves it room. Alone it takes all of the area.

    Raises:
        ValueError: the area is too small for so many.
    """
    if not count:
        return area, []
    widest_stage = fitted(area.width, area.height)[1]
    small = _small_below(area, count, gap, max(even(area.height * share(count)), area.height - widest_stage - gap))
    room = area.height - _height(small) - gap
    width, height = fitted(area.width, room)
    if area.width - width < 2:
        height = min(room, even(width * TALLEST_STAGE))
    if not (width and height > 0):
        raise ValueError(f"no stage fits into {area.width}×{area.height} pixels")
    top = area.y + even((area.height - height - gap - _height(small)) / 2)
    stage = Box(area.x + even((area.width - width) / 2), top, width, height)
    return stage, _moved(small, stage.bottom + gap)


def stage_beside(area: Box, count: int, gap: int) -> tuple[Box, list[Box]]:
    """A stage as high as the area and ``count`` small tiles in a column at its right."""
    if not count:
        return area, []
    width = even(area.width * share(count))
    column = Box(area.right - width, area.y, width, area.height)
    return replace(area, width=area.width - width - gap), grid(column, count, gap)


def stage_over(area: Box, count: int, gap: int) -> tuple[Box, list[Box]]:
    """A stage as wide as the area and ``count`` small tiles at the bottom."""
    if not count:
        return area, []
    small = _small_below(area, count, gap, even(area.height * max(0.3, share(count))))
    top = area.bottom - _height(small)
    return replace(area, height=top - gap - area.y), _moved(small, top)


def roomiest(area: Box, count: int, gap: int) -> tuple[Box, list[Box]]:
    """A column beside the stage or small tiles below it, whichever shows a 16:9 screen larger."""
    beside, below = stage_beside(area, count, gap), stage_over(area, count, gap)
    return max(beside, below, key=lambda made: fitted(made[0].width, made[0].height))


def corner(area: Box, count: int, gap: int) -> list[Box]:
    """``count`` small tiles in the right bottom corner of ``area``, row by row; the first row may be short.

    Raises:
        ValueError: the area is too small for so many.
    """
    if not count:
        return []
    band = even(area.height * INSETS_BAND)
    most = max(2, even(area.width * (INSET if area.width >= area.height else INSET_UPRIGHT)))
    tiling, gap = tiling_within(replace(area, height=band), count, gap, most)
    step_x, step_y = tiling.width + gap, tiling.height + gap
    columns = min(count, (area.width + gap) // step_x)
    rows = -(-count // columns)
    boxes = []
    for place in range(rows * columns - count, rows * columns):
        row, column = divmod(place, columns)
        left, top = area.right + gap - (columns - column) * step_x, area.bottom + gap - (rows - row) * step_y
        boxes.append(Box(left, top, tiling.width, tiling.height))
    return boxes


def _small_below(area: Box, count: int, gap: int, height: int) -> list[Box]:
    """``count`` small tiles in the lowest ``height`` pixels of ``area``."""
    band = Box(area.x, area.bottom - height, area.width, height)
    return grid(band, count, gap, widest=even(area.width * WIDEST_SMALL))


def _height(boxes: list[Box]) -> int:
    return boxes[-1].bottom - boxes[0].y


def _moved(boxes: list[Box], top: int) -> list[Box]:
    """The same block, beginning at ``top``."""
    return [replace(box, y=box.y - boxes[0].y + top) for box in boxes]
