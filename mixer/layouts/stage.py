"""One large place and many small ones: beside it in a column, below it in a strip, or in front of it in a corner."""

from dataclasses import replace

from mixer.geometry import Box
from mixer.layouts.grid import even, fitted, grid, tiling_within

BELOW = (10, 0.2), (16, 0.28), (49, 0.36)
BESIDE = (8, 0.2), (16, 0.28), (49, 0.36)
BESIDE_UPRIGHT = (16, 0.3), (49, 0.36)
"""Up to so many small tiles, at most this part of the area is theirs. More of it would take from the person who is
talking, less would leave thumbnails in which nobody is known again."""

WIDEST_SMALL = 0.4
"""The most that a small tile takes of the width: where there is more room, the stage is to have it."""

TALLEST_STAGE = 5 / 4
"""Height over width of a stage on an upright area, where 16:9 would leave half of it empty."""

INSETS, INSETS_UPRIGHT = (0.16, 0.24), (0.24, 0.36)
"""The least and the most width of a picture in a picture, of that of a lying and of an upright area: where there is
room for it, somebody can be recognised, and little is hidden."""

INSETS_ROW = 0.8
"""The part of the width that a row of insets may take without getting smaller."""

INSETS_BAND = 0.34
"""The part of the area's height that insets may take together."""


def share(shares: tuple[tuple[int, float], ...], count: int) -> float:
    return next((part for most, part in shares if count <= most), shares[-1][1])


def stage_above(area: Box, count: int, gap: int) -> tuple[Box, list[Box]]:
    """A stage and ``count`` small tiles below it, the whole centred in ``area``. The stage is 16:9, and higher where an
    upright area leaves it room. Alone it takes all of the area.

    Raises:
        ValueError: the area is too small for so many.
    """
    if not count:
        return area, []
    widest_stage = fitted(area.width, area.height)[1]
    small = _small_below(
        area, count, gap, max(even(area.height * share(BELOW, count)), area.height - widest_stage - gap)
    )
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
    shares = BESIDE if area.width >= area.height else BESIDE_UPRIGHT
    width = even(area.width * share(shares, count))
    column = grid(Box(area.right - width, area.y, width, area.height), count, gap)
    left, right = min(box.x for box in column), max(box.right for box in column)
    spare = area.right - right
    stage = replace(area, width=left + spare - gap - area.x)
    return stage, [replace(box, x=box.x + spare) for box in column]


def stage_over(area: Box, count: int, gap: int) -> tuple[Box, list[Box]]:
    """A stage as wide as the area and ``count`` small tiles at the bottom."""
    if not count:
        return area, []
    small = _small_below(area, count, gap, even(area.height * max(0.3, share(BELOW, count))))
    top = area.bottom - _height(small)
    return replace(area, height=top - gap - area.y), _moved(small, top)


def roomiest(area: Box, count: int, gap: int) -> tuple[Box, list[Box]]:
    """A column beside the stage or small tiles below it, whichever shows a 16:9 screen larger."""
    if area.height > area.width:
        return stage_above(area, count, gap)
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
    least, most = INSETS if area.width >= area.height else INSETS_UPRIGHT
    widest = even(area.width * max(least, min(most, INSETS_ROW / count)))
    tiling, gap = tiling_within(replace(area, height=band), count, gap, max(2, widest))
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
