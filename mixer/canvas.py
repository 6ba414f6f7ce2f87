"""The memory a composite is drawn into, and the pool that saves a page fault per row and frame."""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from mixer.geometry import Size
from mixer.picture import Picture

BLACK = 16, 128, 128
"""Y, U, V of black in limited range."""


class Canvas:
    """One I420 picture in one contiguous buffer: uint8 of shape (height * 3 / 2, width), planes Y, U, V after each
    other, as encoders take it without a copy. Width and height are even.

    ``shown`` says what is on the canvas, in the words of the compositor that drew it, None when nobody knows: the same
    compositor then paints only what differs. Whoever else writes into the buffer sets it to None.
    """

    __slots__ = ("buffer", "picture", "shown", "size")

    def __init__(self, size: Size) -> None:
        if size.width % 2 or size.height % 2:
            raise ValueError(f"a 4:2:0 canvas has even sides, not {size.width}×{size.height}")
        width, height = size.width, size.height
        self.size = size
        self.shown: object = None
        self.buffer: NDArray[np.uint8] = np.empty((height * 3 // 2, width), np.uint8)
        flat = self.buffer.reshape(-1)
        luma, chroma = width * height, width * height // 4
        half = (height // 2, width // 2)
        self.picture = Picture(
            flat[:luma].reshape(height, width),
            flat[luma : luma + chroma].reshape(half),
            flat[luma + chroma :].reshape(half),
        )
        self.fill(BLACK)

    def fill(self, colour: tuple[int, int, int]) -> None:
        """Paints everything in one (Y, U, V) colour."""
        self.shown = None
        for plane, value in zip(self.picture.planes, colour, strict=True):
            plane[:] = value


class FramePool:
    """Canvases of one size, used again and again. ``take`` gives None when all ``count`` are out: the caller then
    drops its frame, for memory is bounded. The one given back last is taken first: most of what is on it is still true,
    and it lies in the cache. ``take`` and ``give`` are single deque operations, safe across threads.
    """

    def __init__(self, size: Size, count: int) -> None:
        self._free = deque((Canvas(size) for _ in range(count)), maxlen=count)
        self.size = size

    def take(self) -> Canvas | None:
        try:
            return self._free.pop()
        except IndexError:
            return None

    def give(self, canvas: Canvas) -> None:
        """Hands a canvas back. Giving one back twice is the caller's fault and would tear pictures."""
        self._free.append(canvas)

    def close(self) -> None:
        """Lets go of the memory: what is free now, and what comes back later. Nothing is lent any more. Idempotent."""
        self._free = deque(maxlen=0)

    def __len__(self) -> int:
        return len(self._free)
