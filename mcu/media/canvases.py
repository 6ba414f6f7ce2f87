"""Canvases shared between the mixer that draws them and the hubs that encode them, and back to their pool."""

import threading

from mixer.canvas import Canvas, FramePool
from mixer.geometry import Size
from mixer.picture import Picture


class SharedCanvas:
    """A canvas on loan, with a count of its holders. Whoever is given one releases it exactly once; the last release
    gives the canvas back to its pool. It is drawn on only before it is shared. Any thread.
    """

    __slots__ = ("_canvas", "_holders", "_lock", "_pool")

    def __init__(self, canvas: Canvas, pool: FramePool) -> None:
        self._canvas = canvas
        self._pool = pool
        self._holders = 1
        self._lock = threading.Lock()

    @property
    def canvas(self) -> Canvas:
        """Raises ``RuntimeError`` after the last release: the memory may show another picture by then."""
        if not self._holders:
            raise RuntimeError("this canvas went back to its pool")
        return self._canvas

    @property
    def picture(self) -> Picture:
        return self.canvas.picture

    @property
    def size(self) -> Size:
        return self._canvas.size

    def retain(self) -> "SharedCanvas":
        """One holder more; returns itself. Raises ``RuntimeError`` when it went back already."""
        with self._lock:
            if not self._holders:
                raise RuntimeError("a canvas that went back to its pool can't be retained")
            self._holders += 1
        return self

    def release(self) -> None:
        """One holder less. Raises ``RuntimeError`` on the release that has no holder to it."""
        with self._lock:
            if not self._holders:
                raise RuntimeError("a canvas was released more often than it was retained")
            self._holders -= 1
            last = not self._holders
        if last:
            self._pool.give(self._canvas)


class CanvasPool:
    """At most ``count`` canvases of one size, lent out as ``SharedCanvas``. Any thread."""

    def __init__(self, size: Size, count: int) -> None:
        self._pool = FramePool(size, count)
        self.size = size

    def take(self) -> SharedCanvas | None:
        """A canvas with one holder, the caller; None when all are out: then this tick has no picture. What is on it
        is whatever was drawn there last.
        """
        canvas = self._pool.take()
        return None if canvas is None else SharedCanvas(canvas, self._pool)

    def close(self) -> None:
        """Lets go of the memory; of a canvas that is out, with its last release. Idempotent."""
        self._pool.close()

    def __len__(self) -> int:
        """How many are free."""
        return len(self._pool)
