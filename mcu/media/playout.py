"""From Opus packets as the network brings them to 20 ms of sound at every tick, whatever the network did.

A sample is played a certain delay after the earliest moment it could have been there (``arrival.py``). Everything
follows from comparing that with the delay wanted: drift and a changing network show as a deviation that is resampled
away; a talk spurt begins exactly when its first packet is due; what is far too late is skipped.

A hole between two packets is filled from the copy inside the second (in-band FEC) or invented (PLC); when there is no
second packet yet, the hole is filled without moving on, which grows the delay by what the network made us wait. Sound
that is invented fades out within 200 ms. A pause of the sender (DTX: timestamps jump, sequence numbers don't) is
silence and not loss.

A stream that nobody is to hear is *parked*: its packets come in, wait their time and go without being decoded. Back
from there it is in time at once, at the exact sample. Most of a room is parked, so of its packets only the level is
read as they come; where they belong is worked out for a few at a time, and at once when it is to be heard.
"""

import threading
from collections import deque

from mcu.clock import NS_PER_MS, NS_PER_S
from mcu.frames import AUDIO_CLOCK_HZ, SAMPLES_PER_TICK, AudioPacket, SenderReport
from mcu.mailbox import Ring
from mcu.media.arrival import samples_ns
from mcu.media.claims import Claims
from mcu.media.concealment import ConcealingDecoder, holds_copy, packet_duration
from mcu.media.intake import Intake
from mcu.media.opus import OpusDecoder, Samples
from mcu.media.pacing import Pacer, resampled
from mcu.media.playout_statistics import PlayoutStatistics
from mcu.media.splicing import Splicer
from mixer.levels import SILENT, dbov, rfc6464
from mixer.timeline import SenderClock, StreamClock

INBOX_PACKETS = 64
TICK_NS = samples_ns(SAMPLES_PER_TICK)

MAX_EXCESS_NS = 200 * NS_PER_MS
"""Sound that is later than wanted by more than this is skipped instead of being played faster."""

QUIET_DBOV = -50.0
"""Chunks of −50 dBov and below may be stretched and squeezed as one likes."""

PRIMING_PACKETS = 3
"""So many packets before the first one heard are decoded when a stream comes back from where it was parked."""

SETTLE_PACKETS = 8
SETTLE_TICKS = 8
"""A parked stream is brought up to date after so many packets or ticks: few, for the window must hold them as well."""


class Playout:
    """The sound of one participant. ``push`` and ``sender_report`` are called on the event loop, ``look``, ``pull`` and
    ``park`` by the sound thread, ``close`` and the properties by anybody. Memory and work per packet are bounded
    whatever the packets say.

    ``sender`` is the clock shared with the same person's pictures; ``decoder`` is closed with the playout.
    """

    def __init__(self, sender: SenderClock | None = None, *, decoder: OpusDecoder | None = None) -> None:
        self._inbox: Ring[AudioPacket] = Ring(INBOX_PACKETS)
        self._sender = sender or SenderClock()
        self._media = StreamClock(AUDIO_CLOCK_HZ, self._sender)
        self._media_ssrc: int | None = None
        self._pulling = threading.Lock()
        self._closed = False
        self._decoder = ConcealingDecoder(decoder or OpusDecoder())
        self._intake = Intake()
        self._arrivals = self._intake.arrivals
        self._window = self._intake.window
        self._claims = Claims()
        self._splicer = Splicer(self._decoder, self._intake, self._claims)
        self._pacer = Pacer()
        self._parked = False
        self._parked_ns = self._unsettled_ticks = 0
        self._waiting: list[AudioPacket] = []
        """Taken from the inbox, and not yet put in their place."""
        self._stale = False
        """The decoder has not seen the packets before the next one."""
        self._primer: deque[AudioPacket] = deque(maxlen=PRIMING_PACKETS)
        self._played: tuple[int, int] | None = None
        self._lost = self._resets = self._played_samples = 0
        self._dbov = self._seen_dbov = float(-SILENT)

    def push(self, packet: AudioPacket) -> None:
        """Takes a packet in; the oldest goes when nobody pulls."""
        if packet.ssrc != self._media_ssrc:
            self._media_ssrc = packet.ssrc
            self._media = StreamClock(AUDIO_CLOCK_HZ, self._sender)
        self._media.learn(packet.rtp_timestamp, packet.arrived_ns)
        self._inbox.put(packet)

    def sender_report(self, report: SenderReport) -> None:
        """Learns how the stream's timestamps and the sender's wall clock belong together."""
        if report.ssrc == self._media_ssrc:
            self._media.reported(report.ntp, report.rtp_timestamp, report.arrived_ns)

    def captured_ns(self, rtp_timestamp: int) -> int | None:
        """The room time of a packet that was pushed. Event loop."""
        return self._media.room_ns(rtp_timestamp)

    def look(self, now_ns: int) -> float | None:
        """Takes in what has arrived. How loud the stream says it is, in dBov (RFC 6464), before that sound is due, and
        as far as it can be believed; −127 when nothing comes, None when it says nothing.
        """
        with self._pulling:
            if self._closed:
                return None
            self._gather()
            if not self._parked or len(self._waiting) >= SETTLE_PACKETS:
                self._take_in()
            claimed_dbov = self._claims.believed_dbov(now_ns)
            self._seen_dbov = float(-SILENT) if claimed_dbov is None else claimed_dbov
            return claimed_dbov

    def pull(self, now_ns: int) -> Samples | None:
        """The 20 ms that begin at ``now_ns``, the time of the sound tick: int16 of shape (960,).

        None when there is nothing to hear: never begun, silent, or nothing arrives. Of a parked stream it is heard
        from the sample on that is due.
        """
        with self._pulling:
            if self._closed or self._idle:
                self._played, self._dbov, self._seen_dbov = None, float(-SILENT), float(-SILENT)
                return None
            # Ticks may have passed without a call since it was parked, or since it was parked last.
            self._parked_ns = max(self._parked_ns, now_ns - TICK_NS)
            self._settle()
            self._parked = self._arrivals.unhurried = False
            chunk = self._chunk(now_ns)
            self._dbov, self._seen_dbov = float(-SILENT) if chunk is None else dbov(chunk), float(-SILENT)
            return None if chunk is None or not chunk.any() else chunk

    def park(self, now_ns: int) -> None:
        """Instead of ``pull``: the 20 ms that begin at ``now_ns`` pass unheard, and nothing is decoded. Of a stream
        that is parked already, some ticks may be left out.
        """
        with self._pulling:
            if self._closed:
                return
            self._gather()
            self._parked_ns = now_ns
            self._unsettled_ticks += 1
            if not self._parked:
                self._parked = self._stale = self._arrivals.unhurried = True
                self._splicer.clear()
                self._primer.clear()
                self._settle()
            elif len(self._waiting) >= SETTLE_PACKETS or self._unsettled_ticks >= SETTLE_TICKS:
                self._settle()
            self._dbov, self._seen_dbov = self._seen_dbov, float(-SILENT)

    @property
    def level_dbov(self) -> float:
        """How loud the last chunk was that was pulled; −127 for silence."""
        return self._dbov

    @property
    def statistics(self) -> PlayoutStatistics:
        with self._pulling:
            self._settle()
            target_ns = self._arrivals.target_ns
            delay_ns = self._pacer.delay_ns if self._splicer.playing else target_ns if self._parked else 0
            return PlayoutStatistics(
                received=self._intake.received,
                late=self._intake.late,
                lost=self._lost + self._splicer.lost,
                played_samples=self._played_samples,
                concealed_samples=self._decoder.concealed_samples,
                fec_recovered=self._decoder.fec_recovered,
                damaged=self._decoder.damaged,
                overflowed=self._inbox.statistics.dropped,
                strays=self._intake.strays,
                resets=self._resets + self._intake.renewals,
                delay_ms=delay_ns / NS_PER_MS,
                target_ms=target_ns / NS_PER_MS,
                level=rfc6464(self._dbov),
                parked=self._parked,
                drift_ppm=self._arrivals.drift_ppm,
            )

    @property
    def latency_ns(self) -> int | None:
        """How long after its capture, in the room time of ``mixer/timeline.py``, sound is played now. Pictures of the
        same person are due as long after theirs; a parked stream counts as played. None while nothing plays.
        """
        played = self._played
        if played is None:
            return None
        rtp, played_ns = played
        captured_ns = self._media.room_ns(rtp & 0xFFFF_FFFF)
        return None if captured_ns is None else played_ns - captured_ns

    def close(self) -> None:
        """Frees the decoder; later packets are ignored. Idempotent; waits for a pull under way (well under 1 ms)."""
        self._inbox.close()
        with self._pulling:
            self._closed = True
            self._played = None
            self._decoder.close()

    @property
    def _idle(self) -> bool:
        """Nothing plays and nothing is there: most open microphones, most of the time (DTX)."""
        return not (self._splicer.playing or self._parked or self._waiting or len(self._inbox) or len(self._window))

    def _gather(self) -> None:
        """Reads the levels of what has arrived."""
        for packet in self._inbox.take_all():
            self._claims.heard(packet)
            self._waiting.append(packet)

    def _take_in(self) -> None:
        """Puts what has arrived in its place."""
        self._gather()
        waiting, self._waiting = self._waiting, []
        for place, packet in enumerate(waiting):
            if self._intake.admit(packet):
                self._claims.begin()
                for later in waiting[place:]:
                    self._claims.heard(later)
                self._splicer.renew()
                self._arrivals.expect(samples_ns(packet_duration(packet)))
                self._primer.clear()

    def _settle(self) -> None:
        """Brings the stream up to date: afterwards all is as if every packet and tick had been seen to by itself."""
        self._take_in()
        if self._parked and not self._closed:
            self._unsettled_ticks = 0
            self._let_pass(self._parked_ns)

    def _let_pass(self, now_ns: int) -> None:
        """Drops what is over by the end of this tick; the last packets are kept to prime the decoder with."""
        here = len(self._window) > 0
        over_rtp = self._arrivals.due_rtp(now_ns + TICK_NS)
        while (head := self._window.head()) is not None:
            if head.rtp + packet_duration(head.packet) > over_rtp:
                break
            missing = self._window.take()
            if missing:
                self._lost += missing
                self._primer.clear()
                if holds_copy(head.packet):
                    self._arrivals.repairable(head.packet.arrived_ns)
                    over_rtp = self._arrivals.due_rtp(now_ns + TICK_NS)
            self._primer.append(head.packet)
        self._played = (self._arrivals.due_rtp(now_ns), now_ns) if here else None

    def _chunk(self, now_ns: int) -> Samples | None:
        splicer, arrivals = self._splicer, self._arrivals
        if splicer.playing and arrivals.delay_ns(splicer.next_rtp, now_ns) - arrivals.target_ns > MAX_EXCESS_NS:
            self._resets += 1
            splicer.stop()
        if not splicer.playing and not self._start(now_ns):
            self._played = None
            return None
        wanted = SAMPLES_PER_TICK
        if not splicer.expanded:
            delay_ns = arrivals.delay_ns(splicer.next_rtp, now_ns)
            wanted += self._pacer.correction(delay_ns, arrivals.target_ns, quiet=self._dbov <= QUIET_DBOV)
        self._played_samples += SAMPLES_PER_TICK
        splicer.gather(wanted)
        # What was invented while waiting counts as time that passed: most often its packet turns out to be lost.
        self._played = (splicer.next_rtp + splicer.expanded, now_ns)
        return resampled(splicer.take(wanted))

    def _start(self, now_ns: int) -> bool:
        """Begins to play when the first packet is due within this tick, at its exact sample."""
        self._skip_overdue(now_ns)
        head = self._window.head()
        if head is None:
            return False
        wait_ns = self._arrivals.due_ns(head.rtp) - now_ns
        if wait_ns >= TICK_NS:
            return False
        self._splicer.begin(head.rtp, max(0, wait_ns) * AUDIO_CLOCK_HZ // NS_PER_S)
        if self._stale:
            self._splicer.catch_up(self._primer, -wait_ns * AUDIO_CLOCK_HZ // NS_PER_S)
            self._stale = False
            self._primer.clear()
        self._pacer.begin(self._arrivals.delay_ns(self._splicer.next_rtp, now_ns))
        return True

    def _skip_overdue(self, now_ns: int) -> None:
        """Drops what is far too late, down to the first packet that is not late at all."""
        head = self._window.head()
        if head is None or self._arrivals.due_ns(head.rtp) >= now_ns - MAX_EXCESS_NS:
            return
        while head is not None and self._arrivals.due_ns(head.rtp) < now_ns:
            self._lost += self._window.take() + 1
            head = self._window.head()
