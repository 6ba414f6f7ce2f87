"""How much a client may say: a token bucket."""

from mcu.clock import NS_PER_S, Clock


class Bucket:
    """``burst`` at once, ``rate_per_s`` in the long run."""

    def __init__(self, rate_per_s: float, burst: int, clock: Clock) -> None:
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._clock = clock
        self._level = float(burst)
        self._filled_ns = clock.now_ns()

    def take(self) -> bool:
        """Takes one; False when the bucket is empty."""
        if self.empty:
            return False
        self._level -= 1
        return True

    @property
    def empty(self) -> bool:
        """There is nothing to take."""
        now_ns = self._clock.now_ns()
        gained = (now_ns - self._filled_ns) / NS_PER_S * self._rate_per_s
        self._level = min(self._burst, self._level + gained)
        self._filled_ns = now_ns
        return self._level < 1
