"""Small things painted over a picture: what they keep of it and what they add."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mixer.colour import Yuv
from mixer.geometry import Box, Size
from mixer.picture import Picture, Plane
from mixer.scaling import views
from mixer.shapes import Coverage

_FROM_BGRA = np.array(
    [(24.966, 128.553, 65.481, 16.0), (112.0, -74.203, -37.797, 128.0), (-18.214, -93.786, 112.0, 128.0)], np.float32
)
"""Rows: Y, U and V; columns: what blue, green, red, each 0 to 1 and times alpha, and alpha add to it (ITU-R BT.601-7,
limited range)."""


@dataclass(frozen=True, slots=True, eq=False)
class Sprite:
    """``picture × keep / 255 + add``, plane by plane. Both are of one even size."""

    keep: Picture
    add: Picture

    @property
    def size(self) -> Size:
        return self.keep.size

    def paint(self, canvas: Picture, x: int, y: int) -> None:
        """Paints it with its left top corner at (x, y), both even; all of it lies inside the canvas."""
        box = Box(x, y, self.keep.width, self.keep.height)
        for region, keep, add in zip(views(canvas, box), self.keep.planes, self.add.planes, strict=True):
            cv2.multiply(region, keep, dst=region, scale=1 / 255)
            cv2.add(region, add, dst=region)


class Layers:
    """A sprite in the making: shapes of one colour each, laid over one another from far to near."""

    def __init__(self, size: Size) -> None:
        if not size.box.even:
            raise ValueError(f"a sprite has even sides, not {size.width}×{size.height}")
        shape = size.height, size.width
        self._keep: Coverage = np.ones(shape, np.float32)
        self._add: NDArray[np.float32] = np.zeros((3, *shape), np.float32)

    def over(self, coverage: Coverage, colour: Yuv, opacity: float = 1.0, x: int = 0, y: int = 0) -> "Layers":
        """Lays ``coverage`` on with its left top corner at (x, y). It lies inside the size."""
        alpha = coverage * np.float32(opacity)
        self._lay(alpha, alpha * np.array(colour, np.float32)[:, None, None], x, y)
        return self

    def image(self, bgra: NDArray[np.uint8], size: Size, x: int = 0, y: int = 0) -> "Layers":
        """Lays uint8 BGRA of shape (height, width, 4), straight alpha, scaled to ``size`` on at (x, y)."""
        shape = size.width, size.height
        smaller = size.width < bgra.shape[1] and size.height < bgra.shape[0]
        # In bytes until it has its size: a large image in floats would take a picture's time and more.
        lit = cv2.cvtColor(bgra, cv2.COLOR_RGBA2mRGBA)
        scaled = cv2.resize(lit, shape, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
        values = scaled.astype(np.float32) / np.float32(255)
        alpha: Coverage = np.asarray(values[..., 3], np.float32)
        tint = np.asarray(cv2.transform(values, _FROM_BGRA), np.float32)
        self._lay(alpha, np.moveaxis(tint, -1, 0), x, y)
        return self

    def picture(self, picture: Picture, coverage: Coverage) -> "Layers":
        """Lays a picture of the whole size on where ``coverage`` says."""
        height, width = coverage.shape
        wide = [plane.repeat(2, 0).repeat(2, 1)[:height, :width] for plane in (picture.u, picture.v)]
        self._lay(coverage, np.stack([picture.y, *wide]) * coverage, 0, 0)
        return self

    def _lay(self, alpha: Coverage, tint: NDArray[np.float32], x: int, y: int) -> None:
        """``tint`` (3, height, width) is multiplied by ``alpha`` already."""
        height, width = alpha.shape
        self._keep[y : y + height, x : x + width] *= 1 - alpha
        under = self._add[:, y : y + height, x : x + width]
        under *= 1 - alpha
        under += tint

    def sprite(self) -> Sprite:
        keep = self._keep * 255
        luma, blue, red = self._add
        kept = _halved(keep)
        return Sprite(
            Picture(_bytes(keep), _bytes(kept), _bytes(kept)),
            Picture(_bytes(luma), _bytes(_halved(blue)), _bytes(_halved(red))),
        )

    def flat(self, ground: Yuv) -> Picture:
        """The layers on an opaque ground, as a picture."""
        planes = [added + self._keep * value for added, value in zip(self._add, ground, strict=True)]
        return Picture(_bytes(planes[0]), _bytes(_halved(planes[1])), _bytes(_halved(planes[2])))


def _halved(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The means of 2×2: a chroma sample stands in the middle of the four luma samples it serves."""
    height, width = values.shape
    means: NDArray[np.float32] = values.reshape(height // 2, 2, width // 2, 2).mean((1, 3), dtype=np.float32)
    return means


def _bytes(values: NDArray[np.float32]) -> Plane:
    return np.rint(values).astype(np.uint8)
