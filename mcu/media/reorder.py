"""Puts audio packets back in order, within a window that no sender can make large."""

from typing import NamedTuple

from mcu.frames import AudioPacket

WINDOW_PACKETS = 50
"""A second of 20 ms packets. Nothing waits that long; it bounds memory."""

MAX_MISORDER = 100
"""A sequence number this far back is late; further back is another sequence (RFC 3550, appendix A.1)."""

START_MISORDER = 5
"""How far before the first packet others may follow it until playing begins."""


def sequence_step(later: int, earlier: int) -> int:
    """The signed distance between two 16-bit sequence numbers, the short way round."""
    return ((later - earlier + 0x8000) & 0xFFFF) - 0x8000


class Head(NamedTuple):
    """The first packet there is: how many are ``missing`` before it, and its unwrapped RTP time."""

    missing: int
    packet: AudioPacket
    rtp: int


class ReorderWindow:
    """At most fifty packets, each with its unwrapped RTP time, by sequence number. One thread.

    ``next`` is the number after the last one taken, in a count that never wraps.
    """

    def __init__(self) -> None:
        self._packets: dict[int, tuple[AudioPacket, int]] = {}
        self._started = False
        self.next = 0

    def begin(self, sequence_number: int) -> None:
        """Drops everything; the sequence goes on from this number."""
        self._packets.clear()
        self._started = False
        self.next = sequence_number

    def fits(self, sequence_number: int) -> bool:
        """Whether a number can belong to this sequence now; late ones do."""
        return -MAX_MISORDER <= sequence_step(sequence_number, self.next & 0xFFFF) < WINDOW_PACKETS

    def put(self, packet: AudioPacket, rtp: int) -> bool:
        """Adds a packet that ``fits``; False when it comes too late. A second copy changes nothing."""
        step = sequence_step(packet.sequence_number, self.next & 0xFFFF)
        sequence = self.next + step
        if step < 0:
            if self._started or step < -START_MISORDER:
                return False
            self.next = sequence
        self._packets.setdefault(sequence, (packet, rtp))
        return True

    def head(self) -> Head | None:
        if not self._packets:
            return None
        sequence = self._first()
        packet, rtp = self._packets[sequence]
        return Head(sequence - self.next, packet, rtp)

    def _first(self) -> int:
        return self.next if self.next in self._packets else min(self._packets)

    def take(self) -> int:
        """Removes the head; how many packets were missing before it."""
        sequence = self._first()
        del self._packets[sequence]
        missing = sequence - self.next
        self.next = sequence + 1
        self._started = True
        return missing

    def give_up(self, count: int) -> int:
        """So many of the packets missing before the head are not waited for any more; ``count``."""
        self.next += count
        return count

    def __len__(self) -> int:
        return len(self._packets)
