"""From Opus packets as the network brings them to 20 ms of sound at every tick, whatever the network did.

A sample is played a certain delay after the earliest moment it could have been there (``arrival.py``). Everything
follows from comparing that with the delay wanted: drift and a changing network show as a deviation that is resampled
away; a talk spurt begins exactly when its first packet is due; what is far too late is skipped.

A hole between two packets is filled from the copy inside the second (in-band FEC) or invented (PLC); when there is no
second packet yet, the hole is filled without moving on, which grows the delay by what the network made us wait. Sound
that is invented fades out within 120 ms. A pause of the sender (DTX: timestamps jump, sequence numbers don't) is
silence and not loss.
"""

import threading
from dataclasses import dataclass

import numpy as np

from mcu.clock import NS_PER_MS, NS_PER_S
from mcu.frames import AUDIO_CLOCK_HZ, SAMPLES_PER_TICK, AudioPacket, SenderReport
from mcu.mailbox import Ring
from mcu.media.arrival import MAX_TRANSIT_STEP_NS, Arrivals, samples_ns
from mcu.media.concealment import ConcealingDecoder
from mcu.media.opus import CONCEALMENT_STEP, OpusDecoder, Samples
from mcu.media.pacing import Pacer, resampled
from mcu.media.reorder import ReorderWindow, sequence_step
from mixer.levels import SILENT, level
from mixer.timeline import RtpUnwrapper, SenderClock, StreamClock

INBOX_PACKETS = 64
TICK_NS = samples_ns(SAMPLES_PER_TICK)

MAX_HOLE_SAMPLES = 24_000
"""A hole longer than half a second is not filled: playing begins anew behind it."""

MAX_PAUSE_SAMPLES = 2_880
"""A pause of the sender longer than 60 ms ends playing, so that the delay is right again at the next word."""

MAX_EXCESS_NS = 200 * NS_PER_MS
"""Sound that is later than wanted by more than this is skipped instead of being played faster."""

QUIET_LEVEL = 50
"""Chunks of −50 dBov and below may be stretched and squeezed as one likes."""

CONFIRMING_STEP = 5
"""How close the packet after a strange one has to follow it to confirm that the sender began anew."""

_NOTHING: Samples = np.empty(0, np.int16)


@dataclass(frozen=True, slots=True)
class PlayoutStatistics:
    """Counts since the beginning, packets unless the name says otherwise; all as of the last pull.

    ``lost`` never came or came ``late``; ``concealed_samples`` were invented; ``fec_recovered`` holes were filled
    from a copy; ``damaged`` could not be decoded; ``overflowed`` were dropped because nobody pulled; ``strays``
    belonged to no stream we know. ``resets``: how often playing began anew because the stream jumped or was far too
    late. ``delay_ms`` is how long sound waits now, ``target_ms`` how long it should. ``level`` is the RFC 6464 level
    (0 loud … 127 silent) of the last chunk.
    """

    received: int
    late: int
    lost: int
    concealed_samples: int
    fec_recovered: int
    damaged: int
    overflowed: int
    strays: int
    resets: int
    delay_ms: float
    target_ms: float
    level: int


class Playout:
    """The sound of one participant. ``push`` and ``sender_report`` are called on the event loop, ``pull`` by the sound
    thread, ``close`` and the properties by anybody. Memory and work per packet are bounded whatever the packets say.

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
        self._arrivals = Arrivals()
        self._window = ReorderWindow()
        self._pacer = Pacer()
        # Steps of any size are followed here: what is too far is for the arrivals to say.
        self._unwrapper = RtpUnwrapper(max_step=0x8000_0000)
        self._ssrc: int | None = None
        self._stray: AudioPacket | None = None
        self._playing = False
        self._pcm = _NOTHING
        # RTP time of the sample after the last one in _pcm, and how many were invented there without moving on.
        self._cursor = 0
        self._expanded = 0
        self._played: tuple[int, int] | None = None
        self._received = self._late = self._lost = self._strays = self._resets = 0
        self._level = SILENT

    def push(self, packet: AudioPacket) -> None:
        """Takes a packet in; the oldest goes when nobody pulls."""
        if packet.ssrc != self._media_ssrc:
            self._media_ssrc = packet.ssrc
            self._media = StreamClock(AUDIO_CLOCK_HZ, self._sender)
        self._media.arrived(packet.rtp_timestamp, packet.arrived_ns)
        self._inbox.put(packet)

    def sender_report(self, report: SenderReport) -> None:
        """Learns how the stream's timestamps and the sender's wall clock belong together."""
        if report.ssrc == self._media_ssrc:
            self._media.reported(report.ntp, report.rtp_timestamp, report.arrived_ns)

    def pull(self, now_ns: int) -> Samples | None:
        """The 20 ms that begin at ``now_ns``, the time of the sound tick: int16 of shape (960,).

        None when there is nothing to hear: never begun, silent, or nothing arrives.
        """
        with self._pulling:
            if self._closed:
                return None
            for packet in self._inbox.take_all():
                self._admit(packet)
            chunk = self._chunk(now_ns)
            if chunk is None or not chunk.any():
                self._level = SILENT
                return None
            self._level = level(chunk)
            return chunk

    @property
    def statistics(self) -> PlayoutStatistics:
        with self._pulling:
            return PlayoutStatistics(
                received=self._received,
                late=self._late,
                lost=self._lost,
                concealed_samples=self._decoder.concealed_samples,
                fec_recovered=self._decoder.fec_recovered,
                damaged=self._decoder.damaged,
                overflowed=self._inbox.statistics.dropped,
                strays=self._strays,
                resets=self._resets,
                delay_ms=self._pacer.delay_ns / NS_PER_MS if self._playing else 0.0,
                target_ms=self._arrivals.target_ns / NS_PER_MS,
                level=self._level,
            )

    @property
    def latency_ns(self) -> int | None:
        """How long after its capture, in the room time of ``mixer/timeline.py``, sound is played now. Pictures of the
        same person are due as long after theirs. None while nothing plays.
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

    def _admit(self, packet: AudioPacket) -> None:
        """Lets a packet in if it continues the stream. One that doesn't, waits for its successor: a single strange
        packet interrupts nothing, two in a row begin the stream anew.
        """
        self._received += 1
        if self._ssrc is None:
            self._begin_anew(packet)
        elif not self._continues(packet):
            stray, self._stray = self._stray, packet
            if stray is None or not _confirms(stray, packet):
                self._strays += 1
                return
            self._strays -= 1  # the first of the two was counted before it was believed
            self._resets += 1
            self._begin_anew(stray)
            self._insert(stray)
        self._insert(packet)

    def _continues(self, packet: AudioPacket) -> bool:
        if packet.ssrc != self._ssrc or not self._window.fits(packet.sequence_number):
            return False
        rtp = self._unwrapper.peek(packet.rtp_timestamp)
        return rtp is not None and self._arrivals.plausible(rtp, packet.arrived_ns)

    def _begin_anew(self, packet: AudioPacket) -> None:
        rtp = self._unwrapper.unwrap(packet.rtp_timestamp)
        if packet.ssrc != self._ssrc or not self._arrivals.plausible(rtp, packet.arrived_ns):
            self._arrivals.clear()
        self._ssrc = packet.ssrc
        self._stray = None
        self._window.begin(packet.sequence_number)
        self._arrivals.expect(samples_ns(self._decoder.begin(packet)))
        self._stop()
        self._pcm = _NOTHING

    def _insert(self, packet: AudioPacket) -> None:
        rtp = self._unwrapper.unwrap(packet.rtp_timestamp)
        self._arrivals.arrived(rtp, packet.arrived_ns)
        if not self._window.put(packet, rtp):
            self._late += 1

    def _chunk(self, now_ns: int) -> Samples | None:
        if self._playing and self._excess_ns(now_ns) > MAX_EXCESS_NS:
            self._resets += 1
            self._stop()
        if not self._playing and not self._start(now_ns):
            self._played = None
            return None
        wanted = SAMPLES_PER_TICK
        if not self._expanded:
            delay_ns = self._arrivals.delay_ns(self._cursor - self._pcm.size, now_ns)
            wanted += self._pacer.correction(delay_ns, self._arrivals.target_ns, quiet=self._level >= QUIET_LEVEL)
        self._played = (self._cursor - self._pcm.size, now_ns)
        while self._playing and self._pcm.size < wanted:
            self._extend(wanted - self._pcm.size)
        chunk, self._pcm = self._pcm[:wanted], self._pcm[wanted:]
        if chunk.size < wanted:
            chunk = np.concatenate((chunk, np.zeros(wanted - chunk.size, np.int16)))
        return resampled(chunk)

    def _start(self, now_ns: int) -> bool:
        """Begins to play when the first packet is due within this tick, at its exact sample."""
        self._skip_overdue(now_ns)
        head = self._window.head()
        if head is None:
            return False
        wait_ns = self._arrivals.due_ns(head.rtp) - now_ns
        if wait_ns >= TICK_NS:
            return False
        silence = max(0, wait_ns) * AUDIO_CLOCK_HZ // NS_PER_S
        self._pcm = np.zeros(silence, np.int16)
        self._cursor = head.rtp
        self._pacer.begin(self._arrivals.delay_ns(head.rtp - silence, now_ns))
        self._playing = True
        return True

    def _skip_overdue(self, now_ns: int) -> None:
        """Drops what is far too late, down to the first packet that is not late at all."""
        head = self._window.head()
        if head is None or self._arrivals.due_ns(head.rtp) >= now_ns - MAX_EXCESS_NS:
            return
        while head is not None and self._arrivals.due_ns(head.rtp) < now_ns:
            self._lost += self._window.take() + 1
            head = self._window.head()

    def _stop(self) -> None:
        self._playing = False
        self._expanded = 0

    def _excess_ns(self, now_ns: int) -> int:
        return self._arrivals.delay_ns(self._cursor - self._pcm.size, now_ns) - self._arrivals.target_ns

    def _extend(self, wanted: int) -> None:
        """Adds sound to ``_pcm`` or stops playing: each call adds samples, takes a packet or stops."""
        head = self._window.head()
        if head is None:
            self._wait(wanted)
            return
        hole = head.rtp - self._cursor - self._expanded
        if hole <= 0:
            self._lost += self._window.take()
            decoded = self._decoder.decode(head.packet)
            self._arrivals.expect(samples_ns(decoded.size))
            self._append(decoded, head.rtp + decoded.size)
        elif hole > (MAX_HOLE_SAMPLES if head.missing else MAX_PAUSE_SAMPLES):
            self._stop()
        elif head.missing:
            filled = self._decoder.fill(hole, head.packet.payload)
            left = hole - filled.size
            self._lost += self._window.give_up(head.missing - -(-left * head.missing // hole))
            self._append(filled, head.rtp - left)
        else:
            self._append(np.zeros(hole, np.int16), head.rtp)

    def _wait(self, wanted: int) -> None:
        """Nothing is there: the sender pauses, or the network makes us wait for a while."""
        if self._decoder.pausing or self._decoder.faded:
            self._stop()
            return
        invented = self._decoder.invent(-(-wanted // CONCEALMENT_STEP) * CONCEALMENT_STEP)
        expanded = self._expanded + invented.size
        self._append(invented, self._cursor)
        self._expanded = expanded

    def _append(self, samples: Samples, cursor: int) -> None:
        self._pcm = np.concatenate((self._pcm, samples)) if self._pcm.size else samples
        self._cursor = cursor
        self._expanded = 0


def _confirms(stray: AudioPacket, packet: AudioPacket) -> bool:
    """Whether two packets that don't continue the stream continue each other."""
    samples = ((packet.rtp_timestamp - stray.rtp_timestamp + 0x8000_0000) & 0xFFFF_FFFF) - 0x8000_0000
    between_ns = packet.arrived_ns - stray.arrived_ns
    return (
        packet.ssrc == stray.ssrc
        and 0 < sequence_step(packet.sequence_number, stray.sequence_number) <= CONFIRMING_STEP
        and abs(samples_ns(samples) - between_ns) <= MAX_TRANSIT_STEP_NS
    )
