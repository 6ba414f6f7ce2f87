"""A clock that stands still until a test moves it."""

from mcu.clock import NS_PER_MS, NS_PER_S

# 2024-01-01: a wall clock has to show some plausible day.
WALL_START_NS = 1_704_067_200 * NS_PER_S


class FakeClock:
    """Implements ``mcu.clock.Clock``. Both clocks start at round values and move together."""

    def __init__(self, start_ns: int = 1_000 * NS_PER_S, wall_start_ns: int = WALL_START_NS) -> None:
        self._now_ns = start_ns
        self._wall_ahead_ns = wall_start_ns - start_ns

    def now_ns(self) -> int:
        return self._now_ns

    def wall_ns(self) -> int:
        return self._now_ns + self._wall_ahead_ns

    def advance(self, *, ms: float = 0, ns: int = 0) -> int:
        """Moves on; the new monotonic time. Time never runs backwards: raises ``ValueError``."""
        step_ns = round(ms * NS_PER_MS) + ns
        if step_ns < 0:
            raise ValueError("a monotonic clock does not run backwards")
        self._now_ns += step_ns
        return self._now_ns

    def advance_to(self, now_ns: int) -> int:
        return self.advance(ns=now_ns - self._now_ns)

    def set_wall(self, wall_ns: int) -> None:
        """Sets the wall clock, as NTP or a person does; the monotonic clock doesn't notice."""
        self._wall_ahead_ns = wall_ns - self._now_ns
