"""RTP headers (RFC 3550, 5.1) and header extensions (RFC 8285), read with a bound and without raising."""

import struct
from typing import NamedTuple

Packet = bytes | bytearray | memoryview

HEADER_SIZE = 12
ABS_SEND_TIME_SIZE = 8
"""Bytes of a header extension that holds abs-send-time alone."""
_HEADER = struct.Struct("!BBHLL")
unpack_header = _HEADER.unpack_from
"""The first byte, marker and payload type, sequence number, timestamp, SSRC: of a plain packet, or of a protected one,
whose header is no secret (RFC 3711, 3.1).
"""
_EXTENSION = struct.Struct("!HH")
_ONE_BYTE = 0xBEDE
_TWO_BYTE = 0x1000
SEQUENCE_MASK = 0xFFFF
TIMESTAMP_MASK = 0xFFFF_FFFF


class RtpHeader(NamedTuple):
    """What a header says. The payload is ``packet[payload_start:payload_end]``, padding already left out.

    ``extensions_profile`` is 0 when there is no header extension.
    """

    payload_type: int
    marker: bool
    sequence_number: int
    timestamp: int
    ssrc: int
    payload_start: int
    payload_end: int
    extensions_profile: int
    extensions_start: int


def parse(packet: Packet) -> RtpHeader | None:
    """The header of a plain RTP packet, or None when it contradicts itself."""
    end = len(packet)
    if end < HEADER_SIZE:
        return None
    first, second, sequence_number, timestamp, ssrc = _HEADER.unpack_from(packet)
    if first >> 6 != 2:
        return None
    start = HEADER_SIZE + ((first & 15) << 2)
    profile = extensions_start = 0
    if first & 0x10:
        if start + 4 > end:
            return None
        profile, words = _EXTENSION.unpack_from(packet, start)
        extensions_start = start + 4
        start = extensions_start + (words << 2)
    if first & 0x20:
        padding = packet[end - 1]
        if not padding:
            return None
        end -= padding
    if start > end:
        return None
    return RtpHeader(
        second & 0x7F, second > 0x7F, sequence_number, timestamp, ssrc, start, end, profile, extensions_start
    )


def element(packet: Packet, at: int, end: int, profile: int, identifier: int) -> bytes | None:
    """The value of one element between ``at`` and ``end``, as the profile says it is written; None when there is none,
    or a malformed one before it.
    """
    one_byte = profile == _ONE_BYTE
    if not one_byte and profile & 0xFFF0 != _TWO_BYTE:
        return None
    while at < end:
        if packet[at] == 0:
            at += 1
            continue
        if one_byte:
            found, size, value = packet[at] >> 4, (packet[at] & 15) + 1, at + 1
            if found == 15:
                return None
        elif at + 1 < end:
            found, size, value = packet[at], packet[at + 1], at + 2
        else:
            return None
        at = value + size
        if found == identifier:
            return bytes(packet[value:at]) if at <= end else None
    return None


def audio_level(packet: Packet, at: int, end: int, profile: int, identifier: int) -> int | None:
    """The level of RFC 6464 in -dBov (0 loud … 127 silent), or None; arguments as for ``element``."""
    value = element(packet, at, end, profile, identifier)
    return value[0] & 0x7F if value else None


def abs_send_time(wall_ns: int) -> bytes:
    """24 bits of 6.18 fixed point seconds, as the abs-send-time extension carries them."""
    return ((wall_ns << 18) // 1_000_000_000 & 0xFF_FFFF).to_bytes(3, "big")


def header(
    payload_type: int,
    marker: bool,
    sequence_number: int,
    timestamp: int,
    ssrc: int,
    send_time_ext: int | None = None,
    send_time: bytes = b"",
) -> bytes:
    """A header to put before a payload, with the abs-send-time extension when ``send_time_ext`` is given."""
    plain = _HEADER.pack(
        0x80 if send_time_ext is None else 0x90,
        payload_type | (0x80 if marker else 0),
        sequence_number & SEQUENCE_MASK,
        timestamp & TIMESTAMP_MASK,
        ssrc,
    )
    if send_time_ext is None:
        return plain
    return plain + _EXTENSION.pack(_ONE_BYTE, 1) + bytes((send_time_ext << 4 | 2,)) + send_time
