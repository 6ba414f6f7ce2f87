"""How well one source is received: the arithmetic of RFC 3550, appendix A."""

from mcu.rtc import rtcp

MAX_DROPOUT = 3000
"""A leap forward that may still be a loss; beyond it a sender must repeat itself to be believed."""
MAX_MISORDER = 1000
"""How far behind the newest a packet may come."""
_MAX_LOST = 0x7F_FFFF


class SourceReception:
    """Sequence numbers unwrapped, losses counted, jitter measured, for one SSRC with RTP time of ``clock_hz``."""

    def __init__(self, ssrc: int, clock_hz: int) -> None:
        self.ssrc = ssrc
        self.highest = -1
        """The highest extended sequence number received; -1 before the first."""
        self._due = -1
        self._clock_hz = clock_hz
        self._base = 0
        self._received = 0
        self._expected_prior = self._received_prior = 0
        self._restart: int | None = None
        self._jitter = 0.0
        self._transit: int | None = None
        self._timestamp = -1
        self._last_sr = 0
        self._last_sr_ns: int | None = None

    def unwrap(self, sequence_number: int) -> int:
        """The extended number nearest to the newest received; for packets that are not counted (RTX)."""
        if self.highest < 0:
            return sequence_number
        return self.highest + ((sequence_number - self.highest + 0x8000 & 0xFFFF) - 0x8000)

    def received(self, sequence_number: int, timestamp: int, now_ns: int) -> int | None:
        """Counts a packet; its extended sequence number, or None when a leap makes it doubtful (RFC 3550, A.1).

        A second packet in a row after the leap begins a new count, more than ``MAX_DROPOUT`` further on.
        """
        if sequence_number == self._due:  # as nearly every one is
            extended = self.highest = self.highest + 1
        else:
            believed = self._out_of_turn(sequence_number)
            if believed is None:
                return None
            extended = believed
        self._due = self.highest + 1 & 0xFFFF
        self._received += 1
        # The packets of a frame share a time stamp and leave together: only the first says how evenly frames come.
        if timestamp != self._timestamp:
            self._timestamp = timestamp
            self._measure_jitter(timestamp, now_ns)
        return extended

    def _out_of_turn(self, sequence_number: int) -> int | None:
        if self.highest < 0:
            self._begin(sequence_number)
            return sequence_number
        ahead = (sequence_number - self.highest + 0x8000 & 0xFFFF) - 0x8000
        if -MAX_MISORDER <= ahead <= MAX_DROPOUT:
            self.highest = max(self.highest, self.highest + ahead)
            return self.highest + min(ahead, 0)
        if sequence_number != self._restart:
            self._restart = (sequence_number + 1) & 0xFFFF
            return None
        extended = ((self.highest >> 16) + 1) << 16 | sequence_number
        self._begin(extended)
        return extended

    def _begin(self, extended: int) -> None:
        self._base = self.highest = extended
        self._received = self._expected_prior = self._received_prior = 0
        self._restart = self._transit = None
        self._timestamp = -1

    def _measure_jitter(self, timestamp: int, now_ns: int) -> None:
        transit = (now_ns * self._clock_hz // 1_000_000_000 - timestamp) & 0xFFFF_FFFF
        if self._transit is not None:
            difference = (transit - self._transit) & 0xFFFF_FFFF
            if difference > 0x8000_0000:
                difference = 0x1_0000_0000 - difference
            self._jitter += (difference - self._jitter) / 16
        self._transit = transit

    def reported(self, ntp: int, now_ns: int) -> None:
        """Notes a sender report of this source, for the round trip that its sender measures."""
        self._last_sr = ntp >> 16 & 0xFFFF_FFFF
        self._last_sr_ns = now_ns

    def block(self, now_ns: int) -> rtcp.ReportBlock | None:
        """The next report block: losses since the last one. None before the first packet."""
        if self.highest < 0:
            return None
        expected = self.highest - self._base + 1
        interval = expected - self._expected_prior
        lost = interval - (self._received - self._received_prior)
        self._expected_prior, self._received_prior = expected, self._received
        delay = 0 if self._last_sr_ns is None else (now_ns - self._last_sr_ns) * 65536 // 1_000_000_000
        return rtcp.ReportBlock(
            ssrc=self.ssrc,
            fraction_lost=min(255, (lost << 8) // interval) if interval > 0 and lost > 0 else 0,
            packets_lost=max(-_MAX_LOST, min(_MAX_LOST, expected - self._received)),
            highest_sequence=self.highest & 0xFFFF_FFFF,
            jitter=min(int(self._jitter), 0xFFFF_FFFF),
            last_sr=self._last_sr,
            delay_since_last_sr=max(0, min(delay, 0xFFFF_FFFF)),
        )
