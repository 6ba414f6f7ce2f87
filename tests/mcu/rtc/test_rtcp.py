"""RTCP both ways. aiortc's parser is the second opinion on what is built here."""

import pytest
from aiortc.rtp import RtcpPacket, RtcpPsfbPacket, RtcpRrPacket, RtcpRtpfbPacket, RtcpSdesPacket, RtcpSrPacket
from aiortc.rtp import unpack_remb_fci as aiortc_remb
from hypothesis import given, settings
from hypothesis import strategies as st

from mcu.rtc import rtcp

BLOCK = rtcp.ReportBlock(7, 64, -3, 0x0001_FFFF, 90, 0x1234_5678, 65536)
INFO = rtcp.SenderInfo(5, 0x0102_0304_0506_0708, 0xFFFF_FFFF, 10, 2000)


def test_sender_report_with_blocks() -> None:
    packet = rtcp.sender_report(INFO, [BLOCK])
    assert rtcp.parse(packet) == [INFO, BLOCK]
    (report,) = RtcpPacket.parse(packet)
    assert isinstance(report, RtcpSrPacket)
    assert (report.ssrc, report.sender_info.ntp_timestamp, report.sender_info.packet_count) == (5, INFO.ntp, 10)
    assert (report.reports[0].fraction_lost, report.reports[0].packets_lost) == (64, -3)


def test_compound_of_everything_is_read_in_order() -> None:
    packet = (
        rtcp.receiver_report(1, [BLOCK])
        + rtcp.source_description([1, 2], "name")
        + rtcp.nack(1, 2, [5, 6, 22, 65_535, 0])
        + rtcp.pli(1, 2)
        + rtcp.remb(1, 2_500_000, [2, 3])
    )
    assert rtcp.parse(packet) == [
        BLOCK,
        rtcp.Nack(2, (5, 6, 22, 65_535, 0)),
        rtcp.KeyframeRequest(2),
        rtcp.Remb(2_500_000, (2, 3)),
    ]
    report, names, nack, pli, remb = RtcpPacket.parse(packet)
    assert isinstance(report, RtcpRrPacket)
    assert isinstance(names, RtcpSdesPacket)
    assert [(chunk.ssrc, chunk.items) for chunk in names.chunks] == [(1, [(1, b"name")]), (2, [(1, b"name")])]
    assert isinstance(nack, RtcpRtpfbPacket)
    assert [number & 0xFFFF for number in nack.lost] == [5, 6, 22, 65_535, 0]
    assert isinstance(pli, RtcpPsfbPacket)
    assert isinstance(remb, RtcpPsfbPacket)
    assert aiortc_remb(remb.fci) == (2_500_000, [2, 3])


@pytest.mark.parametrize("length", range(1, 9))
def test_names_of_any_length_end_on_a_word(length: int) -> None:
    (packet,) = RtcpPacket.parse(rtcp.source_description([9], "n" * length))
    assert isinstance(packet, RtcpSdesPacket)
    assert packet.chunks[0].items == [(1, b"n" * length)]


def test_full_intra_request_names_each_source() -> None:
    entries = b"".join(ssrc.to_bytes(4, "big") + b"\1\0\0\0" for ssrc in (8, 9))
    fir = bytes.fromhex("84ce0006 00000001 00000000") + entries
    assert rtcp.parse(fir) == [rtcp.KeyframeRequest(8), rtcp.KeyframeRequest(9)]


def test_nacks_of_one_datagram_are_bounded() -> None:
    one = rtcp.nack(1, 2, list(range(1700)))
    lost = [item.sequence_numbers for item in rtcp.parse(one + one) if isinstance(item, rtcp.Nack)]
    assert sum(map(len, lost)) == rtcp.MAX_NACKED


def test_truncated_compound_keeps_what_came_before() -> None:
    packet = rtcp.pli(1, 2) + rtcp.sender_report(INFO, [BLOCK])
    for end in range(12, len(packet)):
        assert rtcp.parse(packet[:end]) == [rtcp.KeyframeRequest(2)]


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\x80",
        bytes.fromhex("80c80000 00000001"),  # no words
        bytes.fromhex("40ce0002 00000001 00000002"),  # version 1
        bytes.fromhex("81c80001 00000001"),  # an SR without sender info
        bytes.fromhex("9fc90001 00000001"),  # 31 blocks, none there
        bytes.fromhex("81cd0001 00000001"),  # a NACK without a source
        bytes.fromhex("8fce0003 00000001 00000000") + b"REMB",  # a REMB that ends after its name
        bytes.fromhex("8fce0003 00000001 00000000") + b"XXXX",
        bytes.fromhex("81cb0001 00000001"),  # BYE
    ],
)
def test_malformed_and_foreign_packets_say_nothing(packet: bytes) -> None:
    assert rtcp.parse(packet) == []


def test_remb_that_claims_more_sources_than_it_has() -> None:
    packet = bytes.fromhex("8fce0005 00000001 00000000") + b"REMB" + b"\xff\xfc\0\1" + b"\0\0\0\7"
    (remb,) = rtcp.parse(packet)
    assert isinstance(remb, rtcp.Remb)
    assert remb.ssrcs == (7,)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([200, 201, 202, 203, 204, 205, 206, 207]), st.integers(0, 31), st.binary())))
def test_any_bytes_are_read_without_raising(parts: list[tuple[int, int, bytes]]) -> None:
    compound = b""
    for kind, count, body in parts:
        compound += bytes((0x80 | count, kind)) + ((len(body) + 3) // 4).to_bytes(2, "big") + body
    for item in rtcp.parse(compound):
        assert not isinstance(item, rtcp.Nack) or len(item.sequence_numbers) <= rtcp.MAX_NACKED
    rtcp.sender_ssrc(compound)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 65_535), max_size=60, unique=True))
def test_every_number_asked_for_is_in_the_nack(numbers: list[int]) -> None:
    (item,) = rtcp.parse(rtcp.nack(1, 2, numbers))
    assert isinstance(item, rtcp.Nack)
    assert set(item.sequence_numbers) == set(numbers)
