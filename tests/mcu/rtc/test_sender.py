"""From the fan-outs to what viewers see and hear, over real loopback UDP and through a link that loses."""

import threading
from collections.abc import Callable, Iterator
from itertools import pairwise

import av
import numpy as np
import pytest

from mcu.clock import NS_PER_MS, NS_PER_S
from mcu.frames import EncodedFrame, VideoCodec
from mcu.rtc import rtp, udp
from mcu.rtc.media_time import audio_time, video_time
from mcu.rtc.opening import MAX_PACKETS, STEP
from mcu.rtc.packetise import MAX_TRAIN_PACKETS
from mcu.rtc.sender import AudioFanout, VideoFanout
from mcu.rtc.srtp import SrtpProfileName
from mcu.rtc.udp import Address, Way
from tests.mcu.rtc.packets import (
    FRAME_NS,
    IDENTITY,
    PROFILES,
    HeldClock,
    Viewers,
    begin_at,
    data_of,
    make_frame,
    make_frames,
    seen,
    sequences,
)

CODECS: tuple[VideoCodec, ...] = ("VP8", "H264")


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


@pytest.fixture
def viewer(clock: HeldClock) -> Iterator[Viewers]:
    with Viewers(clock) as viewers:
        yield viewers


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("codec", CODECS)
def test_every_frame_arrives_as_it_was(
    codec: VideoCodec, profile: SrtpProfileName, clock: HeldClock, viewer: Viewers
) -> None:
    one, fanout, frames = viewer(codec, profile), VideoFanout(IDENTITY, codec, clock), make_frames(codec, 5, 60_000)
    fanout.add(one.downlink)
    for frame in frames:
        fanout.write(frame)
        one.receive()
    assert seen(one) == data_of(frames)
    times = [frame.rtp_timestamp for frame in one.notes.frames]
    assert [(later - earlier) & 0xFFFF_FFFF for earlier, later in pairwise(times)] == [3600] * 4
    assert one.downlink.statistics.send_errors == 0
    assert fanout.statistics.packets == one.downlink.statistics.video_packets == one.arrivals


@pytest.mark.parametrize(("codec", "encoder"), [("VP8", "libvpx"), ("H264", "libx264")])
def test_real_encoder_to_real_decoder(codec: VideoCodec, encoder: str, clock: HeldClock, viewer: Viewers) -> None:
    context = av.CodecContext.create(encoder, "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt, context.framerate = 320, 180, "yuv420p", 25  # type: ignore[assignment]  # av takes a plain number
    context.options = {"deadline": "realtime"} if codec == "VP8" else {"tune": "zerolatency", "slices": "4"}
    one, fanout = viewer(codec), VideoFanout(IDENTITY, codec, clock)
    fanout.add(one.downlink)
    for number in range(5):
        picture = av.VideoFrame.from_ndarray(np.full((270, 320), 40 * number, np.uint8), format="yuv420p")
        for packet in context.encode(picture):
            fanout.write(EncodedFrame(codec, bytes(packet), packet.is_keyframe, number * FRAME_NS, 320, 180))
    one.receive()
    decoder = av.CodecContext.create("vp8" if codec == "VP8" else "h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    pictures = [picture for data in seen(one) for picture in decoder.decode(av.Packet(data))]
    pictures += decoder.decode(None)
    assert [round(float(picture.to_ndarray()[:180].mean()) / 40) for picture in pictures] == list(range(5))


def test_viewers_of_one_variant_get_the_same_plain_packets(clock: HeldClock, viewer: Viewers) -> None:
    fanout, frames = VideoFanout(IDENTITY, "VP8", clock), make_frames("VP8", 3)
    many = [viewer() for _ in range(5)]
    other = viewer(profile="AEAD_AES_128_GCM", send_time_ext=None, payload_type=120)
    begin_at(fanout, 100)
    for one in [*many, other]:
        fanout.add(one.downlink)
    for frame in frames:
        fanout.write(frame)
    first, *rest = [one.plain(one.pending()) for one in many]
    assert sequences(first) == list(range(100, 115))
    assert all(packets == first for packets in rest)
    assert [packet[20:] for packet in first] == [packet[12:] for packet in other.plain(other.pending())]


def test_segmentation_and_single_datagrams_give_the_same_packets(
    clock: HeldClock, viewer: Viewers, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = viewer()
    monkeypatch.setattr(udp, "segmentation_works", lambda: False)
    single = viewer()
    fanout = VideoFanout(IDENTITY, "VP8", clock)
    for one in (whole, single):
        fanout.add(one.downlink)
    for frame in make_frames("VP8", 3, 90_000):
        fanout.write(frame)
    packets = whole.plain(whole.pending())
    assert packets == single.plain(single.pending())
    assert len(packets) > 3 * MAX_TRAIN_PACKETS


def test_kernel_that_refuses_to_segment_gets_single_datagrams(
    clock: HeldClock, viewer: Viewers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(udp, "segment_of", lambda stride: [(17, 103, b"\1\0")])  # more segments than a kernel makes)
    monkeypatch.setattr(udp, "segmentation_works", lambda: True)
    one, fanout, frames = viewer(), VideoFanout(IDENTITY, "VP8", clock), make_frames("VP8", 2)
    fanout.add(one.downlink)
    for frame in frames:
        fanout.write(frame)
    one.receive()
    assert seen(one) == data_of(frames)
    assert one.downlink.statistics.send_errors == 0


@pytest.mark.parametrize("profile", PROFILES)
def test_viewer_who_joins_high_starts_low_and_survives_a_lost_roll_over(
    profile: SrtpProfileName, clock: HeldClock, viewer: Viewers
) -> None:
    early, late, fanout = viewer(profile=profile), viewer(profile=profile), VideoFanout(IDENTITY, "VP8", clock)
    begin_at(fanout, 65_520)
    fanout.add(late.downlink)
    late.drops = lambda number: number < 20
    for number in range(5):
        fanout.write(make_frame("VP8", number, keyframe=True))
    fanout.add(early.downlink)
    last = make_frame("VP8", 6, keyframe=True)
    fanout.write(last)
    for one in (early, late):
        one.receive()
        assert seen(one)[-1] == last.data
        assert one.receiver.statistics.unprotect_failures == 0


def test_nobody_sees_anything_before_a_keyframe(clock: HeldClock, viewer: Viewers) -> None:
    one, fanout = viewer(), VideoFanout(IDENTITY, "VP8", clock)
    fanout.add(one.downlink)
    assert fanout.waiting == 1
    fanout.write(make_frame("VP8", 1))
    assert one.pending() == []
    frames = [make_frame("VP8", 2, keyframe=True), make_frame("VP8", 3)]
    for frame in frames:
        fanout.write(frame)
    one.receive()
    assert fanout.waiting == 0
    assert seen(one) == data_of(frames)


@pytest.mark.parametrize("codec", CODECS)
def test_whoever_comes_between_keyframes_sees_what_followed_the_last_one(
    codec: VideoCodec, clock: HeldClock, viewer: Viewers
) -> None:
    early, late, fanout, frames = (
        viewer(codec),
        viewer(codec),
        VideoFanout(IDENTITY, codec, clock),
        make_frames(codec, 7),
    )
    begin_at(fanout, 40_000)
    fanout.add(early.downlink)
    for frame in frames[:4]:
        fanout.write(frame)
    fanout.add(late.downlink)
    assert fanout.waiting == 1
    late.drops = lambda number: number == 7
    for frame in frames[4:]:
        fanout.write(frame)
    assert fanout.waiting == 0
    early.receive()
    kept = late.plain(late.receive())
    numbers = sequences(kept)
    (lost,) = {*range(numbers[0], numbers[-1] + 1)} - {*numbers}
    late.downlink.retransmit([lost])
    late.receive()
    assert seen(late) == seen(early) == data_of(frames)
    times = [frame.rtp_timestamp for frame in late.notes.frames]
    assert [(later - before) & 0xFFFF_FFFF for before, later in pairwise(times)] == [STEP] * 4 + [3600] * 2
    assert times[4:] == [frame.rtp_timestamp for frame in early.notes.frames][4:]


def test_what_would_be_too_much_at_once_is_not_sent_to_a_newcomer(clock: HeldClock, viewer: Viewers) -> None:
    one, fanout = viewer(), VideoFanout(IDENTITY, "VP8", clock)
    frames = make_frames("VP8", 3 + MAX_PACKETS // 5)
    for frame in frames:
        fanout.write(frame)
    fanout.add(one.downlink)
    fanout.write(make_frame("VP8", 50))
    assert one.pending() == []
    fanout.write(make_frame("VP8", 51, keyframe=True))
    one.receive()
    assert seen(one) == data_of([make_frame("VP8", 51, keyframe=True)])


def test_whoever_sees_another_hub_goes_on_with_it_until_a_keyframe(clock: HeldClock, viewer: Viewers) -> None:
    one, low, high = viewer(), VideoFanout(IDENTITY, "VP8", clock), VideoFanout(IDENTITY, "VP8", clock)
    low.add(one.downlink)
    low.write(make_frame("VP8", 0, keyframe=True))
    high.write(make_frame("VP8", 1, keyframe=True))
    low.move(one.downlink, high)
    high.write(make_frame("VP8", 2))
    low.write(make_frame("VP8", 3))
    one.receive()
    assert seen(one) == data_of([make_frame("VP8", 0, keyframe=True), make_frame("VP8", 3)])
    assert high.waiting == 1


def test_viewer_who_changes_hub_sees_the_old_one_until_the_new_one_begins(clock: HeldClock, viewer: Viewers) -> None:
    one, low, high = viewer(), VideoFanout(IDENTITY, "VP8", clock), VideoFanout(IDENTITY, "VP8", clock)
    begin_at(low, 500)
    begin_at(high, 50_000)
    low.add(one.downlink)
    frames = [make_frame("VP8", number, keyframe=number in (0, 3)) for number in range(5)]
    low.write(frames[0])
    low.move(one.downlink, high)
    low.write(frames[1])
    high.write(make_frame("VP8", 10))
    low.write(frames[2])
    assert (low.statistics.viewers, high.waiting) == (1, 1)
    high.write(frames[3])
    low.write(make_frame("VP8", 11))
    high.write(frames[4])
    assert (low.statistics.viewers, high.statistics.viewers, high.waiting) == (0, 1, 0)
    kept = one.receive()
    assert seen(one) == data_of(frames)
    assert sequences(one.plain(kept)) == list(range(500, 525))
    one.downlink.retransmit([514, 515])
    assert one.downlink.statistics.retransmissions_missed == 1
    (repair,) = one.plain(one.pending())
    assert int.from_bytes(repair[20:22], "big") == 515


def test_frame_of_another_hub_is_never_taken_for_one_of_the_last(clock: HeldClock, viewer: Viewers) -> None:
    """Both hubs have a picture of the same instant, and the second one is a little late with its own."""
    one, low, high = viewer(), VideoFanout(IDENTITY, "VP8", clock), VideoFanout(IDENTITY, "VP8", clock)
    low.add(one.downlink)
    frames = [make_frame("VP8", 0, keyframe=True), make_frame("VP8", 2)]
    for frame in frames:
        low.write(frame)
    low.move(one.downlink, high)
    for number, keyframe in ((1, True), (2, False), (3, False)):
        frames.append(make_frame("VP8", number, keyframe=keyframe))
        high.write(frames[-1])
    kept = one.receive()
    assert seen(one) == data_of(frames)
    times = [frame.rtp_timestamp for frame in one.notes.frames]
    assert [(later - earlier) & 0xFFFF_FFFF for earlier, later in pairwise(times)] == [7200, 1, 3600, 3600]
    last = sequences(one.plain(kept))[-1]
    one.downlink.retransmit([last])
    (repair,) = one.plain(one.pending())
    assert int.from_bytes(repair[4:8], "big") == times[-1]


def test_change_of_mind_leaves_a_viewer_in_one_hub(clock: HeldClock, viewer: Viewers) -> None:
    one, low, high = viewer(), VideoFanout(IDENTITY, "VP8", clock), VideoFanout(IDENTITY, "VP8", clock)
    low.add(one.downlink)
    low.write(make_frame("VP8", 0, keyframe=True))
    low.move(one.downlink, high)
    high.move(one.downlink, low)
    high.write(make_frame("VP8", 1, keyframe=True))
    low.write(make_frame("VP8", 2))
    one.receive()
    assert seen(one) == data_of([make_frame("VP8", 0, keyframe=True), make_frame("VP8", 2)])
    assert (low.statistics.viewers, high.statistics.viewers) == (1, 0)


def test_viewer_who_leaves_and_returns_goes_on_with_its_numbers(clock: HeldClock, viewer: Viewers) -> None:
    one, fanout, frames = viewer(), VideoFanout(IDENTITY, "VP8", clock), make_frames("VP8", 6)
    frames[4] = make_frame("VP8", 4, keyframe=True)
    begin_at(fanout, 100)
    fanout.add(one.downlink)
    fanout.write(frames[0])
    fanout.remove(one.downlink)
    fanout.remove(one.downlink)
    for frame in frames[1:4]:
        fanout.write(frame)
    fanout.add(one.downlink)
    for frame in frames[4:]:
        fanout.write(frame)
    assert sequences(one.plain(one.pending())) == list(range(100, 115))


def test_hub_of_another_codec_refuses_a_viewer(clock: HeldClock, viewer: Viewers) -> None:
    with pytest.raises(ValueError, match="H264"):
        VideoFanout(IDENTITY, "H264", clock).add(viewer("VP8").downlink)


@pytest.mark.parametrize("profile", PROFILES)
def test_speakers_hear_their_own_mix_and_the_rest_one_sound(
    profile: SrtpProfileName, clock: HeldClock, viewer: Viewers
) -> None:
    speaker, listener, fanout = viewer(profile=profile), viewer(profile=profile), AudioFanout(IDENTITY)
    for one in (speaker, listener):
        fanout.add(one.downlink)
    for number in range(50):
        own = {speaker.downlink: b"own %d" % number} if number % 2 else {}
        fanout.send(b"all %d" % number, 7_123 + number * 20 * NS_PER_MS, own)
    for one in (speaker, listener):
        one.receive()
    assert [p.payload for p in listener.notes.sounds] == [b"all %d" % number for number in range(50)]
    assert [p.payload for p in speaker.notes.sounds] == [
        (b"own %d" if number % 2 else b"all %d") % number for number in range(50)
    ]
    for one in (speaker, listener):
        times = [packet.rtp_timestamp for packet in one.notes.sounds]
        assert {(later - earlier) & 0xFFFF_FFFF for earlier, later in pairwise(times)} == {960}
        numbers = [packet.sequence_number for packet in one.notes.sounds]
        assert numbers == list(range(numbers[0], numbers[0] + 50))
    assert fanout.statistics.own == 25


def test_listener_who_joins_high_starts_low_and_one_who_returns_goes_on(clock: HeldClock, viewer: Viewers) -> None:
    one, fanout = viewer(), AudioFanout(IDENTITY)
    begin_at(fanout, 65_530)
    fanout.add(one.downlink)
    for number in range(20):
        if number == 5:
            fanout.remove(one.downlink)
        if number == 15:
            fanout.add(one.downlink)
        fanout.send(b"sound", number * 20 * NS_PER_MS, {})
    assert sequences(one.plain(one.pending())) == list(range(32_762, 32_772))


def test_sound_no_encoder_makes_is_not_sent_and_costs_no_number(clock: HeldClock, viewer: Viewers) -> None:
    one, fanout = viewer(), AudioFanout(IDENTITY)
    begin_at(fanout, 10)
    fanout.add(one.downlink)
    for payload in (b"first", b"", bytes(1276), b"last"):
        fanout.send(payload, 0, {})
    assert sequences(one.plain(one.pending())) == [10, 11]
    fanout.remove(one.downlink)
    fanout.add(one.downlink)
    fanout.send(b"again", 0, {})
    assert sequences(one.plain(one.pending())) == [12]
    assert fanout.statistics.refused == 2


def test_timestamps_step_exactly() -> None:
    ticks = [audio_time(IDENTITY).rtp(987_654_321 + number * 20_000_000) for number in range(10_000)]
    assert {(later - earlier) & 0xFFFF_FFFF for earlier, later in pairwise(ticks)} == {960}
    frames = [video_time(IDENTITY).rtp(number * NS_PER_S // 30) for number in range(10_000)]
    assert {(later - earlier) & 0xFFFF_FFFF for earlier, later in pairwise(frames)} == {3000}


def test_closed_fanouts_let_go_of_everybody(clock: HeldClock, viewer: Viewers) -> None:
    one, fanout, sound = viewer(), VideoFanout(IDENTITY, "VP8", clock), AudioFanout(IDENTITY)
    fanout.add(one.downlink)
    sound.add(one.downlink)
    for part in (fanout, sound, fanout, sound):
        part.close()
    fanout.write(make_frame("VP8", 1, keyframe=True))
    sound.send(b"sound", 0, {})
    assert one.pending() == []


class HeldWay(Way):
    """A way on which a send goes on until the test lets it end."""

    def __init__(self, fd: int, address: Address) -> None:
        super().__init__(fd, address)
        self.entered, self.released = threading.Event(), threading.Event()

    def send_train(self, train: memoryview, stride: int) -> bool:
        self.entered.set()
        assert self.released.wait(10)
        return super().send_train(train, stride)


@pytest.mark.parametrize("how", ["remove", "close"])
def test_viewer_is_let_go_only_when_a_send_to_it_has_ended(how: str, clock: HeldClock, viewer: Viewers) -> None:
    one, other, fanout = viewer(), viewer(), VideoFanout(IDENTITY, "VP8", clock)
    fanout.add(one.downlink)
    fanout.add(other.downlink)
    one.downlink.way.close()
    way = one.downlink.way = HeldWay(one.outgoing.fileno(), one.incoming.getsockname())
    frames = make_frames("VP8", 2)
    writer = threading.Thread(target=fanout.write, args=(frames[0],))
    writer.start()
    assert way.entered.wait(10)
    goer = threading.Thread(target=one.downlink.close if how == "close" else lambda: fanout.remove(one.downlink))
    goer.start()
    fanout.remove(other.downlink)  # not being sent to: gone at once, while the other is held up
    goer.join(0.1)
    assert goer.is_alive()
    way.released.set()
    goer.join(10)
    writer.join(10)
    assert not goer.is_alive()
    fanout.write(frames[1])
    one.receive()
    assert seen(one) == data_of(frames[:1])
    assert other.pending() == []
    assert fanout.statistics.viewers == 0


def test_viewer_who_comes_back_is_not_forgotten_by_a_late_farewell(clock: HeldClock, viewer: Viewers) -> None:
    """The other hub's thread says goodbye for the viewer; by then the loop may have brought it back."""
    one, low, high = viewer(), VideoFanout(IDENTITY, "VP8", clock), VideoFanout(IDENTITY, "VP8", clock)
    high.add(one.downlink)
    high.write(make_frame("VP8", 0, keyframe=True))
    high.move(one.downlink, low)
    lane = one.downlink.video
    assert lane is not None
    low.forget(lane)
    assert low.waiting == 1


def test_viewers_come_and_go_while_frames_are_sent(clock: HeldClock, viewer: Viewers) -> None:
    """Threads as in a room: two hubs and the sound send; the loop adds, moves, repoints, asks again and closes."""
    low, high, sound = (
        VideoFanout(IDENTITY, "VP8", clock),
        VideoFanout(IDENTITY, "VP8", clock),
        AudioFanout(IDENTITY),
    )
    stop, failures = threading.Event(), []

    def keep(send: Callable[[int], None]) -> None:
        number = 0
        try:
            while not stop.is_set():
                send(number)
                number += 1
        except Exception as error:
            failures.append(error)

    senders: list[Callable[[int], None]] = [
        lambda number: low.write(make_frame("VP8", number, keyframe=number % 3 == 0, size=2000)),
        lambda number: high.write(make_frame("VP8", number, keyframe=number % 5 == 0, size=2000)),
        lambda number: sound.send(b"sound", number * 20 * NS_PER_MS, {}),
    ]
    threads = [threading.Thread(target=keep, args=(send,)) for send in senders]
    for thread in threads:
        thread.start()
    try:
        for _ in range(6):
            group = [viewer() for _ in range(3)]
            for one in group:
                low.add(one.downlink)
                sound.add(one.downlink)
                low.move(one.downlink, high)
                one.downlink.retransmit(range(50))
                one.downlink.repoint(one.outgoing.fileno(), one.incoming.getsockname())
                one.downlink.send_rtcp(one.downlink.sender_report(clock.now_ns()))
            for one in group:
                assert one.plain(packet for packet in one.pending() if not 192 <= packet[1] <= 223) is not None
                low.remove(one.downlink)
                one.downlink.close()
                assert one.downlink.way._socket.fileno() == -1
    finally:
        stop.set()
        for thread in threads:
            thread.join(10)
    assert failures == []
    assert (low.statistics.viewers, high.statistics.viewers, sound.statistics.listeners) == (0, 0, 0)


def test_header_extension_that_needs_two_bytes_is_left_out(clock: HeldClock, viewer: Viewers) -> None:
    one, fanout = viewer(send_time_ext=15), VideoFanout(IDENTITY, "VP8", clock)
    fanout.add(one.downlink)
    fanout.write(make_frame("VP8", 0, keyframe=True))
    packet = one.plain(one.pending())[0]
    header = rtp.parse(packet)
    assert header is not None
    assert header.payload_start == rtp.HEADER_SIZE
