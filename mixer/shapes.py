"""Shapes as coverage: float32 of shape (height, width), 0 outside, 1 inside, in between where an edge crosses a pixel.

Each is a signed distance in pixels turned into coverage, so every edge is smooth without drawing at a larger size.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Coverage = NDArray[np.float32]


def rounded(
    shape: tuple[int, int], radius: float, left: float = 0, top: float = 0, right: float = 0, bottom: float = 0
) -> Coverage:
    """A rectangle with round corners on a field of (height, width), that far from each edge of the field."""
    height, width = shape
    y, x = _centres(shape)
    half_x, half_y = (width - left - right) / 2, (height - top - bottom) / 2
    radius = max(0.0, min(radius, half_x, half_y))
    away_x = np.abs(x - left - half_x) - half_x + radius
    away_y = np.abs(y - top - half_y) - half_y + radius
    outside = np.hypot(np.maximum(away_x, 0), np.maximum(away_y, 0))
    return _covered(outside + np.minimum(np.maximum(away_x, away_y), 0) - radius)


def disc(shape: tuple[int, int], x: float, y: float, radius: float) -> Coverage:
    rows, columns = _centres(shape)
    return _covered(np.hypot(columns - x, rows - y) - radius)


def stroke(shape: tuple[int, int], start: tuple[float, float], end: tuple[float, float], width: float) -> Coverage:
    """A straight line from ``start`` to ``end`` (x, y) with round ends."""
    rows, columns = _centres(shape)
    along = end[0] - start[0], end[1] - start[1]
    length = along[0] ** 2 + along[1] ** 2 or 1.0
    part = ((columns - start[0]) * along[0] + (rows - start[1]) * along[1]) / length
    part = np.clip(part, 0, 1)
    distance = np.hypot(columns - start[0] - part * along[0], rows - start[1] - part * along[1])
    return _covered(distance - width / 2)


def arc(shape: tuple[int, int], x: float, y: float, radius: float, width: float) -> Coverage:
    """The lower half of a ring around (x, y)."""
    rows, columns = _centres(shape)
    ring = np.abs(np.hypot(columns - x, rows - y) - radius) - width / 2
    return _covered(np.maximum(ring, y - rows))


def microphone_off(side: int) -> Coverage:
    """A crossed-out microphone on a square of ``side`` pixels. Beside the stroke runs a clear line, for at label size
    the two would melt into a blot.
    """
    field, unit = (side, side), side / 16
    middle, pen = side / 2, 1.5 * unit
    capsule = rounded(field, 2.6 * unit, 5.4 * unit, 1.2 * unit, 5.4 * unit, 6.2 * unit)
    holder = arc(field, middle, 7.2 * unit, 4.6 * unit, pen)
    stand = stroke(field, (middle, 12.2 * unit), (middle, 14.6 * unit), pen)
    body = np.maximum(np.maximum(capsule, holder), stand)
    start, end = (2.2 * unit, 2.2 * unit), (13.8 * unit, 13.8 * unit)
    mark: Coverage = np.maximum(
        body * (1 - stroke(field, start, end, 4.2 * unit)), stroke(field, start, end, 1.7 * unit)
    )
    return mark


def hand(side: int) -> Coverage:
    """A raised open hand on a square of ``side`` pixels."""
    field, unit = (side, side), side / 16
    palm = rounded(field, 3.4 * unit, 4.2 * unit, 7.4 * unit, 3.6 * unit, 0.8 * unit)
    whole: Coverage = palm
    for x, top in ((5.2, 3.6), (7.3, 2.0), (9.4, 2.4), (11.4, 4.4)):
        finger = stroke(field, (x * unit, top * unit), (x * unit, 9 * unit), 1.75 * unit)
        whole = np.maximum(whole, finger)
    thumb = stroke(field, (5.4 * unit, 12.2 * unit), (2.3 * unit, 8.8 * unit), 2 * unit)
    return np.maximum(whole, thumb)


def person(side: int) -> Coverage:
    """Head and shoulders on a square of ``side`` pixels, for somebody without a name."""
    field = side, side
    head = disc(field, side / 2, side * 0.38, side * 0.17)
    shoulders = rounded(field, side * 0.26, side * 0.2, side * 0.61, side * 0.2, -side * 0.4)
    bust: Coverage = np.maximum(head, shoulders)
    return bust


def _centres(shape: tuple[int, int]) -> tuple[Coverage, Coverage]:
    """The y of every row's middle as a column, the x of every column's middle as a row."""
    height, width = shape
    rows = (np.arange(height, dtype=np.float32) + np.float32(0.5))[:, None]
    columns = (np.arange(width, dtype=np.float32) + np.float32(0.5))[None, :]
    return rows, columns


def _covered(distance: NDArray[np.floating[Any]]) -> Coverage:
    coverage: Coverage = np.clip(0.5 - distance, 0, 1).astype(np.float32)
    return coverage
