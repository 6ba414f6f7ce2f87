"""The clock contract of a room. Every module that speaks of time means what this page says.

**Room time** is the server's monotonic clock in integer nanoseconds. Nothing else decides when a picture or a sound
is made; wall clocks appear only in RTCP sender reports and in file names.

**Canvas ticks.** Tick *n* of a view at ``fps`` is due at ``start + n / fps`` seconds, rounded down to a nanosecond
from the exact fraction: tick 10,000,000 is as exact as tick 1. The picture drawn at a tick shows, for every source,
the newest frame there is. A tick never waits for an input; one that comes too late for its own instant is skipped.

**Sound ticks.** Tick *n* covers the 960 samples (48 kHz, mono, 20 ms) that begin at ``start + n × 20 ms``. Each tick
makes a chunk, silence included: recorded silence is written, never skipped, so that sound and pictures end together.

**Remote time.** A packet's RTP timestamp counts its sender's sampling clock from an origin nobody knows. Two things
place it in room time. *Arrivals*: the packet that travelled fastest, of the last seconds, shows where its timestamp
stands. *Sender reports* (RFC 3550, 6.4.1): they tell at which instant of the sender's wall clock a timestamp stands,
and the fastest report shows where that wall clock stands in room time. Both give the instant of capture plus the
shortest way through the network. Microphone and camera of one person share one ``SenderClock``, so what was
captured together gets the same room time, and lips and voice meet, however differently the two streams were delayed
before they were sent. A stream without believable reports falls back to its arrivals.

**Lip-sync.** Sound played in the tick at *T* was captured, on this scale, at *T* − *d*; the playout says *d*. Pictures
of the same person captured at *c* are due at *c* + *d*, and those that are late are shown at once.

**Drift.** A sender's crystal is off by up to some 300 ppm. The windows of the filters are short enough to follow, so
the playout sees drift as a delay that grows or shrinks; it resamples a chunk by at most 2 % until the delay is right
again, and drops or pads beyond what resampling can mend.

**What goes out.** A composite carries the room time of its canvas tick, whenever its encoding ends; a mixed chunk that
of its first sample. RTP timestamps are ``rtp_time`` of that instant, the pts of a recording is that instant minus the
one the recording began at. Both streams are therefore on one axis, and a player that trusts them is in sync. What is
forwarded as it was sent keeps the instant of its capture, and the sender reports of that stream put it where the mix
has its owner's voice, *d* later: beside either, a player that trusts them is in sync too.
"""

from collections import deque
from dataclasses import dataclass

NS_PER_S = 1_000_000_000

SOUND_HZ = 48_000
SOUND_TICK_SAMPLES = 960
SOUND_TICK_NS = 20_000_000

MAX_RTP_STEP_S = 5
"""A longer step between two packets says nothing any more: the mapping is learnt anew."""

MAX_REPORT_ERROR_NS = NS_PER_S
"""How far a sender report may disagree with the arrivals before it is taken for nonsense."""

REPORT_LIFE_NS = 30 * NS_PER_S
"""Without a fresh report for this long (9 ms of drift at 300 ppm), arrivals are trusted again."""

ARRIVAL_WINDOW_NS = 8 * NS_PER_S
REPORT_WINDOW_NS = 30 * NS_PER_S


@dataclass(frozen=True, slots=True)
class Timeline:
    """The ticks of one room, counted from ``start_ns`` in room time. Exact over any length of time."""

    start_ns: int
    fps: int

    def __post_init__(self) -> None:
        if self.fps < 1:
            raise ValueError(f"a view has at least one picture a second, not {self.fps}")

    def canvas_tick_ns(self, n: int) -> int:
        """When canvas tick ``n`` is due."""
        return self.start_ns + n * NS_PER_S // self.fps

    def canvas_tick_at(self, now_ns: int) -> int:
        """The newest canvas tick that is due at ``now_ns``; negative before the start."""
        return ((now_ns - self.start_ns + 1) * self.fps - 1) // NS_PER_S

    def sound_tick_ns(self, n: int) -> int:
        """When the first sample of sound tick ``n`` is due."""
        return self.start_ns + n * SOUND_TICK_NS

    def sound_tick_at(self, now_ns: int) -> int:
        """The sound tick that covers ``now_ns``; negative before the start."""
        return (now_ns - self.start_ns) // SOUND_TICK_NS


def rtp_time(time_ns: int, clock_hz: int, origin: int = 0) -> int:
    """The 32-bit RTP timestamp of an instant: ``origin`` plus the instant in units of ``clock_hz``, to the nearest."""
    return (origin + (time_ns * clock_hz + NS_PER_S // 2) // NS_PER_S) & 0xFFFF_FFFF


class RtpUnwrapper:
    """Turns 32-bit timestamps into integers that never wrap.

    Steps of up to ``max_step`` in either direction are followed, so packets may come in any order. After a bigger
    step the count goes on right behind the highest value so far, and ``anchors`` rises: distances across it mean
    nothing. One thread.
    """

    def __init__(self, max_step: int) -> None:
        self._max_step = max_step
        self._highest: int | None = None
        self._offset = 0
        self.anchors = 0

    def unwrap(self, timestamp: int) -> int:
        value = self.peek(timestamp)
        highest = self._highest
        if value is None:
            value = timestamp if highest is None else highest + 1
            self._offset = value - timestamp
            self._highest = value
            self.anchors += 1
        elif highest is None or value > highest:
            self._highest = value
        return value

    def peek(self, timestamp: int) -> int | None:
        """What ``unwrap`` would give, or None where that would be a new anchor. Changes nothing."""
        highest = self._highest
        if highest is None:
            return None
        step = ((timestamp + self._offset - highest + 0x8000_0000) & 0xFFFF_FFFF) - 0x8000_0000
        return highest + step if -self._max_step <= step <= self._max_step else None


class MinimumFilter:
    """The smallest value of the last ``window_ns``, kept in eight buckets. One thread."""

    BUCKETS = 8

    def __init__(self, window_ns: int) -> None:
        self._bucket_ns = window_ns // self.BUCKETS
        self._minima: deque[tuple[int, int]] = deque(maxlen=self.BUCKETS + 1)
        self.minimum: int | None = None

    def add(self, value: int, now_ns: int) -> int:
        """Takes a value in; the minimum with it. Time that runs backwards is counted as standing still."""
        bucket = now_ns // self._bucket_ns
        minima = self._minima
        smallest = self.minimum
        if minima and bucket <= (newest := minima[-1])[0]:
            if value < newest[1]:
                minima[-1] = (newest[0], value)
            elif smallest is not None:
                return smallest
        else:
            minima.append((bucket, value))
            while minima[0][0] < bucket - self.BUCKETS:
                minima.popleft()
            smallest = None
        if smallest is None:
            smallest = min(least for _, least in minima)
        self.minimum = min(smallest, value)
        return self.minimum

    def clear(self) -> None:
        self._minima.clear()
        self.minimum = None


class SenderClock:
    """Where a remote wall clock stands in room time; shared by all streams of one person. One thread.

    ``epoch`` rises when the wall clock was set: what was read from it before is void.
    """

    def __init__(self) -> None:
        self._offsets = MinimumFilter(REPORT_WINDOW_NS)
        self.epoch = 0

    def reported(self, sender_ns: int, arrived_ns: int) -> int:
        """A report left at ``sender_ns`` of the wall clock. The offset to add to wall times to get room time."""
        offset = arrived_ns - sender_ns
        if self._offsets.minimum is not None and abs(offset - self._offsets.minimum) > MAX_REPORT_ERROR_NS:
            self._offsets.clear()
            self.epoch += 1
        return self._offsets.add(offset, arrived_ns)

    @property
    def offset_ns(self) -> int | None:
        return self._offsets.minimum


@dataclass(frozen=True, slots=True)
class _Report:
    rtp: int
    sender_ns: int
    epoch: int
    arrived_ns: int


class StreamClock:
    """Maps one stream's RTP timestamps to room time, as the page above says.

    Give it every packet or frame in order of arrival and every sender report of the stream. Timestamps are the raw
    32-bit values. One thread calls ``arrived`` and ``reported``; ``room_ns`` may be read from others, which see each
    new mapping whole, a packet late at worst.
    """

    def __init__(self, clock_hz: int, sender: SenderClock | None = None) -> None:
        self._clock_hz = clock_hz
        self._sender = sender or SenderClock()
        self._unwrapper = RtpUnwrapper(MAX_RTP_STEP_S * clock_hz)
        self._transits = MinimumFilter(ARRIVAL_WINDOW_NS)
        self._report: _Report | None = None
        self.rejected_reports = 0

    def arrived(self, timestamp: int, arrived_ns: int) -> int:
        """Learns from a packet's arrival; the room time of its timestamp."""
        return self._place(self.learn(timestamp, arrived_ns))

    def learn(self, timestamp: int, arrived_ns: int) -> int:
        """``arrived`` for whoever wants no room time: the unwrapped timestamp."""
        unwrapper = self._unwrapper
        anchors = unwrapper.anchors
        rtp = unwrapper.unwrap(timestamp)
        if unwrapper.anchors != anchors:
            self._transits.clear()
            self._report = None
        if self._report is not None and arrived_ns - self._report.arrived_ns > REPORT_LIFE_NS:
            self._report = None
        self._transits.add(arrived_ns - rtp * NS_PER_S // self._clock_hz, arrived_ns)
        return rtp

    def reported(self, ntp: int, timestamp: int, arrived_ns: int) -> bool:
        """Learns from a sender report (``ntp`` is its 64-bit field); False when it was not believed."""
        rtp = self._unwrapper.peek(timestamp)
        if ntp == 0 or rtp is None or self._transits.minimum is None:
            self.rejected_reports += 1
            return False
        sender_ns = ntp * NS_PER_S >> 32
        offset_ns = self._sender.reported(sender_ns, arrived_ns)
        by_arrival_ns = self._elapsed_ns(rtp) + self._transits.minimum
        if abs(sender_ns + offset_ns - by_arrival_ns) > MAX_REPORT_ERROR_NS:
            self.rejected_reports += 1
            return False
        self._report = _Report(rtp, sender_ns, self._sender.epoch, arrived_ns)
        return True

    def room_ns(self, timestamp: int) -> int | None:
        """The room time of a timestamp; None before the first arrival and for one that is far from the newest."""
        rtp = self._unwrapper.peek(timestamp)
        return None if rtp is None else self._place(rtp)

    @property
    def synchronised(self) -> bool:
        """Whether sender reports place this stream, and not its arrivals alone."""
        report = self._report
        return report is not None and report.epoch == self._sender.epoch

    def _elapsed_ns(self, rtp: int) -> int:
        return rtp * NS_PER_S // self._clock_hz

    def _place(self, rtp: int) -> int:
        report, offset_ns = self._report, self._sender.offset_ns
        if report is not None and offset_ns is not None and report.epoch == self._sender.epoch:
            return report.sender_ns + self._elapsed_ns(rtp - report.rtp) + offset_ns
        return self._elapsed_ns(rtp) + (self._transits.minimum or 0)
