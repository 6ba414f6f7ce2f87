"""The heartbeat of every connection of a process: one task, however many peers there are."""

import asyncio
from typing import Protocol

import structlog

from mcu.clock import Clock
from mcu.rtc.binding import self_check

log = structlog.get_logger()

INTERVAL_S = 0.02
"""Between two rounds. Lower repairs losses sooner; a round costs some 2 µs a peer."""


class Ticking(Protocol):
    """What is driven. ``tick`` must return within microseconds."""

    def tick(self, now_ns: int) -> int | None:
        """What is due at ``now_ns``, monotonic. The time until which it needs no other call; None: the next round."""
        ...

    def fail(self, reason: str) -> None:
        """Ends what threw in ``tick``, so that it does not throw fifty times a second."""
        ...


class RtcTicker:
    """Drives timers, loss repair and reports of its peers. Event loop only.

    Whoever starts it closes it; peers add and remove themselves.
    """

    def __init__(self, clock: Clock, interval_s: float = INTERVAL_S) -> None:
        self._clock = clock
        self._interval_s = interval_s
        self._driven: dict[Ticking, int] = {}
        """With the time from which each wants to be driven again: most of a crowd only listens."""
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def start(self) -> None:
        """Begins on the running loop. Idempotent. Raises ``Internal`` when aiortc or aioice are not as expected."""
        if self._task is None and not self._closed:
            self_check()
            self._task = asyncio.get_running_loop().create_task(self._run(), name="rtc-ticker")

    def add(self, driven: Ticking) -> None:
        self._driven[driven] = 0

    def remove(self, driven: Ticking) -> None:
        self._driven.pop(driven, None)

    def __len__(self) -> int:
        return len(self._driven)

    async def close(self) -> None:
        """Idempotent. Peers that are still there are no longer driven."""
        self._closed = True
        self._driven.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time()
        while True:
            # After a stall the next round comes at once, but rounds that were missed are not made up for.
            deadline = max(deadline + self._interval_s, loop.time())
            await asyncio.sleep(deadline - loop.time())
            self.round(self._clock.now_ns())

    def round(self, now_ns: int) -> None:
        """One round; a test with a clock of its own calls it itself."""
        for driven, due_ns in list(self._driven.items()):
            if now_ns < due_ns:
                continue
            try:
                next_ns = driven.tick(now_ns)
            except Exception as error:
                # The boundary that keeps one bad peer from stopping all others.
                log.error("peer_tick_failed", exc_info=error)
                self.remove(driven)
                driven.fail("internal_error")
            else:
                if driven in self._driven:
                    self._driven[driven] = next_ns or 0
