"""Streams that an application may read late, or not at all: each reader has its own bounded ring.

One event loop, no threads. A reader that falls behind loses the oldest values, counted; a reader that was forgotten is
garbage and costs nothing.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Generic, TypeVar
from weakref import WeakSet

T = TypeVar("T")


class Reader(AsyncIterator[T]):
    """The newest ``size`` values since it was made. ``async for`` ends when the stream ends, or raises its error."""

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError(f"a reader needs room for at least one value, not {size}")
        self._values: deque[T] = deque(maxlen=size)
        self._ready = asyncio.Event()
        self._closed = False
        self._error: BaseException | None = None
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._values)

    async def __anext__(self) -> T:
        while not self._values:
            if self._closed:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            self._ready.clear()
            await self._ready.wait()
        return self._values.popleft()

    def close(self) -> None:
        """No more values come; those that are here can still be read. Idempotent."""
        self._end(None)

    def _put(self, value: T) -> None:
        if self._closed:
            return
        self.dropped += len(self._values) == self._values.maxlen
        self._values.append(value)
        self._ready.set()

    def _end(self, error: BaseException | None) -> None:
        if not self._closed:
            self._closed = True
            self._error = error
            self._ready.set()


class Broadcast(Generic[T]):
    """One writer, any number of readers. Keeps nothing itself and holds its readers weakly."""

    def __init__(self) -> None:
        self._readers: WeakSet[Reader[T]] = WeakSet()
        self._closed = False
        self._error: BaseException | None = None
        self.published = 0

    @property
    def read(self) -> bool:
        """Somebody holds a reader."""
        return len(self._readers) > 0

    def reader(self, size: int) -> Reader[T]:
        """Reads from now on. Of a closed stream: one that ends at once."""
        reader: Reader[T] = Reader(size)
        if self._closed:
            reader._end(self._error)
        self._readers.add(reader)
        return reader

    def publish(self, value: T) -> None:
        self.published += 1
        for reader in tuple(self._readers):
            reader._put(value)

    def close(self, error: BaseException | None = None) -> None:
        """Ends every reader; with ``error`` they raise it after their last value. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._error = error
        for reader in tuple(self._readers):
            reader._end(error)
