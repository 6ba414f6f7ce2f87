"""When the next picture or the next 20 ms of sound is due.

Index ``k`` of a stream with ``rate`` indices a second is due at ``epoch + k / rate``: a deadline, so that no error adds
up. All streams of a participant (and of several participants, when they are given the same epoch) share one timeline,
which is what keeps lips and voice, or a flash and a beep, together.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

NS_PER_S = 1_000_000_000


class Timeline:
    """Maps indices to instants of a monotonic clock. ``epoch_ns`` None: the epoch is now."""

    def __init__(
        self,
        epoch_ns: int | None = None,
        now_ns: Callable[[], int] = time.monotonic_ns,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._now_ns = now_ns
        self._sleep = sleep
        self.epoch_ns = now_ns() if epoch_ns is None else epoch_ns

    def index(self, rate: int) -> int:
        """The newest index whose instant has come."""
        return (self._now_ns() - self.epoch_ns) * rate // NS_PER_S

    async def reach(self, index: int, rate: int) -> None:
        """Returns once ``index`` is due; at once if it was due already."""
        due_ns = self.epoch_ns - (-index * NS_PER_S // rate)
        while (wait_ns := due_ns - self._now_ns()) > 0:
            await self._sleep(wait_ns / NS_PER_S)


class Beat:
    """The indices of one stream, each when it is due.

    ``patience``: how many indices a late stream makes up for in a burst before it skips the rest, counted in
    ``skipped``. ``align``: a skip lands on a multiple of this (a keyframe of an encoded clip).
    """

    def __init__(self, timeline: Timeline, rate: int, *, patience: int = 0, align: int = 1) -> None:
        self._timeline = timeline
        self._rate = rate
        self._patience = patience
        self._align = align
        self._next: int | None = None
        self.skipped = 0

    async def next(self) -> int:
        due = self._timeline.index(self._rate)
        if self._next is None:
            self._next = self._land(max(due, 0))
        elif due - self._next > self._patience:
            landing = self._land(due)
            self.skipped += landing - self._next
            self._next = landing
        index = self._next
        await self._timeline.reach(index, self._rate)
        self._next = index + 1
        return index

    def _land(self, index: int) -> int:
        return -(-index // self._align) * self._align
