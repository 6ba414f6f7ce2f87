"""Everybody in one row, or in one column on an upright canvas."""

from mixer.geometry import Box
from mixer.layouts.grid import even, grid

SLIMMEST = 3 / 4
"""Width over height of a tile between many others: a camera cropped further loses the face."""

WIDEST = 16 / 9

THINNEST_PX = 16
"""Where one row would leave tiles thinner than this, more rows are made."""


def strip(area: Box, count: int, gap: int) -> list[Box]:
    """``count`` disjoint boxes of one size in ``area``, its length shared between them, centred.

    Raises:
        ValueError: the area is too small for so many.
    """
    upright = area.height > area.width
    along = area.height if upright else area.width
    length = even((along - (count - 1) * gap) / count)
    if length < THINNEST_PX:
        return grid(area, count, gap)
    if upright:
        width, height = min(area.width, even(length * WIDEST)), min(length, even(area.width / SLIMMEST))
    else:
        width, height = length, min(area.height, even(length / SLIMMEST))
    width, height = (min(width, even(height * WIDEST)), height) if count > 1 else (area.width, area.height)
    across, down = (0, height + gap) if upright else (width + gap, 0)
    left = area.x + even((area.width - width - across * (count - 1)) / 2)
    top = area.y + even((area.height - height - down * (count - 1)) / 2)
    return [Box(left + across * number, top + down * number, width, height) for number in range(count)]
