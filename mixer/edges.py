"""The edges of tiles: round corners, and the border around whoever speaks."""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mixer.cache import Cache
from mixer.canvas import Canvas
from mixer.colour import Yuv, yuv
from mixer.geometry import Box, Size
from mixer.scaling import view
from mixer.shapes import Coverage, rounded

SPEAKER = yuv(0x4ADE80)

ROUNDNESS = 72
"""A canvas's short side over the radius of its corners: 10 pixels at 720 lines."""

THINNESS = 180
"""A canvas's short side over the thickness of the speaker border: 4 pixels at 720 lines."""


@dataclass(frozen=True, slots=True, eq=False)
class Stencil:
    """Scattered samples of all three planes of a canvas, to be blended with a colour in one go: ``index`` into the
    canvas's flat buffer, ``alpha`` 0 to 256, and ``tint``, the colour's value at each of them.
    """

    index: NDArray[np.intp]
    alpha: NDArray[np.uint16]
    tint: NDArray[np.uint16]

    def paint(self, canvas: Canvas, strength: float = 1.0) -> None:
        flat = canvas.buffer.reshape(-1)
        alpha = self.alpha if strength >= 1 else (self.alpha * np.float32(strength)).astype(np.uint16)
        values = flat[self.index] * (256 - alpha)
        values += self.tint * alpha
        values >>= 8
        flat[self.index] = values


Stamp = tuple[Coverage, list[tuple[int, int]]]
"""A coverage with even sides, and the even places (left, top) it is pressed on."""


def stencil(canvas: Size, stamps: Iterable[Stamp], colour: Yuv) -> Stencil:
    """Everything that ``stamps`` cover on a canvas of that size."""
    indices: list[NDArray[np.intp]] = []
    alphas: list[NDArray[np.uint16]] = []
    tints: list[NDArray[np.uint16]] = []
    luma = canvas.width * canvas.height
    for coverage, places in stamps:
        height, width = coverage.shape
        halved = coverage.reshape(height // 2, 2, width // 2, 2).mean((1, 3))
        corners_at = np.array(places, np.intp).reshape(-1, 2, 1)
        for start, part, scale, value in (
            (0, coverage, 1, colour[0]),
            (luma, halved, 2, colour[1]),
            (luma + luma // 4, halved, 2, colour[2]),
        ):
            rows, columns = np.nonzero(part)
            left, top = corners_at[:, 0] // scale, corners_at[:, 1] // scale
            index = start + (rows + top) * (canvas.width // scale) + columns + left
            alpha = np.rint(part[rows, columns] * 256).astype(np.uint16)
            indices.append(index.ravel())
            alphas.append(np.tile(alpha, len(places)))
            tints.append(np.full(index.size, value, np.uint16))
    if not indices:
        return Stencil(np.empty(0, np.intp), np.empty(0, np.uint16), np.empty(0, np.uint16))
    return Stencil(np.concatenate(indices), np.concatenate(alphas), np.concatenate(tints))


def corners(canvas: Size, boxes: Iterable[Box], background: Yuv) -> Stencil:
    """What rounds the corners of ``boxes``, painted over them in the colour behind."""
    radius = corner_radius(canvas)
    by_side: dict[int, list[Box]] = {}
    for box in boxes:
        by_side.setdefault(min(radius, _half(box)), []).append(box)
    stamps: list[Stamp] = []
    for side, alike in by_side.items():
        if side:
            stamps += _four_corners(alike, side, _outside(side, side, 0))
    return stencil(canvas, stamps, background)


class Borders:
    """Draws the border of speakers. For one thread."""

    def __init__(self, remembered: int = 64) -> None:
        self._corners: Cache[tuple[Size, Box, bool], Stencil] = Cache(remembered)

    def draw(self, canvas: Canvas, box: Box, strength: float, round_corners: bool) -> None:
        """Draws it inside the edges of ``box``. ``strength`` 0 to 1 is its opacity."""
        thickness = min(border_thickness(canvas.size), _half(box))
        if not thickness:
            return
        radius = corner_radius(canvas.size) if round_corners else 0
        side = min(max(radius, thickness), _half(box))
        for strip in _strips(box, thickness, side):
            for number, (plane, value) in enumerate(zip(canvas.picture.planes, SPEAKER, strict=True)):
                region = view(plane, strip, 2 if number else 1)
                if region.size:
                    cv2.addWeighted(region, 1 - strength, region, 0, strength * value, dst=region)

        def made() -> Stencil:
            return stencil(canvas.size, _four_corners([box], side, _outside(side, radius, thickness)), SPEAKER)

        self._corners.get((canvas.size, box, round_corners), made).paint(canvas, strength)


def corner_radius(canvas: Size) -> int:
    return max(2, min(canvas.width, canvas.height) // ROUNDNESS // 2 * 2)


def border_thickness(canvas: Size) -> int:
    return max(2, min(canvas.width, canvas.height) // THINNESS // 2 * 2)


def _outside(side: int, radius: int, thickness: int) -> Coverage:
    """The left top corner of a frame, ``side`` square: what lies outside a rounded box ``thickness`` further in."""
    field = side * 4, side * 4
    inner = rounded(field, max(0, radius - thickness), thickness, thickness, thickness, thickness)
    return (1 - inner)[:side, :side]


def _four_corners(boxes: list[Box], side: int, corner: Coverage) -> list[Stamp]:
    """``corner``, ``side`` square, turned to each corner of every box."""
    return [
        (corner, [(box.x, box.y) for box in boxes]),
        (corner[:, ::-1], [(box.right - side, box.y) for box in boxes]),
        (corner[::-1], [(box.x, box.bottom - side) for box in boxes]),
        (corner[::-1, ::-1], [(box.right - side, box.bottom - side) for box in boxes]),
    ]


def _half(box: Box) -> int:
    """The largest even square that fits four times into a box."""
    return min(box.width, box.height) // 4 * 2


def _strips(box: Box, thickness: int, side: int) -> tuple[Box, ...]:
    """The straight parts of a frame, between corners of ``side``."""
    across, down = box.width - 2 * side, box.height - 2 * side
    return (
        Box(box.x + side, box.y, across, thickness),
        Box(box.x + side, box.bottom - thickness, across, thickness),
        Box(box.x, box.y + side, thickness, down),
        Box(box.right - thickness, box.y + side, thickness, down),
    )
