"""The assembler on a clock that is told the time: order, holes, patience, bounds."""

import random
from collections.abc import Sequence
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcu.clock import NS_PER_MS
from mcu.frames import EncodedFrame, ReceivedFrame, VideoCodec
from mcu.rtc.jitter import (
    MAX_BYTES,
    MAX_HELD_PACKETS,
    MAX_MISSING,
    Feedback,
    FrameAssembler,
)
from mcu.rtc.packetise import split
from mcu.rtc.patience import HOLE_LIMIT_NS, KEYFRAME_AFTER_NS
from tests.mcu.rtc.packets import make_frame, make_frames

CODECS: tuple[VideoCodec, ...] = ("VP8", "H264")
NOTHING = Feedback((), False)

Fed = tuple[int, int, bool, VideoCodec, bytes]


def packets_of(frames: Sequence[EncodedFrame], first: int = 100) -> list[Fed]:
    """What a sender puts on the wire for some frames: sequence, timestamp, marker, codec, payload."""
    numbers = count(first)
    fed: list[Fed] = []
    for frame in frames:
        payloads = split(frame.codec, frame.data, 1)
        for index, payload in enumerate(payloads):
            last = index == len(payloads) - 1
            fed.append((next(numbers), frame.time_ns * 9 // 100_000, last, frame.codec, payload))
    return fed


class Bench:
    """An assembler, the frames it gave, and the time."""

    def __init__(self) -> None:
        self.frames: list[ReceivedFrame] = []
        self.assembler = FrameAssembler(7, self.frames.append)
        self.now_ns = 1_000_000_000

    def feed(self, packets: Sequence[Fed]) -> None:
        for packet in packets:
            self.assembler.feed(*packet, self.now_ns)

    def poll(self, after_ms: int = 0) -> Feedback:
        self.now_ns += after_ms * NS_PER_MS
        return self.assembler.poll(self.now_ns)

    @property
    def data(self) -> list[bytes]:
        return [frame.data for frame in self.frames]


def data_of(frames: Sequence[EncodedFrame]) -> list[bytes]:
    return [frame.data for frame in frames]


@pytest.mark.parametrize("codec", CODECS)
def test_frame_leaves_with_its_last_packet(codec: VideoCodec) -> None:
    bench, frames = Bench(), make_frames(codec, 3)
    for number, frame in enumerate(frames):
        packets = packets_of(frames)
        mine = [packet for packet in packets if packet[1] == frame.time_ns * 9 // 100_000]
        bench.feed(mine[:-1])
        assert len(bench.frames) == number
        bench.feed(mine[-1:])
        assert len(bench.frames) == number + 1
    assert bench.data == data_of(frames)
    assert [frame.keyframe for frame in bench.frames] == [True, False, False]
    assert {frame.ssrc for frame in bench.frames} == {7}
    assert bench.poll() == NOTHING


@pytest.mark.parametrize("codec", CODECS)
@settings(max_examples=40, deadline=None)
@given(randomness=st.randoms(use_true_random=False))
def test_any_reordering_within_the_patience_gives_every_frame_in_order(
    codec: VideoCodec, randomness: random.Random
) -> None:
    bench, frames = Bench(), make_frames(codec, 4)
    first, *packets = packets_of(frames)
    randomness.shuffle(packets)
    bench.feed([first, *packets, *packets])
    assert bench.data == data_of(frames)


@pytest.mark.parametrize("codec", CODECS)
def test_every_packet_twice_gives_every_frame_once(codec: VideoCodec) -> None:
    bench, frames = Bench(), make_frames(codec, 4)
    bench.feed([packet for packet in packets_of(frames) for _ in range(2)])
    assert bench.data == data_of(frames)


@pytest.mark.parametrize(("round_trip_ms", "interval_ms"), [(None, 40), (140, 70), (2, 20), (60_000, 200)])
def test_gap_is_asked_for_at_once_and_twice_a_round_trip(round_trip_ms: int | None, interval_ms: int) -> None:
    bench, frames = Bench(), make_frames("VP8", 3)
    if round_trip_ms is not None:
        bench.assembler.set_round_trip(round_trip_ms * NS_PER_MS)
    packets = packets_of(frames)
    lost = packets[6:8]
    bench.feed([packet for packet in packets if packet not in lost])
    assert bench.assembler.due
    assert bench.poll() == Feedback((106, 107), False)
    assert bench.poll(interval_ms - 1) == NOTHING
    bench.feed(lost[:1])
    assert bench.poll(1) == Feedback((107,), False)
    assert len(bench.frames) == 1
    bench.feed(lost[1:])
    assert bench.data == data_of(frames)
    assert bench.poll(interval_ms) == NOTHING
    assert bench.assembler.statistics.recovered == 2


def with_a_hole(codec: VideoCodec, before: int, keyframe_at: int) -> tuple[list[EncodedFrame], list[Fed], Fed, int]:
    """Eight frames, their packets without one of frame 2, that one, and where frame ``before`` begins in them."""
    frames = make_frames(codec, 8)
    frames[keyframe_at] = make_frame(codec, keyframe_at, keyframe=True)
    packets = packets_of(frames)
    lost = packets.pop(next(index for index, packet in enumerate(packets) if packet[1] == 2 * 3600) + 1)
    return frames, packets, lost, next(index for index, packet in enumerate(packets) if packet[1] == before * 3600)


@pytest.mark.parametrize("codec", CODECS)
def test_hole_of_150_ms_asks_for_a_keyframe_and_the_picture_goes_on_with_it(codec: VideoCodec) -> None:
    bench = Bench()
    frames, packets, lost, later = with_a_hole(codec, before=6, keyframe_at=6)
    bench.feed(packets[:later])
    bench.poll()
    assert not bench.poll(149).keyframe
    asked = bench.poll(1)
    assert asked.keyframe
    assert bench.poll(40).nacks == (lost[0],), "the repair may still be the first to come"
    bench.feed(packets[later:])
    assert bench.data == data_of(frames[:2] + frames[6:])
    assert bench.poll(1000) == NOTHING


@pytest.mark.parametrize("codec", CODECS)
def test_repair_that_comes_before_the_keyframe_loses_nothing(codec: VideoCodec) -> None:
    bench = Bench()
    frames, packets, lost, later = with_a_hole(codec, before=6, keyframe_at=6)
    bench.feed(packets[:later])
    assert bench.poll(160).keyframe
    bench.feed([lost])
    assert bench.data == data_of(frames[:6])
    assert bench.poll(400) == NOTHING
    bench.feed(packets[later:])
    assert bench.data == data_of(frames)


def test_keyframe_that_does_not_come_is_asked_for_again_until_the_hole_is_given_up() -> None:
    bench = Bench()
    _, packets, _, later = with_a_hole("VP8", before=6, keyframe_at=6)
    bench.feed(packets[:later])
    asked = [ms for ms in range(0, 2000, 10) if bench.poll(10).keyframe]
    assert asked == [140, 340, 540]
    assert bench.assembler.statistics.held == 0


def test_keyframe_on_the_way_is_worth_no_young_hole() -> None:
    """A key frame that somebody else asked for drops nothing that can still be repaired."""
    bench = Bench()
    frames, packets, lost, _ = with_a_hole("VP8", before=6, keyframe_at=4)
    bench.feed(packets)
    bench.poll(100)
    bench.feed([lost])
    assert bench.data == data_of(frames)


@pytest.mark.parametrize("codec", CODECS)
def test_keyframe_already_there_is_taken_when_a_hole_is_old(codec: VideoCodec) -> None:
    bench, frames = Bench(), make_frames(codec, 5)
    frames[3] = make_frame(codec, 3, keyframe=True)
    packets = packets_of(frames)
    hole = next(index for index, packet in enumerate(packets) if packet[1] == 3600)
    bench.feed(packets[:hole] + packets[hole + 1 :])
    assert bench.poll(KEYFRAME_AFTER_NS // NS_PER_MS) == NOTHING
    assert bench.data == data_of([frames[0], *frames[3:]])


def test_keyframe_requests_are_spaced_and_end_when_the_sender_is_silent() -> None:
    bench, frames = Bench(), make_frames("VP8", 6)
    packets = packets_of(frames[1:])
    bench.feed(packets[:5])
    assert bench.poll().keyframe
    bench.feed(packets[5:10])
    assert not bench.poll(199).keyframe
    assert bench.poll(1).keyframe
    assert not bench.poll(5000).keyframe
    bench.assembler.request_keyframe()
    assert bench.poll().keyframe


def test_repaired_keyframe_ends_the_wait_for_one() -> None:
    bench = Bench()
    bench.feed(packets_of([make_frame("VP8", 0)]))
    bench.feed(packets_of([make_frame("VP8", 1, keyframe=True)], 105))
    assert bench.poll() == NOTHING
    assert len(bench.frames) == 1


@pytest.mark.parametrize("codec", CODECS)
def test_stream_that_is_met_in_the_middle_of_a_keyframe_waits_for_the_next(codec: VideoCodec) -> None:
    """The rest of an H.264 key frame begins with whole slices, and is still not a picture."""
    frames = [make_frame(codec, 0, keyframe=True), make_frame(codec, 1), make_frame(codec, 2, keyframe=True)]
    packets = packets_of(frames)
    for skipped in range(1, 5):
        bench = Bench()
        bench.feed(packets[skipped:])
        assert bench.data == data_of(frames[2:])


def test_padding_probes_count_as_received_and_hold_nothing_up() -> None:
    bench, frames = Bench(), make_frames("VP8", 2)
    first, second = packets_of(frames[:1]), packets_of(frames[1:], 108)
    probes: list[Fed] = [(number, 0, False, "VP8", b"") for number in (105, 106, 107)]
    bench.feed([*first, *probes, *second])
    assert bench.data == data_of(frames)
    assert bench.poll() == NOTHING


def test_frame_without_a_marker_ends_where_the_next_begins() -> None:
    bench, frames = Bench(), make_frames("VP8", 3)
    packets = packets_of(frames)
    bench.feed([(number, time, False, codec, data) for number, time, _, codec, data in packets])
    assert bench.data == data_of(frames[:2])


def test_codec_may_change_in_mid_stream() -> None:
    bench = Bench()
    first, second = make_frames("VP8", 2), make_frames("H264", 2)
    third = [make_frame("VP8", 4, keyframe=True)]
    one = packets_of(first)
    two = packets_of(second, one[-1][0] + 1)
    bench.feed([*one, *two, *packets_of(third, two[-1][0] + 1)])
    assert bench.data == data_of(first + second + third)
    assert [frame.codec for frame in bench.frames] == ["VP8", "VP8", "H264", "H264", "VP8"]


def test_malformed_payload_costs_its_frame_and_asks_for_a_keyframe() -> None:
    bench, frames = Bench(), make_frames("VP8", 3)
    frames[2] = make_frame("VP8", 2, keyframe=True)
    packets = packets_of(frames)
    packets[6] = (*packets[6][:4], b"\x90\x80")
    bench.feed(packets[:10])
    assert bench.data == data_of(frames[:1])
    assert bench.poll() == Feedback((), True)
    bench.feed(packets[10:])
    assert bench.data == data_of([frames[0], frames[2]])
    assert bench.assembler.statistics.malformed == 1


@pytest.mark.parametrize("codec", CODECS)
def test_blackout_longer_than_what_can_be_asked_for_is_leapt_over(codec: VideoCodec) -> None:
    bench, frames = Bench(), make_frames(codec, 2)
    after = [make_frame(codec, 2), make_frame(codec, 3, keyframe=True), make_frame(codec, 4)]
    bench.feed(packets_of(frames))
    bench.feed(packets_of(after[:1], 500))
    assert bench.poll() == Feedback((), True)
    bench.feed(packets_of(after[1:], 500 + len(packets_of(after[:1]))))
    assert bench.data == data_of(frames + after[1:])


def test_leaps_of_thousands_cost_bounded_work_and_memory() -> None:
    bench = Bench()
    sequence = 100
    for number in range(50):
        bench.feed(packets_of([make_frame("VP8", number, keyframe=True)], sequence))
        sequence += 32_000
        assert len(bench.poll(20).nacks) <= MAX_MISSING
        assert bench.assembler.statistics.held <= MAX_HELD_PACKETS
    assert len(bench.frames) == 50


@pytest.mark.parametrize("size", [10, 8000])
def test_what_waits_for_a_hole_is_bounded(size: int) -> None:
    """A sender that leaves one hole and goes on at high speed: bytes and packets stay within their bounds."""
    bench = Bench()
    bench.feed(packets_of(make_frames("VP8", 1)))
    most = 0
    for number in range(1, 4 * MAX_HELD_PACKETS):
        bench.feed([(105 + number, 1, False, "VP8", b"\x00" + bytes(size))])
        most = max(most, bench.assembler.statistics.held)
    assert most == min(MAX_HELD_PACKETS, MAX_BYTES // size)
    assert bench.poll().keyframe


def test_what_a_skipped_hole_held_is_not_counted_for_ever() -> None:
    bench, big = Bench(), b"\x00" + bytes(60_000)
    first = 100
    for number in range(4):
        bench.feed(packets_of([make_frame("VP8", number, keyframe=True)], first))
        bench.feed([(first + 6 + index, 1, False, "VP8", big) for index in range(50)])
        bench.feed(packets_of([make_frame("VP8", number, keyframe=True)], first + 56))
        bench.poll(HOLE_LIMIT_NS // NS_PER_MS)
        first += 61
    assert len(bench.frames) == 8
    assert bench.assembler.statistics.holes_given_up == 4


def test_keyframe_that_arrives_ends_a_wait_however_many_holes_are_before_it() -> None:
    bench = Bench()
    bench.feed(packets_of([make_frame("VP8", 0)])[1:])
    bench.feed(packets_of([make_frame("VP8", 1)], 107))
    bench.feed(packets_of([make_frame("VP8", 2, keyframe=True)], 115))
    assert bench.data == data_of([make_frame("VP8", 2, keyframe=True)])
    assert bench.poll() == NOTHING


def test_frame_that_never_ends_is_not_kept() -> None:
    bench = Bench()
    start = packets_of([make_frame("VP8", 0, keyframe=True)])[0]
    bench.feed([start])
    bench.feed([(number, start[1], False, "VP8", b"\x00" + bytes(60_000)) for number in range(101, 301)])
    bench.feed([(301, start[1], True, "VP8", b"\x00end")])
    assert bench.frames == []
    assert bench.poll().keyframe


def test_scattered_losses_are_bounded_together() -> None:
    bench = Bench()
    bench.feed(packets_of(make_frames("VP8", 1)))
    asked = 0
    for number in range(106, 3000, 2):
        bench.feed([(number, 1, True, "VP8", b"\x10\x01data")])
        asked = max(asked, len(bench.poll().nacks))
    assert asked <= MAX_MISSING
    assert len(bench.poll(HOLE_LIMIT_NS // NS_PER_MS - 1).nacks) <= MAX_MISSING


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(-500, 70_000),
            st.integers(0, 5),
            st.booleans(),
            st.sampled_from(CODECS),
            st.one_of(st.binary(max_size=12), st.just(b"\x10\x10\x02\0\x9d\x01\x2a\x40\x01\xb4\0")),
            st.integers(0, 100),
        ),
        max_size=80,
    )
)
def test_whatever_comes_nothing_raises_and_no_frame_is_empty(
    packets: list[tuple[int, int, bool, VideoCodec, bytes, int]],
) -> None:
    bench = Bench()
    for *packet, after_ms in packets:
        bench.feed([tuple(packet)])  # type: ignore[list-item]  # the star keeps no types
        bench.poll(after_ms)
    assert all(frame.data for frame in bench.frames)
    assert not bench.frames or bench.frames[0].keyframe
