"""How long pictures are held back so that those which a repair delayed are still shown.

A lost packet is sent again, and is here a round trip and the wait for its successor later. Meanwhile the pictures after
it wait as well, and come at once: shown as they come, all but the newest are lost to the viewer, with every twentieth
packet lost some 15 % of them. Held back by what a repair takes, they are shown one after the other, as every browser
does with what it receives. Where nothing is sent again nothing is held back.
"""

from collections import deque
from typing import Final

from mcu.clock import NS_PER_MS

REMEMBERED: Final = 250
"""Ten seconds of pictures: how long a loss is remembered."""
FEWEST: Final = 50
RECKON_EVERY: Final = 10
REPAIRED: Final = 0.02
"""Of fewer pictures that were repaired, each costs less than a delay of all."""
COVERED: Final = 0.95
"""The part of the pictures that shall be there in time."""

MAX_BEHIND_VOICE_NS: Final = 45 * NS_PER_MS
"""Sound that is ahead of its picture by more is noticed (ITU-R BT.1359, 45 ms)."""
MAX_ALONE_NS: Final = 120 * NS_PER_MS
"""Without a voice to meet."""


class Holding:
    """Of one camera. ``arrived`` on one thread; ``wait_ns`` may be read by any."""

    def __init__(self) -> None:
        self._late_ns: deque[int] = deque(maxlen=REMEMBERED)
        self._repairs: deque[bool] = deque(maxlen=REMEMBERED)
        self._until_reckoning = RECKON_EVERY
        self._needed_ns = 0

    def arrived(self, late_ns: int, *, repaired: bool) -> None:
        """A picture came so long after the earliest moment it could have been here."""
        self._late_ns.append(late_ns)
        self._repairs.append(repaired)
        self._until_reckoning -= 1
        if self._until_reckoning <= 0:
            self._until_reckoning = RECKON_EVERY
            self._needed_ns = self._reckoned_ns()

    def _reckoned_ns(self) -> int:
        if len(self._late_ns) < FEWEST or sum(self._repairs) < REPAIRED * len(self._repairs):
            return 0
        return max(0, sorted(self._late_ns)[int(COVERED * (len(self._late_ns) - 1))])

    def wait_ns(self, latency_ns: int | None) -> int:
        """How long after its capture a picture is to be shown, when its owner's voice is heard ``latency_ns`` after
        its own; None: there is none. At least as long as that, and bounded.
        """
        if latency_ns is None:
            return min(self._needed_ns, MAX_ALONE_NS)
        return max(latency_ns, min(self._needed_ns, latency_ns + MAX_BEHIND_VOICE_NS))
