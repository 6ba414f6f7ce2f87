"""How much of the sound's bitrate guards against loss: judged by what listeners report, once a second."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mcu.clock import NS_PER_S

QUANTILE: Final = 0.9
"""One in ten may fare worse than the rest are guarded for: what guards them costs everybody quality. Of fewer than ten
listeners the worst one counts."""

CALM_NS: Final = 10 * NS_PER_S
"""Reports must be good for this long before the guard is lowered: browsers report on sound every five seconds."""


@dataclass(frozen=True, slots=True)
class Guard:
    """From ``reported`` loss on, expect ``expected_loss`` and take ``bitrate`` times as much."""

    reported: float
    expected_loss: float
    bitrate: float


GUARDS: Final = (
    Guard(0.0, 0.0, 1.0),
    # libopus copies from 6 % on at 32 kbit/s, so that less would be expected in vain; a copy takes about a quarter.
    Guard(0.02, 0.10, 1.25),
    Guard(0.10, 0.20, 1.5),
)


class LossGuard:
    """Rises with the first bad report, and falls when reports were better than half of what it takes for a while."""

    def __init__(self) -> None:
        self._level = 0
        self._calm_since_ns: int | None = None

    @property
    def guard(self) -> Guard:
        return GUARDS[self._level]

    def judge(self, reported: Sequence[float], now_ns: int) -> Guard:
        """``reported`` are the losses of those who hear the stream, 0 to 1."""
        loss = quantile(reported)
        wanted = max(level for level, guard in enumerate(GUARDS) if loss >= guard.reported)
        if wanted > self._level:
            self._level = wanted
        if loss > self.guard.reported / 2 or not self._level:
            self._calm_since_ns = None
        elif self._calm_since_ns is None:
            self._calm_since_ns = now_ns
        elif now_ns - self._calm_since_ns >= CALM_NS:
            self._level -= 1
            self._calm_since_ns = None
        return self.guard


def quantile(values: Sequence[float]) -> float:
    """The ``QUANTILE`` of ``values``, one of them; 0 of none."""
    return sorted(values)[math.ceil(QUANTILE * len(values)) - 1] if values else 0.0
