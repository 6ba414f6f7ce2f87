"""The edges of tiles: round corners, and the border around whoever speaks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixer.cache import Cache
from mixer.canvas import Canvas
from mixer.colour import yuv
from mixer.geometry import Box, Size
from mixer.shapes import Coverage, rounded

SPEAKER = yuv(0x4ADE80)

ROUNDNESS = 72
"""A canvas's short side over the radius of its corners: 10 pixels at 720 lines."""

THINNESS = 180
"""A canvas's short side over the thickness of the speaker border: 4 pixels at 720 lines."""


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Scattered samples of all three planes of a canvas, a row for each of several boxes: ``index`` into the canvas's
    flat buffer, of shape (boxes, samples); ``alpha``, 0 to 256, and ``plane``, 0 to 2, of each sample.
    """

    index: NDArray[np.intp]
    alpha: NDArray[np.uint16]
    plane: NDArray[np.intp]


def blend(
    canvas: Canvas, index: NDArray[np.intp], alpha: NDArray[np.uint16], tint: NDArray[np.uint8] | NDArray[np.uint16]
) -> None:
    """Mixes ``alpha`` of 256 parts of ``tint`` into those samples."""
    flat = canvas.buffer.reshape(-1)
    values = flat[index] * (256 - alpha)
    values += tint * alpha
    values >>= 8
    flat[index] = values


def corner_samples(canvas: Size, boxes: Sequence[Box], side: int, corner: Coverage) -> Samples:
    """What ``corner`` (``side`` square, even) covers, turned to each corner of every box."""
    luma = canvas.width * canvas.height
    places = np.array([(box.x, box.y, box.right - side, box.bottom - side) for box in boxes], np.intp)
    indices: list[NDArray[np.intp]] = []
    alphas: list[NDArray[np.uint16]] = []
    planes: list[NDArray[np.intp]] = []
    for turned, x_at, y_at in (
        (corner, 0, 1),
        (corner[:, ::-1], 2, 1),
        (corner[::-1], 0, 3),
        (corner[::-1, ::-1], 2, 3),
    ):
        halved = turned.reshape(side // 2, 2, side // 2, 2).mean((1, 3))
        for plane, (start, part, scale) in enumerate(
            ((0, turned, 1), (luma, halved, 2), (luma + luma // 4, halved, 2)),
        ):
            rows, columns = np.nonzero(part)
            left, top = places[:, x_at, None] // scale, places[:, y_at, None] // scale
            indices.append(start + (rows + top) * (canvas.width // scale) + columns + left)
            alphas.append(np.rint(part[rows, columns] * 256).astype(np.uint16))
            planes.append(np.full(rows.size, plane, np.intp))
    return Samples(np.concatenate(indices, 1), np.concatenate(alphas), np.concatenate(planes))


class Corners:
    """What rounds the corners of the tiles of a canvas, so that any choice of them is painted in one go. ``radii_px``
    gives each tile's radius, even, 0 for square corners.
    """

    def __init__(self, canvas: Size, boxes: Sequence[Box], radii_px: Sequence[int]) -> None:
        by_side: dict[int, list[int]] = {}
        for number, (box, radius) in enumerate(zip(boxes, radii_px, strict=True)):
            side = min(radius, _half(box))
            if side:
                by_side.setdefault(side, []).append(number)
        self._groups: list[Samples] = []
        self._rows: dict[int, tuple[int, int]] = {}
        for group, (side, numbers) in enumerate(by_side.items()):
            outside = _outside(side, side, 0)
            self._groups.append(corner_samples(canvas, [boxes[number] for number in numbers], side, outside))
            self._rows |= {number: (group, row) for row, number in enumerate(numbers)}

    def of(self, numbers: Iterable[int]) -> Samples:
        """The samples that lie outside the round corners of those tiles, in one row."""
        rows: list[list[int]] = [[] for _ in self._groups]
        for number in numbers:
            group, row = self._rows.get(number, (-1, 0))
            if group >= 0:
                rows[group].append(row)
        pairs = [(samples, chosen) for samples, chosen in zip(self._groups, rows, strict=True) if chosen]
        if not pairs:
            return NOTHING
        return Samples(
            np.concatenate([samples.index[chosen].ravel() for samples, chosen in pairs]),
            np.concatenate([np.tile(samples.alpha, len(chosen)) for samples, chosen in pairs]),
            np.concatenate([np.tile(samples.plane, len(chosen)) for samples, chosen in pairs]),
        )


NOTHING = Samples(np.empty(0, np.intp), np.empty(0, np.uint16), np.empty(0, np.intp))


@dataclass(frozen=True, slots=True, eq=False)
class _Frame:
    """The border of one box: the samples that it covers wholly, with their colour, and those at its round corners."""

    solid: NDArray[np.intp]
    paint: NDArray[np.uint8]
    soft: NDArray[np.intp]
    alpha: NDArray[np.uint16]
    tint: NDArray[np.uint16]


class Borders:
    """Draws the border of speakers. For one thread."""

    def __init__(self, remembered: int = 64) -> None:
        self._frames: Cache[tuple[Size, Box, int], _Frame] = Cache(remembered)

    def draw(self, canvas: Canvas, box: Box, strength: float, radius: int) -> None:
        """Draws it inside the edges of ``box``, whose corners have that even radius. ``strength`` 0 to 1 is its
        opacity.
        """
        frame = self._frames.get((canvas.size, box, radius), lambda: _frame(canvas.size, box, radius))
        if strength >= 1:
            canvas.buffer.reshape(-1)[frame.solid] = frame.paint
            blend(canvas, frame.soft, frame.alpha, frame.tint)
            return
        blend(canvas, frame.solid, np.full(frame.solid.size, round(256 * strength), np.uint16), frame.paint)
        blend(canvas, frame.soft, (frame.alpha * np.float32(strength)).astype(np.uint16), frame.tint)


def corner_radius(canvas: Size) -> int:
    return max(2, min(canvas.width, canvas.height) // ROUNDNESS // 2 * 2)


def border_thickness(canvas: Size) -> int:
    return max(2, min(canvas.width, canvas.height) // THINNESS // 2 * 2)


def _frame(canvas: Size, box: Box, radius: int) -> _Frame:
    thickness = min(border_thickness(canvas), _half(box))
    side = min(max(radius, thickness), _half(box))
    colour = np.array(SPEAKER, np.uint8)
    indices: list[NDArray[np.intp]] = [np.empty(0, np.intp)]
    paints: list[NDArray[np.uint8]] = [np.empty(0, np.uint8)]
    luma = canvas.width * canvas.height
    for strip in _strips(box, thickness, side) if thickness else ():
        for plane, (start, scale) in enumerate(((0, 1), (luma, 2), (luma + luma // 4, 2))):
            rows = np.arange(strip.y // scale, strip.bottom // scale, dtype=np.intp)[:, None]
            columns = np.arange(strip.x // scale, strip.right // scale, dtype=np.intp)
            indices.append((start + rows * (canvas.width // scale) + columns).ravel())
            paints.append(np.full(indices[-1].size, colour[plane], np.uint8))
    soft = NOTHING
    if side:
        soft = corner_samples(canvas, [box], side, _outside(side, min(radius, side), thickness))
    whole = soft.alpha == 256
    index = soft.index.reshape(-1)
    return _Frame(
        np.concatenate([*indices, index[whole]]),
        np.concatenate([*paints, colour[soft.plane[whole]]]),
        index[~whole],
        soft.alpha[~whole],
        colour[soft.plane[~whole]].astype(np.uint16),
    )


def _outside(side: int, radius: int, thickness: int) -> Coverage:
    """The left top corner of a frame, ``side`` square: what lies outside a rounded box ``thickness`` further in."""
    field = side * 4, side * 4
    inner = rounded(field, max(0, radius - thickness), thickness, thickness, thickness, thickness)
    return (1 - inner)[:side, :side]


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
