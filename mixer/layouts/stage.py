"""One large place and many small ones: beside it in a column, or below it in a strip."""

from dataclasses import replace

from mixer.geometry import Box
from mixer.layouts.grid import even, fitted, grid, tiling_within

SHARES = (6, 0.2), (16, 0.28), (49, 0.36)
"""Up to so many small tiles, this part of the area is theirs. More of it would take from the person who is talking,
less would leave thumbnails in which nobody is known again."""


def share(count: int) -> float:
    return next((part for most, part in SHARES if count <= most), SHARES[-1][1])


def stage_above(area: Box, count: int, gap: int) -> tuple[Box, list[Box]]:
    """A 16:9 stage and ``count`` small tiles below it, the whole centred in ``area``. An upright area gives the small
    ones all that the stage cannot use.

    Raises:
        ValueError: the area is too small for so many.
    """
    if not count:
        width, height = fitted(area.width, area.height)
        return Box(
            area.x + even((area.width - width) / 2), area.y + even((area.height - height) / 2), width, height
        ), []
    most_height = even(area.height * (1 - share(count))) - gap
    width, height = fitted(area.width, most_height)
    if not (width and height):
        raise ValueError(f"no stage fits into {area.width}×{area.height} pixels")
    below = Box(area.x, area.y + height + gap, area.width, area.height - height - gap)
    strip = grid(below, count, gap)
    raised = strip[0].y - below.y
    used = height + gap + strip[-1].bottom - strip[0].y
    down = even((area.height - used) / 2)
    stage = Box(area.x + even((area.width - width) / 2), area.y + down, width, height)
    return stage, [replace(box, y=box.y - raised + down) for box in strip]


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
    height = even(area.height * max(0.3, share(count)))
    bottom = Box(area.x, area.bottom - height, area.width, height)
    return replace(area, height=area.height - height - gap), grid(bottom, count, gap)


def roomiest(area: Box, count: int, gap: int) -> tuple[Box, list[Box]]:
    """A column beside the stage or small tiles below it, whichever shows a 16:9 screen larger."""
    beside, below = stage_beside(area, count, gap), stage_over(area, count, gap)
    return max(beside, below, key=lambda made: fitted(made[0].width, made[0].height))


INSET = 0.24
"""The width of a picture in a picture, of the area's width where that is the longer side: one that is recognised and
hides little."""

INSET_UPRIGHT = 0.36

INSETS_BAND = 0.34
"""The part of the area's height that insets may take together."""


def corner(area: Box, count: int, gap: int) -> list[Box]:
    """``count`` small tiles in the right bottom corner of ``area``, in rows from the left; a short row is the first,
    and at the right.

    Raises:
        ValueError: the area is too small for so many.
    """
    if not count:
        return []
    band = even(area.height * INSETS_BAND)
    tiling, gap = tiling_within(replace(area, height=band), count, gap)
    most = even(area.width * (INSET if area.width >= area.height else INSET_UPRIGHT))
    width, height = fitted(min(most, tiling.width), min(band, tiling.height))
    columns = min(count, (area.width + gap) // (width + gap))
    rows = -(-count // columns)
    boxes = []
    for place in range(rows * columns - count, rows * columns):
        row, column = divmod(place, columns)
        x = area.right - (columns - column) * (width + gap) + gap
        boxes.append(Box(x, area.bottom - (rows - row) * (height + gap) + gap, width, height))
    return boxes
