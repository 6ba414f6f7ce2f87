"""RTP headers: what is read, and that nothing which contradicts itself gets through or raises."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcu.rtc import rtp

HEADER = bytes.fromhex("80 6f 0102 03040506 0708090a")


def extended(profile: int, elements: bytes, payload: bytes = b"payload", words: int | None = None) -> bytes:
    padded = elements + bytes(-len(elements) % 4)
    words = len(padded) // 4 if words is None else words
    head = b"\x90" + HEADER[1:] + profile.to_bytes(2, "big") + words.to_bytes(2, "big")
    return head + padded + payload


def payload_of(packet: bytes) -> bytes | None:
    header = rtp.parse(packet)
    return None if header is None else packet[header.payload_start : header.payload_end]


def level_of(packet: bytes, header: rtp.RtpHeader, identifier: int) -> int | None:
    at, end = header.extensions_start, header.payload_start
    return rtp.audio_level(packet, at, end, header.extensions_profile, identifier)


def test_plain_header() -> None:
    header = rtp.parse(HEADER + b"payload")
    assert header is not None
    assert header[:5] == (0x6F, False, 0x0102, 0x0304_0506, 0x0708_090A)
    assert payload_of(HEADER + b"payload") == b"payload"


def test_marker_csrcs_extension_and_padding_are_taken_off() -> None:
    packet = b"\xb2\xef" + HEADER[2:] + b"csrccsrc" + b"\xbe\xde\0\1\x10\x05\0\0" + b"payload" + b"\0\0\3"
    header = rtp.parse(packet)
    assert header is not None
    assert header.marker
    assert header.payload_type == 0x6F
    assert payload_of(packet) == b"payload"
    assert level_of(packet, header, 1) == 5


def test_padding_alone_is_a_packet_without_payload() -> None:
    assert payload_of(b"\xa0" + HEADER[1:] + b"\0\0\0\4") == b""


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        HEADER[:11],
        b"\x40" + HEADER[1:] + b"version",
        b"\x8f" + HEADER[1:] + b"fifteen csrcs",
        b"\x90" + HEADER[1:] + b"\xbe\xde\0",
        extended(0xBEDE, b"\x10\x05", words=0xFFFF),
        b"\xa0" + HEADER[1:] + b"no padding\0",
        b"\xa0" + HEADER[1:] + b"\x09",
    ],
)
def test_header_that_contradicts_itself_is_refused(packet: bytes) -> None:
    assert rtp.parse(packet) is None


@pytest.mark.parametrize(
    ("profile", "elements", "identifier", "level"),
    [
        (0xBEDE, b"\x10\x85", 1, 5),
        (0xBEDE, b"\x22\1\2\3\0\0\x10\x7f", 1, 127),
        (0xBEDE, b"\x10\x05", 2, None),
        (0xBEDE, b"\x00\xf0\x10\x05", 1, None),  # 15 ends the list
        (0xBEDE, b"\x22\1\2\3\0\0\0\x1f", 1, None),  # longer than the extension
        (0x1000, b"\x01\x01\x85", 1, 5),
        (0x100F, b"\x02\x00\x01\x01\x09", 1, 9),
        (0x1000, b"\x01\x00", 1, None),  # no byte of value
        (0x1000, b"\x02\x00\x00\x01", 1, None),  # no length
        (0x1000, b"\x01\xff\x01", 1, None),
        (0xABCD, b"\x10\x05", 1, None),
    ],
)
def test_audio_level(profile: int, elements: bytes, identifier: int, level: int | None) -> None:
    packet = extended(profile, elements)
    header = rtp.parse(packet)
    assert header is not None
    assert level_of(packet, header, identifier) == level
    assert payload_of(packet) == b"payload"


def test_header_built_is_header_read() -> None:
    packet = rtp.header(96, True, 65_537, (1 << 32) + 5, 9, 3, b"abc") + b"payload"
    header = rtp.parse(packet)
    assert header is not None
    assert header[:5] == (96, True, 1, 5, 9)
    at, end = header.extensions_start, header.payload_start
    assert rtp.element(packet, at, end, header.extensions_profile, 3) == b"abc"
    assert payload_of(packet) == b"payload"


def test_abs_send_time_is_six_bits_of_seconds() -> None:
    assert rtp.abs_send_time(64_000_000_000) == bytes(3)
    assert rtp.abs_send_time(65_500_000_000) == (3 << 17).to_bytes(3, "big")


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=80), st.integers(0, 255), st.integers(1, 14))
def test_any_bytes_are_read_within_their_bounds(tail: bytes, first: int, identifier: int) -> None:
    packet = bytes([first]) + tail
    header = rtp.parse(packet)
    if header is not None:
        assert 12 <= header.payload_start <= header.payload_end <= len(packet)
        level_of(packet, header, identifier)
