"""RTCP (RFC 3550, 4585, 5104, REMB): what a mixer needs of it, as small records, and the packets it answers with.

Parsing is bounded by the datagram's size, never raises, and keeps what it understood before the first fault.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

Packet = bytes | bytearray | memoryview

MAX_NACKED = 1000
"""Sequence numbers taken from one datagram; the rest is ignored (mediasoup's bound)."""

SENDER_REPORT, RECEIVER_REPORT, SOURCE_DESCRIPTION = 200, 201, 202
TRANSPORT_FEEDBACK, PAYLOAD_FEEDBACK = 205, 206
_NACK, _PLI, _FIR, _APPLICATION = 1, 1, 4, 15

_HEAD = struct.Struct("!BBHL")
_SENDER_INFO = struct.Struct("!QLLL")
_BLOCK = struct.Struct("!LLLLLL")
_PAIR = struct.Struct("!HH")
_FEEDBACK = struct.Struct("!BBHLL")


@dataclass(frozen=True, slots=True)
class SenderInfo:
    """The head of an SR: the sender's RTP time at an instant of its wall clock, and what it has sent."""

    ssrc: int
    ntp: int
    rtp_timestamp: int
    packets: int
    octets: int


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """How one source is received. ``fraction_lost`` in 1/256, ``jitter`` in RTP units, the delays in 1/65536 s."""

    ssrc: int
    fraction_lost: int
    packets_lost: int
    highest_sequence: int
    jitter: int
    last_sr: int
    delay_since_last_sr: int


@dataclass(frozen=True, slots=True)
class KeyframeRequest:
    """A PLI (RFC 4585) or one entry of a FIR (RFC 5104)."""

    media_ssrc: int


@dataclass(frozen=True, slots=True)
class Nack:
    """Generic NACK (RFC 4585, 6.2.1), its bit masks spelled out."""

    media_ssrc: int
    sequence_numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Remb:
    """Receiver Estimated Maximum Bitrate (draft-alvestrand-rmcat-remb)."""

    bitrate_bps: int
    ssrcs: tuple[int, ...]


Item = SenderInfo | ReportBlock | KeyframeRequest | Nack | Remb


def sender_ssrc(datagram: Packet) -> int | None:
    """The SSRC that speaks in a (protected or plain) RTCP datagram, or None when it is too short to say."""
    return int.from_bytes(datagram[4:8], "big") if len(datagram) >= 8 else None


def parse(compound: Packet) -> list[Item]:
    """What a plain compound packet holds; types a mixer doesn't need (SDES, BYE, APP, XR) are passed over."""
    items: list[Item] = []
    nacks_left = MAX_NACKED
    at, size = 0, len(compound)
    while at + 8 <= size:
        first, kind, words, ssrc = _HEAD.unpack_from(compound, at)
        end = at + 4 + (words << 2)
        if first >> 6 != 2 or not words or end > size:
            break
        count, body = first & 31, at + 8
        if kind == SENDER_REPORT and body + _SENDER_INFO.size <= end:
            items.append(SenderInfo(ssrc, *_SENDER_INFO.unpack_from(compound, body)))
            items.extend(_blocks(compound, body + _SENDER_INFO.size, end, count))
        elif kind == RECEIVER_REPORT:
            items.extend(_blocks(compound, body, end, count))
        elif kind == TRANSPORT_FEEDBACK and count == _NACK and body + 4 <= end:
            lost = _nacked(compound, body + 4, end, nacks_left)
            nacks_left -= len(lost)
            items.append(Nack(int.from_bytes(compound[body : body + 4], "big"), lost))
        elif kind == PAYLOAD_FEEDBACK and body + 4 <= end:
            items.extend(_payload_feedback(compound, body, end, count))
        at = end
    return items


def _blocks(compound: Packet, at: int, end: int, count: int) -> Iterator[ReportBlock]:
    for _ in range(min(count, (end - at) // _BLOCK.size)):
        ssrc, loss, highest, jitter, last_sr, delay = _BLOCK.unpack_from(compound, at)
        lost = loss & 0xFF_FFFF
        yield ReportBlock(ssrc, loss >> 24, lost - ((lost & 0x80_0000) << 1), highest, jitter, last_sr, delay)
        at += _BLOCK.size


def _nacked(compound: Packet, at: int, end: int, limit: int) -> tuple[int, ...]:
    lost: list[int] = []
    while at + 4 <= end and len(lost) < limit:
        first, mask = _PAIR.unpack_from(compound, at)
        lost.append(first)
        lost.extend((first + bit + 1) & 0xFFFF for bit in range(16) if mask >> bit & 1)
        at += 4
    return tuple(lost[:limit])


def _payload_feedback(compound: Packet, body: int, end: int, kind: int) -> Iterator[Item]:
    media, at = int.from_bytes(compound[body : body + 4], "big"), body + 4
    if kind == _PLI:
        yield KeyframeRequest(media)
    elif kind == _FIR:
        for entry in range(at, end - 7, 8):
            yield KeyframeRequest(int.from_bytes(compound[entry : entry + 4], "big"))
    elif kind == _APPLICATION and at + 8 <= end and bytes(compound[at : at + 4]) == b"REMB":
        count, packed = compound[at + 4], int.from_bytes(compound[at + 5 : at + 8], "big")
        ssrcs = range(at + 8, min(at + 8 + 4 * count, end), 4)
        yield Remb(
            (packed & 0x3_FFFF) << (packed >> 18),
            tuple(int.from_bytes(compound[entry : entry + 4], "big") for entry in ssrcs),
        )


def _packet(kind: int, count: int, ssrc: int, body: bytes) -> bytes:
    return _HEAD.pack(0x80 | count, kind, 1 + len(body) // 4, ssrc) + body


def _pack_blocks(blocks: Sequence[ReportBlock]) -> bytes:
    return b"".join(
        _BLOCK.pack(
            block.ssrc,
            block.fraction_lost << 24 | block.packets_lost & 0xFF_FFFF,
            block.highest_sequence,
            block.jitter,
            block.last_sr,
            block.delay_since_last_sr,
        )
        for block in blocks
    )


def sender_report(info: SenderInfo, blocks: Sequence[ReportBlock] = ()) -> bytes:
    head = _SENDER_INFO.pack(info.ntp, info.rtp_timestamp, info.packets & 0xFFFF_FFFF, info.octets & 0xFFFF_FFFF)
    return _packet(SENDER_REPORT, len(blocks), info.ssrc, head + _pack_blocks(blocks))


def receiver_report(ssrc: int, blocks: Sequence[ReportBlock] = ()) -> bytes:
    return _packet(RECEIVER_REPORT, len(blocks), ssrc, _pack_blocks(blocks))


def source_description(ssrcs: Iterable[int], cname: str) -> bytes:
    """SDES that gives every SSRC the same CNAME: what tells a receiver to play them in time with each other."""
    name = cname.encode()[:255]
    item = bytes((1, len(name))) + name
    padded = item + bytes(4 - len(item) % 4)
    chunks = [ssrc.to_bytes(4, "big") + padded for ssrc in ssrcs]
    body = b"".join(chunks)
    return _PAIR.pack((0x80 | len(chunks)) << 8 | SOURCE_DESCRIPTION, len(body) // 4) + body


def pli(ssrc: int, media_ssrc: int) -> bytes:
    return _FEEDBACK.pack(0x80 | _PLI, PAYLOAD_FEEDBACK, 2, ssrc, media_ssrc)


def nack(ssrc: int, media_ssrc: int, sequence_numbers: Sequence[int]) -> bytes:
    """A generic NACK of 16-bit sequence numbers, given in the order they were sent."""
    pairs: list[tuple[int, int]] = []
    for number in sequence_numbers:
        if pairs and 1 <= (ahead := number - pairs[-1][0] & 0xFFFF) <= 16:
            pairs[-1] = (pairs[-1][0], pairs[-1][1] | 1 << (ahead - 1))
        else:
            pairs.append((number, 0))
    head = _FEEDBACK.pack(0x80 | _NACK, TRANSPORT_FEEDBACK, 2 + len(pairs), ssrc, media_ssrc)
    return head + b"".join(_PAIR.pack(*pair) for pair in pairs)


def remb(ssrc: int, bitrate_bps: int, media_ssrcs: Sequence[int]) -> bytes:
    exponent = max(0, bitrate_bps.bit_length() - 18)
    packed = bytes((len(media_ssrcs),)) + (exponent << 18 | bitrate_bps >> exponent).to_bytes(3, "big")
    body = bytes(4) + b"REMB" + packed + b"".join(media.to_bytes(4, "big") for media in media_ssrcs)
    return _packet(PAYLOAD_FEEDBACK, _APPLICATION, ssrc, body)
