"""The newest packets of a hub, kept once for all its viewers, to be sent again when somebody lost one."""

from typing import NamedTuple

from mcu.rtc.packetise import Stamp

HISTORY_SIZE = 2048
"""Packets kept: some ten seconds at 2 Mbit/s. A power of two."""


class Sent(NamedTuple):
    """A packet without what differs between viewers. ``sequence`` counts from the hub's start, without wrapping."""

    sequence: int
    marker: bool
    stamp: Stamp
    payload: bytes


class History:
    """Written by the thread that sends, read by the event loop; an entry is replaced whole, so neither waits."""

    def __init__(self) -> None:
        self._packets: list[Sent | None] = [None] * HISTORY_SIZE

    def add(self, first_sequence: int, payloads: list[bytes], stamp: Stamp) -> None:
        """Keeps the packets of one frame, before the first of them is sent."""
        packets, last = self._packets, len(payloads) - 1
        for index, payload in enumerate(payloads):
            sequence = first_sequence + index
            packets[sequence % HISTORY_SIZE] = Sent(sequence, index == last, stamp, payload)

    def find(self, sequence: int) -> Sent | None:
        """The packet with that number, or None when it was never there or is too old."""
        packet = self._packets[sequence % HISTORY_SIZE]
        return packet if packet is not None and packet.sequence == sequence else None
