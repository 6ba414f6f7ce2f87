"""The thread that ticks: on time by its own clock, never twice, and not to be stopped by one bad tick."""

import threading

from mcu.clock import NS_PER_MS, NS_PER_S, SystemClock
from mcu.room.deadlines import Metronome


class LateClock(SystemClock):
    """Jumps ahead when told, as if the machine had stood still."""

    def __init__(self) -> None:
        self.offset_ns = 0

    def now_ns(self) -> int:
        return super().now_ns() + self.offset_ns


class Ticking:
    """A metronome of 5 ms and what it did."""

    def __init__(self, *, fail: bool = False) -> None:
        self.clock = LateClock()
        self.ticks: list[int] = []
        self.enough = threading.Event()
        self.stopped = threading.Event()
        self.fail = fail
        start_ns = self.clock.now_ns()
        self.metronome = Metronome(
            "test",
            self.clock,
            tick_ns=lambda n: start_ns + n * 5 * NS_PER_MS,
            tick_at=lambda now_ns: (now_ns - start_ns) // (5 * NS_PER_MS),
            tick=self.tick,
            stopped=self.stopped.set,
        )

    def tick(self, n: int) -> None:
        self.ticks.append(n)
        if len(self.ticks) == 5:
            self.clock.offset_ns = 2 * NS_PER_S
        if len(self.ticks) >= 10:
            self.enough.set()
        if self.fail:
            raise ValueError("a bad tick")

    def run(self) -> None:
        self.metronome.start()
        assert self.enough.wait(30)
        self.metronome.close()
        assert self.metronome.join(10)


def test_ticks_only_go_forward_and_a_standstill_is_skipped_not_caught_up() -> None:
    ticking = Ticking()
    ticking.run()
    assert ticking.ticks == sorted(set(ticking.ticks))
    jump = ticking.ticks[5] - ticking.ticks[4]
    assert jump >= 400 - 1
    assert ticking.metronome.statistics.skipped >= jump - 1
    assert ticking.stopped.is_set()


def test_a_tick_that_raises_is_counted_and_the_next_one_comes() -> None:
    ticking = Ticking(fail=True)
    ticking.run()
    statistics = ticking.metronome.statistics
    assert statistics.failed == statistics.ticks >= 10


def test_closing_before_the_start_and_twice_does_no_harm() -> None:
    ticking = Ticking()
    ticking.metronome.close()
    ticking.metronome.close()
    assert ticking.metronome.join(1)
