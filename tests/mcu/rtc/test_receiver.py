"""One peer's datagrams, honest and not: what reaches the listener, what is answered, what only costs a count."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mcu.clock import NS_PER_MS, NS_PER_S, ntp_from_wall
from mcu.frames import EncodedFrame
from mcu.rtc import rtcp, rtp
from mcu.rtc.listener import Negotiated
from mcu.rtc.packetise import split
from mcu.rtc.receiver import MAX_DATAGRAM_SIZE, MAX_SOURCES, Receiver
from mcu.rtc.srtp import Protector, Unprotector
from tests.mcu.rtc.packets import IDENTITY, HeldClock, Notebook, make_frame, make_frames, make_keys

VIDEO, REPAIR, SOUND = 0x4444_4444, 0x5555_5555, 0x6666_6666
VP8, H264, RTX, OPUS = 96, 102, 97, 111
NEGOTIATED = Negotiated(
    video_in={VP8: "VP8", H264: "H264"}, video_in_rtx={RTX: VP8}, audio_in=OPUS, audio_level_in_ext=1
)


class Bench:
    """A receiver and a peer that can send it anything."""

    def __init__(self) -> None:
        server, peer = make_keys()
        self.clock = HeldClock()
        self.notes = Notebook()
        self.nacked: list[int] = []
        self.receiver = Receiver(
            Unprotector(server), NEGOTIATED, self.notes, self.clock, identity=IDENTITY, on_nack=self.nacked.extend
        )
        self.protector = Protector(peer)
        self.sequence = 100

    def send(self, plain: bytes) -> None:
        datagram = self.protector.protect(plain)
        assert datagram is not None
        self.receiver.datagram(datagram)

    def send_rtcp(self, plain: bytes) -> None:
        datagram = self.protector.protect_rtcp(plain)
        assert datagram is not None
        self.receiver.datagram(datagram)

    def packets(self, frame: EncodedFrame, ssrc: int = VIDEO) -> list[bytes]:
        payloads = split(frame.codec, frame.data, 1)
        kind = VP8 if frame.codec == "VP8" else H264
        packets = []
        for index, payload in enumerate(payloads):
            marker = index == len(payloads) - 1
            packets.append(rtp.header(kind, marker, self.sequence, frame.time_ns * 9 // 100_000, ssrc) + payload)
            self.sequence += 1
        return packets

    def frame(self, frame: EncodedFrame, ssrc: int = VIDEO) -> None:
        for packet in self.packets(frame, ssrc):
            self.send(packet)

    def poll(self) -> list[rtcp.Item]:
        return rtcp.parse(self.receiver.poll(self.clock.now_ns()) or b"")

    def report(self) -> list[rtcp.Item]:
        return rtcp.parse(self.receiver.report(self.clock.now_ns()))


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.receiver.close()
    made.protector.close()


def test_sound_arrives_with_its_level(bench: Bench) -> None:
    head = b"\x90\x6f\0\7\0\0\1\0" + SOUND.to_bytes(4, "big") + b"\xbe\xde\0\1\x10\xb2\0\0"
    bench.send(head + b"opus")
    bench.send(rtp.header(OPUS, False, 8, 1216, SOUND) + b"more")
    odd = b"\xb1\x6f\0\x09\0\0\1\0" + SOUND.to_bytes(4, "big") + b"csrc\xbe\xde\0\1\x10\x07\0\0last\0\2"
    bench.send(odd)
    first, second, third = bench.notes.sounds
    assert (first.payload, first.sequence_number, first.rtp_timestamp, first.level_dbov) == (b"opus", 7, 256, 0x32)
    assert (first.ssrc, first.arrived_ns) == (SOUND, bench.clock.now_ns())
    assert (second.payload, second.level_dbov) == (b"more", None)
    assert (third.payload, third.level_dbov) == (b"last", 7)


def test_empty_sound_counts_as_received_and_goes_no_further(bench: Bench) -> None:
    for number in range(3):
        bench.send(rtp.header(OPUS, False, number, 0, SOUND))
    bench.send(b"\xa0" + rtp.header(OPUS, False, 3, 0, SOUND)[1:] + b"\0\0\0\4")
    assert bench.notes.sounds == []
    (block,) = bench.report()
    assert isinstance(block, rtcp.ReportBlock)
    assert (block.highest_sequence, block.packets_lost) == (3, 0)


def test_frames_of_two_codecs_reach_the_listener(bench: Bench) -> None:
    frames = make_frames("VP8", 2) + make_frames("H264", 2)
    for frame in frames:
        bench.frame(frame)
    assert [(frame.codec, frame.data) for frame in bench.notes.frames] == [(f.codec, f.data) for f in frames]


def test_lost_packet_comes_back_over_rtx(bench: Bench) -> None:
    frame = make_frame("VP8", 0, keyframe=True)
    packets = bench.packets(frame)
    for packet in packets[:2] + packets[3:]:
        bench.send(packet)
    assert bench.receiver.due
    assert bench.poll() == [rtcp.Nack(VIDEO, (102,))]
    lost = packets[2]
    bench.send(rtp.header(RTX, False, 9, 0, REPAIR))
    bench.send(rtp.header(RTX, False, 10, 0, REPAIR) + b"\0")
    bench.send(rtp.header(RTX, False, 11, int.from_bytes(lost[4:8], "big"), REPAIR) + lost[2:4] + lost[12:])
    assert [received.data for received in bench.notes.frames] == [frame.data]


def test_rtx_for_what_was_never_sent_disturbs_nothing(bench: Bench) -> None:
    frames = make_frames("VP8", 2)
    bench.send(rtp.header(RTX, False, 9, 0, REPAIR) + b"\0\1early")
    bench.frame(frames[0])
    bench.send(rtp.header(RTX, False, 10, 0, REPAIR) + (30_000).to_bytes(2, "big") + b"\x10data")
    bench.send(rtp.header(RTX, True, 11, 0, REPAIR) + (50_000).to_bytes(2, "big") + b"\x10data")
    bench.frame(frames[1])
    assert [received.data for received in bench.notes.frames] == [frame.data for frame in frames]


def test_sender_report_is_handed_on_and_answered(bench: Bench) -> None:
    bench.send(rtp.header(OPUS, False, 5, 0, SOUND) + b"opus")
    ntp = ntp_from_wall(bench.clock.wall_ns())
    bench.send_rtcp(rtcp.sender_report(rtcp.SenderInfo(SOUND, ntp, 960, 1, 4)))
    bench.send_rtcp(rtcp.sender_report(rtcp.SenderInfo(0x77, ntp, 960, 1, 4)))
    (report,) = bench.notes.reports
    assert (report.ssrc, report.ntp, report.rtp_timestamp) == (SOUND, ntp, 960)
    bench.clock.advance(NS_PER_S // 2)
    (block,) = bench.report()
    assert isinstance(block, rtcp.ReportBlock)
    assert (block.last_sr, block.delay_since_last_sr) == (ntp >> 16 & 0xFFFF_FFFF, 32_768)


def test_report_tells_losses_of_the_interval_jitter_and_the_allowed_bit_rate(bench: Bench) -> None:
    bench.frame(make_frame("VP8", 0, keyframe=True))
    for number in range(100):
        if number % 4:
            bench.send(rtp.header(OPUS, False, number, 960 * number, SOUND) + b"opus")
        bench.clock.advance((19 if number % 2 else 21) * NS_PER_MS)
    bench.receiver.limit_bitrate(800_000)
    video, sound, remb = bench.report()
    assert isinstance(video, rtcp.ReportBlock)
    assert isinstance(sound, rtcp.ReportBlock)
    assert (video.ssrc, video.fraction_lost) == (VIDEO, 0)
    assert (sound.ssrc, sound.fraction_lost, sound.packets_lost) == (SOUND, 24 * 256 // 99, 24)
    assert 20 < sound.jitter < 96
    assert remb == rtcp.Remb(800_000, (VIDEO,))
    _, sound, _ = bench.report()
    assert isinstance(sound, rtcp.ReportBlock)
    assert (sound.fraction_lost, sound.packets_lost) == (0, 24)


def test_what_the_peer_says_of_our_streams_is_handed_on(bench: Bench) -> None:
    now = ntp_from_wall(bench.clock.wall_ns()) >> 16 & 0xFFFF_FFFF
    block = rtcp.ReportBlock(IDENTITY.video_ssrc, 64, 5, 100, 0, (now - 3 * 65_536) & 0xFFFF_FFFF, 2 * 65_536)
    foreign = rtcp.ReportBlock(0x99, 255, 5, 100, 0, 0, 0)
    sound = rtcp.ReportBlock(IDENTITY.audio_ssrc, 128, 5, 100, 0, 0, 0)
    bench.send_rtcp(
        rtcp.receiver_report(SOUND, [block, foreign, sound]) + rtcp.remb(SOUND, 640_000, [IDENTITY.video_ssrc])
    )
    first, second, third = bench.notes.receptions
    assert (first.kind, first.fraction_lost, first.round_trip_s, first.estimate_bps) == ("video", 0.25, 1.0, None)
    assert (second.kind, second.fraction_lost) == ("audio", 0.5)
    assert (third.kind, third.fraction_lost, third.estimate_bps) == ("video", 0.25, 640_000)


@pytest.mark.parametrize("first", ["report", "picture"])
def test_repairs_are_asked_for_twice_in_a_round_trip_that_the_peer_reports(bench: Bench, first: str) -> None:
    now = ntp_from_wall(bench.clock.wall_ns()) >> 16 & 0xFFFF_FFFF
    report = rtcp.receiver_report(SOUND, [rtcp.ReportBlock(IDENTITY.audio_ssrc, 0, 0, 100, 0, now - 65_536 // 5, 0)])
    if first == "report":
        bench.send_rtcp(report)
    bench.frame(make_frame("VP8", 0, keyframe=True))
    if first == "picture":
        bench.send_rtcp(report)
    bench.sequence += 1
    bench.frame(make_frame("VP8", 1))
    assert [type(item) for item in bench.poll()] == [rtcp.Nack]
    bench.clock.advance(95 * NS_PER_MS)
    assert bench.poll() == []
    bench.clock.advance(10 * NS_PER_MS)
    assert [type(item) for item in bench.poll()] == [rtcp.Nack]


def test_requests_for_our_video_are_handed_on_and_others_not(bench: Bench) -> None:
    fir = bytes.fromhex("84ce0004 66666666 00000000") + IDENTITY.video_ssrc.to_bytes(4, "big") + b"\1\0\0\0"
    bench.send_rtcp(rtcp.receiver_report(SOUND) + rtcp.pli(SOUND, IDENTITY.video_ssrc) + fir)
    bench.send_rtcp(rtcp.receiver_report(SOUND) + rtcp.nack(SOUND, IDENTITY.video_ssrc, [7, 9]))
    bench.send_rtcp(rtcp.pli(SOUND, 0x99) + rtcp.nack(SOUND, IDENTITY.audio_ssrc, [8]))
    bench.send_rtcp(fir)
    assert bench.notes.keyframe_requests == 2
    assert bench.nacked == [7, 9]


def test_feedback_is_a_compound_that_begins_with_a_report(bench: Bench) -> None:
    bench.frame(make_frame("VP8", 1))
    feedback = bench.receiver.poll(bench.clock.now_ns())
    assert feedback is not None
    assert feedback[1] == rtcp.RECEIVER_REPORT
    assert rtcp.parse(feedback) == [rtcp.KeyframeRequest(VIDEO)]
    assert bench.receiver.poll(bench.clock.now_ns()) is None


def test_room_may_ask_for_a_keyframe_once_there_is_video(bench: Bench) -> None:
    bench.receiver.request_keyframe()
    assert bench.poll() == []
    bench.frame(make_frame("VP8", 0, keyframe=True))
    bench.receiver.request_keyframe()
    assert bench.receiver.due
    assert bench.poll() == [rtcp.KeyframeRequest(VIDEO)]
    bench.receiver.request_keyframe()
    assert bench.poll() == []


def test_300_sources_cost_no_more_than_eight(bench: Bench) -> None:
    for ssrc in range(1, 301):
        bench.send(rtp.header(OPUS, False, 1, 0, ssrc) + b"opus")
        bench.send(rtp.header(VP8, True, 1, 0, ssrc) + b"\x10\x01data")
        bench.send_rtcp(rtcp.receiver_report(ssrc))
    assert {packet.ssrc for packet in bench.notes.sounds} == set(range(1, MAX_SOURCES + 1))
    assert len([item for item in bench.report() if isinstance(item, rtcp.ReportBlock)]) == MAX_SOURCES
    assert bench.receiver.statistics.foreign_sources == 3 * (300 - MAX_SOURCES)


def test_forged_sources_take_no_place(bench: Bench) -> None:
    for ssrc in range(1, 301):
        bench.receiver.datagram(rtp.header(OPUS, False, 1, 0, ssrc) + os.urandom(40))
        bench.receiver.datagram(rtcp.receiver_report(ssrc) + os.urandom(18))
    bench.send(rtp.header(OPUS, False, 1, 0, SOUND) + b"opus")
    assert len(bench.notes.sounds) == 1
    assert bench.receiver.statistics.unprotect_failures == 600


def test_malformed_headers_of_many_sources_take_places_too(bench: Bench) -> None:
    """libsrtp has made a stream for each of them by then."""
    for ssrc in range(1, 20):
        bench.send(b"\xa0" + rtp.header(OPUS, False, 1, 0, ssrc)[1:] + b"\xff")
    assert bench.receiver.statistics.malformed == MAX_SOURCES
    assert bench.receiver.statistics.foreign_sources == 19 - MAX_SOURCES


def test_second_video_source_waits_until_the_first_is_silent(bench: Bench) -> None:
    bench.frame(make_frame("VP8", 0, keyframe=True), VIDEO)
    bench.frame(make_frame("VP8", 1, keyframe=True), 0x88)
    bench.clock.advance(NS_PER_S)
    bench.frame(make_frame("VP8", 2, keyframe=True), 0x88)
    assert [frame.ssrc for frame in bench.notes.frames] == [VIDEO, 0x88]


def test_sequence_that_leaps_must_be_confirmed_and_then_goes_on(bench: Bench) -> None:
    bench.frame(make_frame("VP8", 0, keyframe=True))
    for _ in range(20):
        bench.sequence += 32_000
        bench.frame(make_frame("VP8", 1, keyframe=True))
        bench.frame(make_frame("VP8", 2, keyframe=True))
        assert bench.receiver.statistics.video is not None
        assert bench.receiver.statistics.video.held == 0
    assert len(bench.notes.frames) == 21


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"\x80",
        b"\x80\xc8",
        b"\x80\xc9\0\1\0\0\0",
        b"\x80" * 11,
        b"\x16\xfe\xfd" + bytes(20),
        bytes(30),
        b"\x80" * (MAX_DATAGRAM_SIZE + 1),
        b"\x80" * 70_000,
    ],
)
def test_datagrams_that_are_no_rtp_cost_a_count(bench: Bench, datagram: bytes) -> None:
    bench.receiver.datagram(datagram)
    counts = bench.receiver.statistics
    assert counts.malformed + counts.oversized + counts.unprotect_failures == 1
    bench.send(rtp.header(OPUS, False, 1, 0, SOUND) + b"opus")
    assert len(bench.notes.sounds) == 1


@pytest.mark.parametrize(
    "plain",
    [
        b"\x90\x6f\0\1\0\0\0\0\0\0\0\7\xbe\xde\0\1\x1f\0\0\0opus",  # an element longer than its extension
        b"\x90\x6f\0\1\0\0\0\0\0\0\0\7\x10\0\0\1\1\xff\0\0opus",
        b"\x90\x60\0\1\0\0\0\0\0\0\0\7\xbe\xde\0\1\xff\xff\xff\xff\x90",
        b"\xa0\x6f\0\1\0\0\0\0\0\0\0\7opus\0",
        b"\x80\x60\0\1\0\0\0\0\0\0\0\7\xff",
        b"\x80\x61\0\1\0\0\0\0\0\0\0\7\xff",
        b"\x80\x05\0\1\0\0\0\0\0\0\0\7unknown type",
    ],
)
def test_malformed_packets_of_a_joined_peer_cost_themselves(bench: Bench, plain: bytes) -> None:
    bench.send(plain)
    bench.send(rtp.header(OPUS, False, 2, 0, SOUND) + b"after")
    assert bench.notes.sounds[-1].payload == b"after"


@pytest.mark.parametrize(
    "plain",
    [
        bytes.fromhex("8fce0004 66666666 00000000") + b"REMB\xff\xff\xff\xff",
        bytes.fromhex("81c80001 66666666"),
        bytes.fromhex("9fc9ffff 66666666"),
        bytes.fromhex("81cb0001 66666666"),
        bytes.fromhex("81cd0002 66666666 11111111"),
    ],
)
def test_malformed_feedback_of_a_joined_peer_costs_itself(bench: Bench, plain: bytes) -> None:
    bench.send_rtcp(plain)
    bench.send_rtcp(rtcp.pli(SOUND, IDENTITY.video_ssrc))
    bench.send(rtp.header(OPUS, False, 2, 0, SOUND) + b"after")
    assert bench.notes.keyframe_requests == 1
    assert bench.notes.sounds[-1].payload == b"after"


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["rtp", "rtcp", "raw"]),
            st.sampled_from([0x80, 0x81, 0x8F, 0x90, 0x91, 0xA0, 0xB0]),
            st.sampled_from([VP8, VP8 | 128, H264, RTX, OPUS, 200, 201, 205, 206]),
            st.integers(0, 0xFFFF),
            st.binary(min_size=8, max_size=60),
            st.integers(0, 300),
        ),
        max_size=12,
    )
)
def test_whatever_a_joined_peer_sends_nothing_raises(
    bench: Bench, sent: list[tuple[str, int, int, int, bytes, int]]
) -> None:
    for way, first, second, number, rest, after_ms in sent:
        plain = bytes((first, second)) + number.to_bytes(2, "big") + rest
        protect = bench.protector.protect_rtcp if way == "rtcp" else bench.protector.protect
        datagram = plain if way == "raw" else protect(plain)
        if datagram is not None:
            bench.receiver.datagram(datagram)
        bench.clock.advance(after_ms * NS_PER_MS)
        bench.receiver.poll(bench.clock.now_ns())
        bench.receiver.report(bench.clock.now_ns())


def test_closed_receiver_hands_nothing_on(bench: Bench) -> None:
    bench.receiver.close()
    bench.receiver.close()
    bench.send(rtp.header(OPUS, False, 2, 0, SOUND) + b"late")
    assert bench.notes.sounds == []
