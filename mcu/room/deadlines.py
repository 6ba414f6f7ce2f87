"""A thread that ticks on absolute deadlines, so that lateness in one tick never moves the next."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from mcu.clock import NS_PER_S, Clock
from mcu.thread_name import show_thread_name

log = structlog.get_logger()

MAX_LATE_NS = NS_PER_S // 5
"""When later than this, the ticks missed are skipped and counted: catching up would only make it later."""


@dataclass(frozen=True, slots=True)
class TickStatistics:
    ticks: int
    skipped: int
    failed: int
    late_ns_total: int


class Metronome:
    """Calls ``tick(n)`` at ``tick_ns(n)`` on a thread of its own, beginning with the tick after ``tick_at(now)``. Ticks
    are counted one by one, unless ``after(n)`` says which one follows ``n``.

    A tick that raises is logged and counted, and the next one comes as planned: one bad picture must not end a room.
    ``close`` may be called from any thread; it returns at once, ``join`` waits.
    """

    def __init__(
        self,
        name: str,
        clock: Clock,
        *,
        tick_ns: Callable[[int], int],
        tick_at: Callable[[int], int],
        tick: Callable[[int], None],
        stopped: Callable[[], None],
        after: Callable[[int], int] = lambda n: n + 1,
    ) -> None:
        self._clock = clock
        self._tick_ns = tick_ns
        self._tick_at = tick_at
        self._tick = tick
        self._stopped = stopped
        self._after = after
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._ticks = 0
        self._skipped = 0
        self._failed = 0
        self._late_ns_total = 0

    def start(self) -> None:
        """Raises RuntimeError when the thread can't start."""
        self._thread.start()

    def close(self) -> None:
        self._closing.set()

    def join(self, timeout_s: float) -> bool:
        """True when the thread has ended. Not for the event loop."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @property
    def statistics(self) -> TickStatistics:
        return TickStatistics(self._ticks, self._skipped, self._failed, self._late_ns_total)

    def _run(self) -> None:
        show_thread_name()
        n = self._after(self._tick_at(self._clock.now_ns()))
        try:
            while self._sleep_until(self._tick_ns(n)):
                late_ns = self._clock.now_ns() - self._tick_ns(n)
                if late_ns > MAX_LATE_NS:
                    n = self._skip(n, self._clock.now_ns())
                self._late_ns_total += max(0, late_ns)
                self._one(n)
                n = self._after(n)
        finally:
            self._stopped()

    def _skip(self, n: int, now_ns: int) -> int:
        """The newest tick that is due."""
        while self._tick_ns(following := self._after(n)) <= now_ns:
            n = following
            self._skipped += 1
        return n

    def _one(self, n: int) -> None:
        self._ticks += 1
        try:
            self._tick(n)
        except Exception:
            # The boundary of a room's thread: whatever one tick meets, the room goes on.
            self._failed += 1
            if self._failed & (self._failed - 1) == 0:
                log.exception("tick_failed", thread=self._thread.name, failures=self._failed)

    def _sleep_until(self, deadline_ns: int) -> bool:
        """False once closed."""
        wait_ns = deadline_ns - self._clock.now_ns()
        if wait_ns > 0:
            return not self._closing.wait(wait_ns / NS_PER_S)
        return not self._closing.is_set()
