"""Which worker gets the next room, and when a worker that died is started again: arithmetic on plain figures."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from mcu.clock import NS_PER_S
from mcu.engine.frames import Figures

ROOM_SHARE: Final = 0.25
"""What a room is expected to take of a core: one encoder, the mixer, the sound of those who listen."""
PERSON_SHARE: Final = 0.005
"""What a participant is expected to take of a core: a picture of their tile's size decoded, packets sent."""

FIRST_DELAY_NS: Final = NS_PER_S // 2
LONGEST_DELAY_NS: Final = 30 * NS_PER_S
STEADY_NS: Final = 60 * NS_PER_S
MOST_LOSSES: Final = 3


def load(figures: Figures, rooms: int) -> float:
    """How much of a core a worker is busy with, or soon will be: measured, or expected of its ``rooms`` (as they are
    known here: some may be too new for the figures), whichever is more.
    """
    return max(figures.cpu_share, ROOM_SHARE * rooms + PERSON_SHARE * figures.participants)


def least_loaded(loads: Mapping[int, float]) -> int:
    """The number of the worker with the least load; of equals the lowest. Raises ValueError when there is none."""
    return min(sorted(loads), key=lambda number: loads[number])


@dataclass(slots=True)
class Backoff:
    """How long to wait before the next start: at once after a steady life, then longer each time."""

    _short_lives: int = 0

    def next_ns(self, lived_ns: int) -> int:
        """``lived_ns``: how long the one that just ended was up."""
        if lived_ns >= STEADY_NS:
            self._short_lives = 0
        delay_ns = 0 if self._short_lives == 0 else FIRST_DELAY_NS << min(self._short_lives - 1, 10)
        self._short_lives += 1
        return min(delay_ns, LONGEST_DELAY_NS)


@dataclass(slots=True)
class Losses:
    """How often a room lost its worker of late. One that loses three in a minute may be the reason for it."""

    _at_ns: deque[int] = field(default_factory=lambda: deque(maxlen=MOST_LOSSES))

    def too_many(self, now_ns: int) -> bool:
        """Counts one more loss."""
        self._at_ns.append(now_ns)
        return len(self._at_ns) == MOST_LOSSES and now_ns - self._at_ns[0] < STEADY_NS
