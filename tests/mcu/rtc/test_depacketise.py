"""Payloads into pieces of frames, well-formed and not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcu.frames import VideoCodec
from mcu.rtc.depacketise import ENTRY, KEYFRAME, START, depacketise

WHOLE = b"\x10\x02\0\x9d\x01\x2a\x40\x01\xb4\0data"


@pytest.mark.parametrize(
    "descriptor",
    [
        b"\x10",
        b"\x90\x00",
        b"\x90\x80\x7f",
        b"\x90\x80\xff\xff",
        b"\x90\x40\x01",
        b"\x90\x20\x01",
        b"\x90\x10\x01",
        b"\x90\xf0\x81\x02\x03\x04",
    ],
)
def test_vp8_descriptor_is_taken_off(descriptor: bytes) -> None:
    assert depacketise("VP8", descriptor + WHOLE) == (WHOLE, START | KEYFRAME | ENTRY)


def test_vp8_pieces_that_follow() -> None:
    assert depacketise("VP8", b"\x10\x01rest") == (b"\x01rest", START)
    assert depacketise("VP8", b"\x00rest") == (b"rest", 0)
    assert depacketise("VP8", b"\x11second") == (b"second", 0)


@pytest.mark.parametrize("payload", [b"\x90", b"\x10", b"\x90\x80", b"\x90\x80\x81", b"\x90\xf0\x81\x02\x03\x04"])
def test_vp8_without_data_is_malformed(payload: bytes) -> None:
    assert depacketise("VP8", payload) is None


@pytest.mark.parametrize(
    ("width", "height", "taken"),
    [(3840, 2160, True), (2160, 3840, True), (16383, 16383, False), (3840, 2161, False), (0, 480, False)],
)
def test_vp8_key_frame_that_claims_too_much_is_refused(width: int, height: int, taken: bool) -> None:
    head = b"\x10\x02\0\x9d\x01\x2a" + (width | 0x4000).to_bytes(2, "little") + height.to_bytes(2, "little")
    assert (depacketise("VP8", b"\x10" + head + b"data") is not None) is taken


def test_vp8_key_frame_cut_within_its_header_is_refused() -> None:
    assert depacketise("VP8", b"\x10" + WHOLE[:9]) is None
    assert depacketise("VP8", b"\x10" + WHOLE.replace(b"\x9d", b"\0")) is None


def test_h264_single_units() -> None:
    assert depacketise("H264", b"\x41slice") == (b"\0\0\0\1\x41slice", START)
    assert depacketise("H264", b"\x65slice") == (b"\0\0\0\1\x65slice", START | KEYFRAME)
    assert depacketise("H264", b"\x67set") == (b"\0\0\0\1\x67set", START | ENTRY)


def test_h264_aggregate() -> None:
    payload = b"\x78\0\4\x67set\0\3\x68no\0\6\x65slice"
    data = b"\0\0\0\1\x67set\0\0\0\1\x68no\0\0\0\1\x65slice"
    assert depacketise("H264", payload) == (data, START | KEYFRAME | ENTRY)


def test_h264_fragments() -> None:
    assert depacketise("H264", b"\x7c\x85begin") == (b"\0\0\0\1\x65begin", START | KEYFRAME)
    assert depacketise("H264", b"\x7c\x05middle") == (b"middle", KEYFRAME)
    assert depacketise("H264", b"\x5c\x41end") == (b"end", 0)


@pytest.mark.parametrize(
    "payload",
    [b"\x00zero", b"\x1c", b"\x1c\x85", b"\x18", b"\x18\0", b"\x18\0\0", b"\x18\0\x09short", b"\x19", b"\x1d\x85xx"],
)
def test_h264_malformed_and_unused_kinds(payload: bytes) -> None:
    assert depacketise("H264", payload) is None


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["VP8", "H264"]), st.binary(min_size=1, max_size=60))
def test_any_payload_gives_data_or_nothing(codec: VideoCodec, payload: bytes) -> None:
    fragment = depacketise(codec, memoryview(payload))
    assert fragment is None or fragment[0]
