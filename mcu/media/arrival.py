"""How long sound has to wait so that nearly all of it is there in time.

A packet's *transit* is its arrival minus its timestamp; only differences between transits mean anything. The smallest
of the last seconds belongs to the packet that travelled freely, so what another takes longer is its jitter, and the
delay to play with is what covers nearly all of the jitter, plus one packet: then the successor of a lost packet, which
may hold a copy of it, is there when it is needed.
"""

from collections import deque

from mcu.clock import NS_PER_MS, NS_PER_S
from mcu.frames import AUDIO_CLOCK_HZ
from mixer.timeline import ARRIVAL_WINDOW_NS, MinimumFilter

MIN_DELAY_NS = 40 * NS_PER_MS
MAX_DELAY_NS = 200 * NS_PER_MS

COVERED = 0.97
"""The part of the packets that shall be there in time. More: fewer gaps in a storm, a longer delay for everybody."""

REMEMBERED_PACKETS = 200
"""Four seconds of 20 ms packets: how long a storm is remembered."""

RECKON_EVERY = 5

MAX_TRANSIT_STEP_NS = 2 * NS_PER_S
"""A packet further than this from the others belongs to another timeline: the sender began anew."""


def samples_ns(samples: int) -> int:
    """How long so many samples last."""
    return samples * NS_PER_S // AUDIO_CLOCK_HZ


class Arrivals:
    """The transits of one audio stream and the delay they ask for. RTP times are unwrapped samples. One thread."""

    def __init__(self) -> None:
        self._fastest = MinimumFilter(ARRIVAL_WINDOW_NS)
        self._jitters_ns: deque[int] = deque(maxlen=REMEMBERED_PACKETS)
        self._until_reckoning = 0
        self.target_ns = MIN_DELAY_NS
        self._packet_ns = 20 * NS_PER_MS

    def expect(self, packet_ns: int) -> None:
        """Packets last so long from now on."""
        self._packet_ns = packet_ns
        self.target_ns = min(MAX_DELAY_NS, max(self.target_ns, packet_ns))

    def arrived(self, rtp: int, arrived_ns: int) -> None:
        """Learns from a packet, late ones included: they are the ones that ask for more delay."""
        transit_ns = arrived_ns - samples_ns(rtp)
        self._jitters_ns.append(transit_ns - self._fastest.add(transit_ns, arrived_ns))
        self._until_reckoning -= 1
        if self._until_reckoning <= 0:
            self._until_reckoning = RECKON_EVERY
            ordered = sorted(self._jitters_ns)
            covering_ns = ordered[int(COVERED * (len(ordered) - 1))] + self._packet_ns
            self.target_ns = min(MAX_DELAY_NS, max(MIN_DELAY_NS, covering_ns))

    def plausible(self, rtp: int, arrived_ns: int) -> bool:
        """Whether a packet can belong to the timeline of those before it."""
        fastest_ns = self._fastest.minimum
        return fastest_ns is None or abs(arrived_ns - samples_ns(rtp) - fastest_ns) <= MAX_TRANSIT_STEP_NS

    def delay_ns(self, rtp: int, now_ns: int) -> int:
        """How long after the earliest moment possible a sample is played, when that is ``now_ns``."""
        return now_ns - samples_ns(rtp) - (self._fastest.minimum or 0)

    def due_ns(self, rtp: int) -> int:
        """When a sample is to be played so that its delay is ``target_ns``."""
        return samples_ns(rtp) + (self._fastest.minimum or 0) + self.target_ns

    def clear(self) -> None:
        """Forgets everything but the target: the network is still the same when the sender begins anew."""
        self._fastest.clear()
        self._jitters_ns.clear()
        self._until_reckoning = RECKON_EVERY
