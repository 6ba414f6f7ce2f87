"""From a compressed frame to plain RTP packets laid out once for all viewers: VP8 (RFC 7741), H.264 (RFC 6184).

A frame is split once, whoever watches. Packets of equal size that follow each other make a train: with UDP
segmentation a train leaves in one system call, so splits are as even as the codec allows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from mcu.frames import VideoCodec
from mcu.rtc import rtp

MAX_PACKET_SIZE = 1200
"""UDP payload that passes every path's MTU, IPv6 and tunnels included."""
_MAX_TAG = 16
PAYLOAD_CAPACITY = MAX_PACKET_SIZE - rtp.HEADER_SIZE - rtp.ABS_SEND_TIME_SIZE - _MAX_TAG
MAX_TRAIN_PACKETS = 40
"""Fewer than the kernel's 64 segments, and a train fits into one UDP datagram's 64 KiB."""
MAX_TRAIN_SIZE = MAX_TRAIN_PACKETS * MAX_PACKET_SIZE
PICTURE_ID_MASK = 0x7FFF

_SEI, _SPS, _PPS, _AUD, _FILLER, _STAP_A, _FU_A = 6, 7, 8, 9, 12, 24, 28
_TO_AGGREGATE = (_SEI, _SPS, _PPS)


class Variant(NamedTuple):
    """What differs between the packets of two viewers before encryption."""

    payload_type: int
    abs_send_time_ext: int | None
    tag_length: int
    ssrc: int | None = None
    """None: that of the stamp. One source may be in another place, on another SSRC, at each viewer."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What the headers of one frame's packets share. ``send_time`` is abs-send-time, 3 bytes."""

    ssrc: int
    timestamp: int
    send_time: bytes


@dataclass(frozen=True, slots=True)
class Train:
    """Plain packets that follow each other every ``stride`` bytes, with room for a tag between them.

    All but the last fill their stride. ``lengths`` leaves out the tags, ``size`` is the train's with every tag.
    """

    plain: bytes
    stride: int
    lengths: tuple[int, ...]
    size: int


def split(codec: VideoCodec, data: bytes, picture_id: int) -> list[bytes]:
    """The RTP payloads of a frame, in order; H.264 data is Annex B. Empty when there is nothing to send."""
    return list(_vp8(data, picture_id)) if codec == "VP8" else list(_h264(data))


def _even(size: int, capacity: int) -> int:
    """The size of pieces when as few as possible are made as even as possible."""
    return -(-size // -(-size // capacity))


def _vp8(data: bytes, picture_id: int) -> Iterator[bytes]:
    if not data:
        return
    number = (0x8000 | picture_id & PICTURE_ID_MASK).to_bytes(2, "big")
    first, rest = b"\x90\x80" + number, b"\x80\x80" + number
    step = _even(len(data), PAYLOAD_CAPACITY - len(first))
    for at in range(0, len(data), step):
        yield (rest if at else first) + data[at : at + step]


def nal_units(data: bytes) -> Iterator[bytes]:
    """The NAL units between the start codes of an Annex B stream (H.264, annex B), without trailing zeros."""
    at = data.find(b"\0\0\1")
    while at >= 0:
        following = data.find(b"\0\0\1", at + 3)
        nal = data[at + 3 : following if following >= 0 else len(data)].rstrip(b"\0")
        if nal:
            yield nal
        at = following


def _h264(data: bytes) -> Iterator[bytes]:
    small: list[bytes] = []
    room = 0
    for nal in nal_units(data):
        kind = nal[0] & 31
        if kind in (_AUD, _FILLER):
            continue
        aggregate = kind in _TO_AGGREGATE and len(nal) + 3 <= PAYLOAD_CAPACITY
        if small and not (aggregate and len(nal) + 2 <= room):
            yield _stap_a(small)
            small = []
        if aggregate:
            room = (room if small else PAYLOAD_CAPACITY - 1) - len(nal) - 2
            small.append(nal)
        elif len(nal) <= PAYLOAD_CAPACITY:
            yield nal
        else:
            yield from _fu_a(nal)
    if small:
        yield _stap_a(small)


def _stap_a(nals: list[bytes]) -> bytes:
    if len(nals) == 1:
        return nals[0]
    importance = max(nal[0] & 0x60 for nal in nals)
    return bytes((importance | _STAP_A,)) + b"".join(len(nal).to_bytes(2, "big") + nal for nal in nals)


def _fu_a(nal: bytes) -> Iterator[bytes]:
    indicator, kind = nal[0] & 0xE0 | _FU_A, nal[0] & 31
    step = _even(len(nal) - 1, PAYLOAD_CAPACITY - 2)
    for at in range(1, len(nal), step):
        edges = (0x80 if at == 1 else 0) | (0x40 if at + step >= len(nal) else 0)
        yield bytes((indicator, edges | kind)) + nal[at : at + step]


def couple(payloads: list[bytes]) -> list[list[bytes]]:
    """Groups payloads into trains: equal sizes, of which only the last may be smaller."""
    groups: list[list[bytes]] = []
    for payload in payloads:
        group = groups[-1] if groups else None
        if (
            group
            and len(group) < MAX_TRAIN_PACKETS
            and len(group[-1]) == len(group[0])
            and len(payload) <= len(group[0])
        ):
            group.append(payload)
        else:
            groups.append([payload])
    return groups


def lay_out(groups: list[list[bytes]], first_sequence: int, stamp: Stamp, variant: Variant) -> list[Train]:
    """The trains of one frame for one variant of viewers; the marker stands on the frame's last packet."""
    trains: list[Train] = []
    sequence, last = first_sequence, first_sequence + sum(map(len, groups)) - 1
    gap = bytes(variant.tag_length)
    for group in groups:
        packets = []
        for payload in group:
            packets.append(packet(payload, sequence, sequence == last, stamp, variant))
            sequence += 1
        plain = gap.join(packets)
        stride = len(packets[0]) + len(gap)
        trains.append(Train(plain, stride, tuple(map(len, packets)), len(plain) + len(gap)))
    return trains


def packet(payload: bytes, sequence: int, marker: bool, stamp: Stamp, variant: Variant) -> bytes:
    """One plain packet, byte for byte as ``lay_out`` makes it."""
    return (
        rtp.header(
            variant.payload_type,
            marker,
            sequence,
            stamp.timestamp,
            stamp.ssrc if variant.ssrc is None else variant.ssrc,
            variant.abs_send_time_ext,
            stamp.send_time,
        )
        + payload
    )
