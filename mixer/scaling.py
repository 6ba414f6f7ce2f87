"""Pictures scaled plane by plane into a box of the canvas.

Bilinear interpolation looks at four samples whatever the ratio, so from a ratio of two on it skips samples and
aliases. Halving by 2×2 means first is right, and cheaper too: OpenCV has a vector path for exactly that, and what is
left to interpolate then lies in the cache. INTER_AREA at other ratios has none and costs ten times as much.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from mixer.geometry import Box, Size
from mixer.picture import Picture, Plane
from mixer.scene import Fit

TRIM = 0.04
"""A picture that covers may lose up to this part of a side more than its shape asks, when it is then a whole multiple
of its box: copied or halved rather than interpolated it is sharper, and several times cheaper."""

WHOLE_RATIOS = 1, 2, 4, 8

WORTH_WARMING = 1 << 16
"""Halving reads two rows at once, which memory serves badly: a plane of this many samples, read once from front to
back beforehand, comes out of the cache, and the two together take half the time."""


def nearest_even(value: float) -> int:
    return round(value / 2) * 2


Align = tuple[float, float]
"""A place along what is left over, across and down: 0 is left or top, 1 right or bottom."""

CENTRE: Align = (0.5, 0.5)


def crop_to_cover(source: Size, target: Size, align: Align = CENTRE) -> Box:
    """The part of ``source`` that fills ``target`` without bars: the largest of its shape, from where ``align`` says,
    starting on an even pixel. Its sides are even, unless it takes the whole of an odd side. See ``TRIM`` for the
    exception.
    """
    width, height = source.width, source.height
    if width * target.height > height * target.width:
        width = min(width, -(-height * target.width // (2 * target.height)) * 2)
    else:
        height = min(height, -(-width * target.height // (2 * target.width)) * 2)
    for ratio in WHOLE_RATIOS:
        whole_width, whole_height = target.width * ratio, target.height * ratio
        if _trims_to(width, whole_width) and _trims_to(height, whole_height):
            width, height = whole_width, whole_height
    return Box(_even_part(source.width - width, align[0]), _even_part(source.height - height, align[1]), width, height)


def box_within(source: Size, target: Box, align: Align = CENTRE) -> Box:
    """The largest even box of the shape of ``source`` inside ``target``, where ``align`` says: where a letterboxed
    picture goes. At least 2×2.
    """
    scale = min(target.width / source.width, target.height / source.height)
    width = min(target.width, max(2, nearest_even(source.width * scale)))
    height = min(target.height, max(2, nearest_even(source.height * scale)))
    x = target.x + _even_part(target.width - width, align[0])
    y = target.y + _even_part(target.height - height, align[1])
    return Box(x, y, width, height)


class Scaler:
    """Scales pictures into others. It owns scratch memory, so each thread needs its own."""

    def __init__(self) -> None:
        self._scratch: list[NDArray[np.uint8]] = [np.empty(0, np.uint8), np.empty(0, np.uint8)]

    def draw(self, source: Picture, fit: Fit, canvas: Picture, box: Box, align: Align = CENTRE) -> Box:
        """Draws ``source`` into ``box`` of ``canvas`` (even edges) and returns the part of it that was covered: all
        of it, or for ``contain`` what lies between the bars. The bars are not painted.
        """
        if fit == "cover":
            crop, target = crop_to_cover(source.size, Size(box.width, box.height), align), box
        else:
            crop, target = source.size.box, box_within(source.size, box, align)
        self.scale(source, crop, canvas, target)
        return target

    def scale(self, source: Picture, crop: Box, canvas: Picture, target: Box) -> None:
        """Draws the part of ``source`` under ``crop`` (even left and top) into ``target`` (even) of ``canvas``."""
        for number, (plane, onto) in enumerate(zip(source.planes, canvas.planes, strict=True)):
            halved = 2 if number else 1
            self._scale(view(plane, crop, halved), view(onto, target, halved))

    def _scale(self, source: Plane, target: Plane) -> None:
        height, width = target.shape
        turn = 0
        if source.size >= WORTH_WARMING and height * 2 <= source.shape[0]:
            cv2.norm(source, cv2.NORM_INF)
        while source.shape[0] >= 2 * height and source.shape[1] >= 2 * width:
            if source.shape == (2 * height, 2 * width):
                _halve(source, target)
                return
            source = self._halved(source, turn)
            turn = 1 - turn
        if source.shape == target.shape:
            np.copyto(target, source)
        else:
            cv2.resize(source, (width, height), dst=target, interpolation=cv2.INTER_LINEAR)

    def _halved(self, source: Plane, turn: int) -> Plane:
        """Half of ``source`` in the scratch memory of that turn, which ``source`` doesn't lie in."""
        height, width = source.shape[0] // 2, source.shape[1] // 2
        if height * width > self._scratch[turn].size:
            self._scratch[turn] = np.empty(height * width, np.uint8)
        target = self._scratch[turn][: height * width].reshape(height, width)
        _halve(source[: height * 2, : width * 2], target)
        return target


def view(plane: Plane, box: Box, halved: int = 1) -> Plane:
    """The part of ``plane`` under ``box``; ``halved`` is 2 for a chroma plane, where odd edges round outwards."""
    return plane[box.y // halved : -(-box.bottom // halved), box.x // halved : -(-box.right // halved)]


def views(picture: Picture, box: Box) -> tuple[Plane, Plane, Plane]:
    """The parts of the three planes under an even ``box``."""
    x, y, right, bottom = box.x, box.y, box.x + box.width, box.y + box.height
    rows, columns = slice(y // 2, bottom // 2), slice(x // 2, right // 2)
    return picture.y[y:bottom, x:right], picture.u[rows, columns], picture.v[rows, columns]


def _halve(source: Plane, target: Plane) -> None:
    cv2.resize(source, (target.shape[1], target.shape[0]), dst=target, interpolation=cv2.INTER_AREA)


def _trims_to(length: int, whole: int) -> bool:
    return whole <= length <= whole * (1 + TRIM)


def _even_part(left_over: int, part: float) -> int:
    return int(left_over * min(1.0, max(0.0, part)) / 2) * 2
