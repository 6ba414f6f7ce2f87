"""Frames into packets. aiortc's depayloaders are the second opinion on what they hold."""

import pytest
from aiortc.codecs import h264, vpx

from mcu.frames import VideoCodec
from mcu.rtc import rtp
from mcu.rtc.packetise import (
    MAX_PACKET_SIZE,
    MAX_TRAIN_PACKETS,
    MAX_TRAIN_SIZE,
    PAYLOAD_CAPACITY,
    Stamp,
    Variant,
    couple,
    lay_out,
    nal_units,
    packet,
    split,
)
from tests.mcu.rtc.packets import make_frame, noise

STAMP = Stamp(0x1111_1111, 90_000, b"abc")
VARIANTS = [Variant(96, 3, 10), Variant(100, None, 16)]


@pytest.mark.parametrize("size", [1, PAYLOAD_CAPACITY - 4, PAYLOAD_CAPACITY - 3, 5000, 100_000])
def test_vp8_payloads_hold_the_frame_and_count_pictures(size: int) -> None:
    data = noise(size, size)
    payloads = split("VP8", data, 0x1234)
    assert b"".join(vpx.vp8_depayload(payload) for payload in payloads) == data
    descriptors = [vpx.VpxPayloadDescriptor.parse(payload)[0] for payload in payloads]
    assert [descriptor.partition_start for descriptor in descriptors] == [1] + [0] * (len(payloads) - 1)
    assert {descriptor.picture_id for descriptor in descriptors} == {0x1234}
    assert len({len(payload) for payload in payloads[:-1]}) <= 1
    assert max(map(len, payloads)) <= PAYLOAD_CAPACITY


def test_h264_keeps_every_slice_and_parameter_set() -> None:
    nals = [b"\x67" + noise(20, 1), b"\x68" + noise(5, 2), b"\x06" + noise(30, 3), b"\x65\x88" + noise(40, 4)]
    nals += [b"\x65\x48" + noise(5000, 5), b"\x65\x28" + noise(1160, 6), b"\x65\x18" + noise(3000, 7)]
    data = b"".join((b"\0\0\0\1" if index < 2 else b"\0\0\1") + nal for index, nal in enumerate(nals))
    payloads = split("H264", data, 0)
    assert payloads[0][0] & 31 == 24
    assert max(map(len, payloads)) <= PAYLOAD_CAPACITY
    assert list(nal_units(b"".join(h264.h264_depayload(payload) for payload in payloads))) == nals


def test_access_unit_delimiters_and_fillers_are_left_out() -> None:
    data = b"\0\0\1\x09\xf0" + b"\0\0\1\x0c\xff\x80" + b"\0\0\1\x41\x88tail\0\0\0"
    assert split("H264", data, 0) == [b"\x41\x88tail"]


def test_parameter_sets_too_many_for_one_packet_take_two() -> None:
    sets = [b"\x67" + noise(500, number) for number in range(5)]
    payloads = split("H264", b"".join(b"\0\0\0\1" + nal for nal in sets), 0)
    assert len(payloads) == 3
    assert list(nal_units(b"".join(h264.h264_depayload(payload) for payload in payloads))) == sets


@pytest.mark.parametrize(
    ("codec", "data"), [("VP8", b""), ("H264", b""), ("H264", b"no start code"), ("H264", b"\0\0\1")]
)
def test_nothing_makes_no_packets(codec: VideoCodec, data: bytes) -> None:
    assert split(codec, data, 0) == []


@pytest.mark.parametrize("codec", ["VP8", "H264"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_trains_hold_the_packets_at_their_stride(codec: VideoCodec, variant: Variant) -> None:
    payloads = split(codec, make_frame(codec, 0, keyframe=True, size=120_000).data, 0)
    trains = lay_out(couple(payloads), 65_530, STAMP, variant)
    expected = [
        packet(payload, 65_530 + index, index == len(payloads) - 1, STAMP, variant)
        for index, payload in enumerate(payloads)
    ]
    found = []
    for train in trains:
        assert len(train.lengths) <= MAX_TRAIN_PACKETS
        assert train.size <= MAX_TRAIN_SIZE
        assert train.stride <= MAX_PACKET_SIZE
        assert all(length + variant.tag_length == train.stride for length in train.lengths[:-1])
        assert train.size == train.stride * (len(train.lengths) - 1) + train.lengths[-1] + variant.tag_length
        for index, length in enumerate(train.lengths):
            found.append(train.plain[index * train.stride :][:length])
    assert found == expected
    headers = [rtp.parse(plain) for plain in found]
    assert [header.marker for header in headers if header] == [False] * (len(found) - 1) + [True]
    assert [header.sequence_number for header in headers if header] == [
        65_530 + index & 0xFFFF for index in range(len(found))
    ]


def test_frame_is_split_the_same_for_every_variant() -> None:
    groups = couple(split("VP8", noise(30_000, 0), 0))
    first, second = (lay_out(groups, 0, STAMP, variant) for variant in VARIANTS)
    assert [len(train.lengths) for train in first] == [len(train.lengths) for train in second]
    assert len(first) == 1
