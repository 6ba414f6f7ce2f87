"""From packets in the network's order to whole frames in decoding order, within bounded memory, time and work.

A frame leaves with its last packet: nothing is held back for smoothness. A gap is asked for again at once and then as
often as ``patience.py`` says. After a while a key frame is asked for as well, and whichever comes first ends the wait.
Everything here happens on the event loop.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from mcu.frames import ReceivedFrame, VideoCodec
from mcu.rtc.depacketise import ENTRY, Fragment, depacketise
from mcu.rtc.frame_builder import MAX_FRAME_BYTES, FrameBuilder
from mcu.rtc.patience import ROUND_TRIP_NS, Patience

MAX_NACK_TRIES = 10
MAX_HELD_PACKETS = 1024
MAX_BYTES = MAX_FRAME_BYTES
"""What waits for a hole and what is assembled, together."""
MAX_MISSING = 256
"""Packets missing at one time that are worth asking for; a longer gap is given up at once."""
MAX_JUMP = 2900
"""A leap in sequence numbers beyond this is a new beginning, not a gap."""


class Feedback(NamedTuple):
    """What the sender should be told: packets to send again (16 bits, in order), and whether to send a key frame."""

    nacks: tuple[int, ...]
    keyframe: bool


@dataclass(frozen=True, slots=True)
class AssemblerStatistics:
    """Counts since the assembler was made. ``recovered`` packets came after they had been asked for."""

    frames: int
    keyframes: int
    late: int
    recovered: int
    malformed: int
    holes_given_up: int
    frames_discarded: int
    held: int


class _Held(NamedTuple):
    timestamp: int
    marker: bool
    codec: VideoCodec
    # None: malformed. A payload that is empty is a padding probe: it counts as received and holds nothing.
    fragment: Fragment | None
    padding: bool

    @property
    def entry(self) -> bool:
        return self.fragment is not None and bool(self.fragment[1] & ENTRY)

    @property
    def size(self) -> int:
        return 0 if self.fragment is None else len(self.fragment[0])


def _held(timestamp: int, marker: bool, codec: VideoCodec, payload: memoryview | bytes) -> _Held:
    return _Held(timestamp, marker, codec, depacketise(codec, payload) if payload else None, not payload)


@dataclass(slots=True)
class _Missing:
    since_ns: int
    due_ns: int
    tries: int = 0


class FrameAssembler:
    """One video source's packets in, its frames out through ``on_frame``, called from within ``feed`` and ``poll``."""

    def __init__(self, ssrc: int, on_frame: Callable[[ReceivedFrame], None]) -> None:
        self._builder = FrameBuilder(ssrc, on_frame)
        self._next = -1  # the extended sequence number that comes next in decoding order
        self._highest: int | None = None
        self._held: dict[int, _Held] = {}
        self._held_bytes = 0
        self._missing: dict[int, _Missing] = {}
        self._asked_ns: int | None = None
        self._patience = Patience.for_round_trip(ROUND_TRIP_NS)
        self._late = self._recovered = self._holes = 0

    @property
    def due(self) -> bool:
        """Whether ``poll`` may have news. Polling when it is False is a waste, nothing worse."""
        return self._builder.keyframe_due or bool(self._missing)

    def set_round_trip(self, round_trip_ns: int) -> None:
        """How long an answer takes: requests, patience and limits follow it."""
        self._patience = Patience.for_round_trip(round_trip_ns)

    def request_keyframe(self) -> None:
        """Asks for a key frame with the next feedback, some time after the last."""
        self._builder.keyframe_due = True

    def feed(
        self,
        sequence: int,
        timestamp: int,
        marker: bool,
        codec: VideoCodec,
        payload: memoryview | bytes,
        now_ns: int,
    ) -> None:
        """Takes one packet under its extended (unwrapped) sequence number. An empty payload is a padding probe."""
        if sequence == self._next and not self._missing and not self._held:  # as nearly every one is
            self._highest = sequence
            self._next = sequence + 1
            if payload:
                self._builder.add(timestamp, marker, codec, depacketise(codec, payload), now_ns)
            return
        self._feed(sequence, _held(timestamp, marker, codec, payload), now_ns)

    def _feed(self, sequence: int, packet: _Held, now_ns: int) -> None:
        """What ``feed`` does with a packet while others are missing."""
        highest = self._highest
        if highest is None or sequence - highest > MAX_JUMP:
            self._anchor(sequence)
            highest = sequence - 1
        held = self._held
        if sequence < self._next or sequence in held:
            self._late += 1
            return
        if self._missing:
            missing = self._missing.pop(sequence, None)
            if missing is not None and missing.tries:
                self._recovered += 1
                self._builder.repaired_ns = now_ns
        if sequence > highest:
            self._highest = sequence
        if sequence == self._next:
            self._next += 1
            self._take(packet, now_ns)
            self._drain(now_ns)
            return
        self._hold(sequence, packet)
        self._note_gap(highest, sequence, now_ns)
        if packet.entry and (self._builder.waiting or self._overdue(now_ns)):
            self._skip_to(sequence)
            self._drain(now_ns)

    def poll(self, now_ns: int) -> Feedback:
        """Gives up what is too old, and says what the sender should be told now."""
        nacks: tuple[int, ...] = ()
        wanted = self._overdue(now_ns) and not self._resume(now_ns)
        if self._missing:
            if now_ns - next(iter(self._missing.values())).since_ns >= self._patience.hole_limit_ns:
                self._give_up()
            nacks = tuple(sorted(self._due_nacks(now_ns)))
        wanted |= self._builder.keyframe_due
        keyframe = wanted and (self._asked_ns is None or now_ns - self._asked_ns >= self._patience.keyframe_interval_ns)
        if keyframe:
            self._builder.keyframe_due = False
            self._asked_ns = now_ns
        return Feedback(tuple(number & 0xFFFF for number in nacks), keyframe)

    def _due_nacks(self, now_ns: int) -> list[int]:
        due = [
            number
            for number, missing in self._missing.items()
            if missing.due_ns <= now_ns and missing.tries < MAX_NACK_TRIES
        ]
        for number in due:
            missing = self._missing[number]
            missing.tries += 1
            missing.due_ns = now_ns + self._patience.nack_interval_ns
        return due

    def _overdue(self, now_ns: int) -> bool:
        """Whether something has been missing for so long that a key frame would be as welcome."""
        return (
            bool(self._missing)
            and now_ns - next(iter(self._missing.values())).since_ns >= self._patience.keyframe_after_ns
        )

    def _resume(self, now_ns: int) -> bool:
        """Goes on at the next key frame that is already here, over a hole; False when there is none."""
        entries = [number for number, packet in self._held.items() if packet.entry]
        if entries:
            self._holes += 1
            self._builder.waiting = True
            self._skip_to(min(entries))
            self._drain(now_ns)
        return bool(entries)

    def _anchor(self, sequence: int) -> None:
        """Begins anew at a sequence number, with nothing of what was before."""
        if self._highest is not None:
            self._holes += 1
        self._highest = self._next = sequence
        self._clear()

    def _clear(self) -> None:
        """Forgets everything that is not a whole frame yet; what comes next must be a key frame."""
        self._held.clear()
        self._held_bytes = 0
        self._missing.clear()
        self._builder.restart()

    def _hold(self, sequence: int, packet: _Held) -> None:
        self._held[sequence] = packet
        self._held_bytes += packet.size

    def _unhold(self, sequence: int) -> _Held | None:
        packet = self._held.pop(sequence, None)
        if packet is not None:
            self._held_bytes -= packet.size
        return packet

    def _note_gap(self, highest: int, sequence: int, now_ns: int) -> None:
        """Records what is missing below a packet that came early; gives up at once what is beyond the bounds."""
        gap = sequence - highest - 1
        if gap > 0 and gap + len(self._missing) > MAX_MISSING:
            self._leap(sequence, now_ns)
            return
        for number in range(highest + 1, sequence):
            self._missing[number] = _Missing(now_ns, now_ns)
        full = len(self._held) > MAX_HELD_PACKETS
        full |= self._held_bytes + self._builder.size > MAX_BYTES
        if full and not self._resume(now_ns):
            self._give_up()

    def _leap(self, sequence: int, now_ns: int) -> None:
        """Goes on at the newest packet, over a gap that is too long to be repaired."""
        self._holes += 1
        self._skip_to(sequence)
        self._builder.restart()
        self._builder.keyframe_due = True
        self._drain(now_ns)

    def _give_up(self) -> None:
        """Drops what a hole holds back, and asks for a key frame to go on at."""
        self._holes += 1
        self._clear()
        self._next = (self._highest or 0) + 1
        self._builder.keyframe_due = True

    def _skip_to(self, sequence: int) -> None:
        """Forgets everything before a packet that is held and at which decoding can begin."""
        for number in [number for number in self._held if number < sequence]:
            self._unhold(number)
        for number in [number for number in self._missing if number < sequence]:
            del self._missing[number]
        self._builder.lose()
        self._next = sequence

    def _drain(self, now_ns: int) -> None:
        while (packet := self._unhold(self._next)) is not None:
            self._next += 1
            self._take(packet, now_ns)

    def _take(self, packet: _Held, now_ns: int) -> None:
        """Adds the packet that comes next in decoding order to its frame."""
        if not packet.padding:
            self._builder.add(packet.timestamp, packet.marker, packet.codec, packet.fragment, now_ns)

    @property
    def statistics(self) -> AssemblerStatistics:
        return AssemblerStatistics(
            self._builder.frames,
            self._builder.keyframes,
            self._late,
            self._recovered,
            self._builder.malformed,
            self._holes,
            self._builder.discarded,
            len(self._held),
        )
