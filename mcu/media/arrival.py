"""How long sound has to wait so that nearly all of it is there in time.

A packet's *transit* is its arrival minus its timestamp; only differences between transits mean anything. The smallest
of the last seconds belongs to the packet that travelled freely, so what another takes longer is its jitter. The delay
to play with is a tick, whose samples must all be there when it begins, plus what covers nearly all of the jitter.
While packets get lost and their successors bring copies of them (in-band FEC), it is a packet longer, so that the
successor is there when it is needed; some time after the last such loss it comes down again.
"""

import itertools
from collections import deque

from mcu.clock import NS_PER_MS, NS_PER_S
from mcu.frames import AUDIO_CLOCK_HZ
from mixer.timeline import ARRIVAL_WINDOW_NS, MinimumFilter

MIN_DELAY_NS = 20 * NS_PER_MS
MAX_DELAY_NS = 200 * NS_PER_MS
"""Bounds of the delay: a tick, and what people who talk to each other just put up with."""

TICK_NS = 20 * NS_PER_MS
SLACK_NS = 5 * NS_PER_MS
"""Kept beyond the jitter seen, so that drift doesn't run into a hole before it is noticed."""

COVERED = 0.97
"""The part of the packets that shall be there in time. More: fewer gaps in a storm, a longer delay for everybody."""

REMEMBERED_PACKETS = 200
"""Four seconds of 20 ms packets: how long a storm is remembered."""

REPAIRS_REMEMBERED_NS = 20 * NS_PER_S
"""How long after a loss that a copy can mend the delay leaves room for the next copy."""

RECKON_EVERY = 5
RECKON_UNHURRIED_EVERY = 25
"""The delay is worked out anew after so many packets: a tenth of a second, or half a one when nobody listens."""

MAX_TRANSIT_STEP_NS = 2 * NS_PER_S
"""A packet further than this from the others belongs to another timeline: the sender began anew."""

SHIFT_AFTER_NS = 200 * NS_PER_MS
SHIFT_PACKETS = 5
"""When for so long, and so many packets, each comes later than the longest delay could wait for, that is no jitter: a
longer way through the network, or timestamps that fell behind. What was fastest before counts no more.
"""

DRIFT_STEP_NS = 5 * NS_PER_S
DRIFT_STEPS = 24
"""Drift is read from how the fastest transit moved in the last two minutes."""

DRIFT_AFTER_NS = 30 * NS_PER_S
"""Before this, jitter looks like drift."""


def samples_ns(samples: int) -> int:
    """How long so many samples last."""
    return samples * NS_PER_S // AUDIO_CLOCK_HZ


class Drift:
    """How fast another clock runs, from its fastest transits: the median slope between any two of them (Theil and
    Sen), so that a storm which delays even the fastest for a while doesn't count. One thread.
    """

    def __init__(self) -> None:
        self._marks: deque[tuple[int, int]] = deque(maxlen=DRIFT_STEPS + 1)
        self.ppm: float | None = None
        """Above 0: the sender's clock runs faster than ours. None while it can't be told from jitter."""

    def see(self, fastest_ns: int, now_ns: int) -> None:
        if self._marks and now_ns - self._marks[-1][0] < DRIFT_STEP_NS:
            return
        self._marks.append((now_ns, fastest_ns))
        if now_ns - self._marks[0][0] >= DRIFT_AFTER_NS:
            pairs = itertools.combinations(self._marks, 2)
            slopes = sorted((early - late) / (ended - began) for (began, early), (ended, late) in pairs)
            self.ppm = slopes[len(slopes) // 2] * 1e6

    def clear(self) -> None:
        self._marks.clear()
        self.ppm = None


class Arrivals:
    """The transits of one audio stream and the delay they ask for. RTP times are unwrapped samples. One thread."""

    def __init__(self) -> None:
        self._fastest = MinimumFilter(ARRIVAL_WINDOW_NS)
        self._jitters_ns: deque[int] = deque(maxlen=REMEMBERED_PACKETS)
        self._until_reckoning = 0
        self.unhurried = False
        """Nobody listens now."""
        self._covering_ns = TICK_NS + SLACK_NS
        self._packet_ns = TICK_NS
        self._repairs_until_ns: int | None = None
        self._drift = Drift()
        # Packets in a row that came too late to be waited for, and the fastest of them.
        self._slow_packets = self._slow_since_ns = self._slow_ns = 0
        self.target_ns = self._covering_ns

    def expect(self, packet_ns: int) -> None:
        """Packets last so long from now on."""
        self._packet_ns = packet_ns

    def arrived(self, rtp: int, arrived_ns: int) -> None:
        """Learns from a packet, late ones included: they are the ones that ask for more delay."""
        transit_ns = arrived_ns - samples_ns(rtp)
        fastest_ns = self._fastest.add(transit_ns, arrived_ns)
        if self._shifted(transit_ns, fastest_ns, arrived_ns):
            self.clear()
            fastest_ns = self._fastest.add(self._slow_ns, arrived_ns)
        self._jitters_ns.append(transit_ns - fastest_ns)
        self._until_reckoning -= 1
        if self._until_reckoning <= 0:
            self._until_reckoning = RECKON_UNHURRIED_EVERY if self.unhurried else RECKON_EVERY
            ordered = sorted(self._jitters_ns)
            self._covering_ns = ordered[int(COVERED * (len(ordered) - 1))] + TICK_NS + SLACK_NS
            if self._repairs_until_ns is not None and arrived_ns >= self._repairs_until_ns:
                self._repairs_until_ns = None
            self._aim()
            self._drift.see(fastest_ns, arrived_ns)

    def _shifted(self, transit_ns: int, fastest_ns: int, arrived_ns: int) -> bool:
        if transit_ns - fastest_ns <= MAX_DELAY_NS:
            self._slow_packets = 0
            return False
        if self._slow_packets == 0:
            self._slow_since_ns, self._slow_ns = arrived_ns, transit_ns
        self._slow_packets += 1
        self._slow_ns = min(self._slow_ns, transit_ns)
        return self._slow_packets >= SHIFT_PACKETS and arrived_ns - self._slow_since_ns >= SHIFT_AFTER_NS

    def repairable(self, arrived_ns: int) -> None:
        """A packet was lost that the one that arrived then holds a copy of."""
        self._repairs_until_ns = arrived_ns + REPAIRS_REMEMBERED_NS
        self._aim()

    def _aim(self) -> None:
        wanted_ns = self._covering_ns + (0 if self._repairs_until_ns is None else self._packet_ns)
        self.target_ns = min(MAX_DELAY_NS, max(MIN_DELAY_NS, wanted_ns))

    @property
    def drift_ppm(self) -> float | None:
        """How much faster than ours the sender's clock runs; None before half a minute."""
        return self._drift.ppm

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

    def due_rtp(self, now_ns: int) -> int:
        """The sample that is due at ``now_ns``."""
        return (now_ns - (self._fastest.minimum or 0) - self.target_ns) * AUDIO_CLOCK_HZ // NS_PER_S

    def clear(self) -> None:
        """Forgets everything but the target: the network is still the same when the sender begins anew."""
        self._fastest.clear()
        self._jitters_ns.clear()
        self._drift.clear()
        self._slow_packets = 0
        self._until_reckoning = RECKON_EVERY
