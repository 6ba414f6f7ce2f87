"""Synthetic pictures, and what tests read back from a canvas."""

import numpy as np

from mixer.canvas import Canvas
from mixer.colour import Yuv
from mixer.geometry import Box
from mixer.picture import Picture

RED: Yuv = (81, 90, 240)
GREEN: Yuv = (145, 54, 34)
BLUE: Yuv = (41, 240, 110)
GREY: Yuv = (126, 128, 128)


def solid(colour: Yuv, width: int, height: int) -> Picture:
    """One colour all over; sides may be odd."""
    half = -(-height // 2), -(-width // 2)
    return Picture(
        np.full((height, width), colour[0], np.uint8),
        np.full(half, colour[1], np.uint8),
        np.full(half, colour[2], np.uint8),
    )


def pixels(canvas: Canvas, box: Box) -> set[Yuv]:
    """Every colour that occurs in an even box."""
    y, u, v = canvas.picture.planes
    luma = y[box.y : box.bottom, box.x : box.right]
    rows, columns = slice(box.y // 2, box.bottom // 2), slice(box.x // 2, box.right // 2)
    blue, red = (plane[rows, columns].repeat(2, 0).repeat(2, 1).astype(np.uint32) for plane in (u, v))
    packed = np.unique(luma.astype(np.uint32) << 16 | blue << 8 | red)
    return {(value >> 16, value >> 8 & 255, value & 255) for value in packed.tolist()}


def inside(box: Box, margin: int) -> Box:
    return Box(box.x + margin, box.y + margin, box.width - 2 * margin, box.height - 2 * margin)
