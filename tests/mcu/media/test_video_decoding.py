import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import av
import numpy as np
import pytest

from mcu.clock import NS_PER_MS
from mcu.frames import ReceivedFrame, VideoCodec
from mcu.media.decode_pool import DecodePool
from mcu.media.decoder import BrokenFrame, VideoDecoder, vp8_keyframe_size
from mcu.media.decoding import BACKLOG_BYTES, BACKLOG_FRAMES, VideoDecoding
from mcu.media.encoding import VideoEncoder
from mixer.canvas import Canvas
from mixer.geometry import Size
from tests.kit.eventually import eventually
from tests.kit.moving import SMALL, draw_moving, encoded, received

CODECS: tuple[VideoCodec, ...] = ("H264", "VP8")

VP8_BOMB = b"\x10\x02\x00\x9d\x01\x2a\xff\x3f\xff\x3f" + bytes(57)
"""67 bytes that claim 16383 × 16383."""


@pytest.fixture
def pool() -> Iterator[DecodePool]:
    pool = DecodePool(1)
    pool.start()
    yield pool
    pool.close()
    assert pool.join()


class Wishes:
    """Counts what a stream asks for."""

    def __init__(self) -> None:
        self.keyframes = 0

    def __call__(self) -> None:
        self.keyframes += 1


def stream(codec: VideoCodec, count: int, keyframes: tuple[int, ...] = ()) -> list[ReceivedFrame]:
    return [received(frame) for frame in encoded(codec, count, keyframes=keyframes)]


def push_all(decoding: VideoDecoding, frames: list[ReceivedFrame]) -> None:
    for frame in frames:
        decoding.push(frame)


def shows(decoding: VideoDecoding, number: int, size: Size = SMALL) -> bool:
    """Whether the newest picture is the moving picture of that number."""
    newest = decoding.latest.peek()
    if newest is None or newest.picture.size != size:
        return False
    canvas = Canvas(size)
    draw_moving(canvas, number)
    return float(np.abs(newest.picture.y.astype(int) - canvas.picture.y).mean()) < 4


@pytest.mark.parametrize("codec", CODECS)
def test_the_newest_picture_is_kept_and_counted(pool: DecodePool, codec: VideoCodec) -> None:
    decoding = VideoDecoding(pool, Wishes(), "a")
    frames = stream(codec, 12)
    push_all(decoding, frames)
    eventually(lambda: decoding.statistics.decoded == 12)
    newest = decoding.latest.peek()
    assert newest is not None
    assert newest.generation == 12
    assert newest.rtp_timestamp == frames[-1].rtp_timestamp
    assert newest.arrived_ns == frames[-1].arrived_ns
    assert shows(decoding, 11)
    assert not shows(decoding, 9)
    assert decoding.latest.peek() is newest
    statistics = decoding.statistics
    assert (statistics.width, statistics.height) == (SMALL.width, SMALL.height)
    assert statistics.last_decoded_ns == newest.decoded_ns
    assert (statistics.dropped, statistics.errors, statistics.recreated) == (0, 0, 0)


@pytest.mark.parametrize("codec", CODECS)
def test_rtp_time_may_wrap(pool: DecodePool, codec: VideoCodec) -> None:
    decoding = VideoDecoding(pool, Wishes(), "a")
    for frame in encoded(codec, 4):
        decoding.push(received(frame, rtp_origin=0x1_0000_0000 - 2 * 3600))
    eventually(lambda: decoding.statistics.decoded == 4)
    newest = decoding.latest.peek()
    assert newest is not None
    assert newest.rtp_timestamp == 3600


def test_nothing_is_decoded_before_a_keyframe_which_is_asked_for_again_and_again(pool: DecodePool) -> None:
    wishes = Wishes()
    decoding = VideoDecoding(pool, wishes, "a")
    frames = stream("VP8", 30, keyframes=(29,))
    push_all(decoding, frames[1:13])  # 480 ms
    assert wishes.keyframes == 1
    push_all(decoding, frames[13:29])
    assert wishes.keyframes == 3
    assert decoding.statistics.dropped == 28
    decoding.push(frames[29])
    eventually(lambda: shows(decoding, 29))
    assert decoding.statistics.decoded == 1


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("fault", ["garbage", "truncated", "bomb", "bare header", "too large", "zeros"])
def test_a_stream_recovers_from_a_broken_keyframe(pool: DecodePool, codec: VideoCodec, fault: str) -> None:
    wishes = Wishes()
    decoding = VideoDecoding(pool, wishes, "a")
    frames = stream(codec, 8, keyframes=(4, 6))
    push_all(decoding, frames[:4])
    eventually(lambda: shows(decoding, 3))
    decoding.push(replace(frames[4], data=broken(fault, frames[4])))
    eventually(lambda: decoding.statistics.errors == 1)
    assert decoding.statistics.recreated == 1
    assert shows(decoding, 3)  # the last good picture stays
    decoding.push(frames[5])
    push_all(decoding, frames[6:])
    eventually(lambda: shows(decoding, 7))


def broken(fault: str, keyframe: ReceivedFrame) -> bytes:
    match fault:
        case "garbage":
            return np.random.default_rng(5).bytes(900)
        case "truncated":
            return keyframe.data[: len(keyframe.data) // 3]
        case "bomb":
            return VP8_BOMB if keyframe.codec == "VP8" else b"\0\0\0\1\x67\x42\xc0\x1e" + VP8_BOMB
        case "bare header":
            return keyframe.data[:5]
        case "too large":
            return too_large(keyframe.codec)
        case _:
            return bytes(300)


def too_large(codec: VideoCodec) -> bytes:
    """An honest keyframe of more pixels than anybody may send."""
    size = Size(3840, 2176)
    encoder = VideoEncoder(codec, size.width, size.height, 25, 1_000_000)
    frame = encoder.encode(Canvas(size), 0, keyframe=True)
    assert frame is not None
    return frame.data


@pytest.mark.parametrize(("width", "height"), [(16383, 16383), (3840, 2161), (0, 100), (100, 0)])
def test_vp8_keyframe_sizes_are_checked_before_any_memory_is_spent(width: int, height: int) -> None:
    header = b"\x10\x02\x00\x9d\x01\x2a" + width.to_bytes(2, "little") + height.to_bytes(2, "little")
    with pytest.raises(BrokenFrame):
        vp8_keyframe_size(header + bytes(57))
    scaled = b"\x10\x02\x00\x9d\x01\x2a\x00\x4f\x70\xc8"  # the top two bits ask for scaling
    assert vp8_keyframe_size(scaled) == Size(3840, 2160)


def test_pieces_of_h264_are_not_shown(pool: DecodePool) -> None:
    """FFmpeg paints over what is missing: green or smeared. The last good picture is the better one."""
    wishes = Wishes()
    decoding = VideoDecoding(pool, wishes, "a")
    frames = stream("H264", 4)
    push_all(decoding, frames[:3])
    decoding.push(replace(frames[3], data=frames[3].data[: len(frames[3].data) // 2]))
    eventually(lambda: wishes.keyframes == 1)
    assert decoding.statistics.decoded == 3
    assert shows(decoding, 2)


def test_a_decoder_that_gave_up_for_good_is_replaced(pool: DecodePool, monkeypatch: pytest.MonkeyPatch) -> None:
    """As FFmpeg's do once they believe that the stream has ended."""
    ended: list[VideoDecoder] = []
    decode = VideoDecoder.decode

    def moody(self: VideoDecoder, frame: ReceivedFrame) -> av.VideoFrame | None:
        if frame.data == b"end":
            ended.append(self)
        if self in ended:
            raise EOFError("end of stream")
        return decode(self, frame)

    monkeypatch.setattr(VideoDecoder, "decode", moody)
    decoding = VideoDecoding(pool, Wishes(), "a")
    frames = stream("VP8", 6, keyframes=(4,))
    push_all(decoding, frames[:2])
    decoding.push(replace(frames[2], data=b"end"))
    eventually(lambda: decoding.statistics.errors == 1)
    push_all(decoding, frames[3:])
    eventually(lambda: shows(decoding, 5))
    assert len(ended) == 1


@pytest.mark.parametrize("codec", CODECS)
def test_a_keyframe_is_asked_for_after_an_error(pool: DecodePool, codec: VideoCodec) -> None:
    wishes = Wishes()
    decoding = VideoDecoding(pool, wishes, "a")
    frames = stream(codec, 3)
    push_all(decoding, frames[:2])
    decoding.push(replace(frames[2], data=b"\xff" * 40, keyframe=True))
    eventually(lambda: wishes.keyframes == 1)
    assert decoding.statistics.errors == 1
    decoding.push(frames[2])
    assert decoding.statistics.dropped == 1


def test_an_empty_frame_costs_nothing(pool: DecodePool) -> None:
    wishes = Wishes()
    decoding = VideoDecoding(pool, wishes, "a")
    frames = stream("VP8", 4)
    push_all(decoding, frames[:2])
    decoding.push(replace(frames[2], data=b""))
    push_all(decoding, frames[2:])
    eventually(lambda: shows(decoding, 3))
    assert decoding.statistics.errors == 0
    assert decoding.statistics.dropped == 1
    assert wishes.keyframes == 0


def test_the_codec_may_change(pool: DecodePool) -> None:
    wishes = Wishes()
    decoding = VideoDecoding(pool, wishes, "a")
    push_all(decoding, stream("VP8", 5))
    eventually(lambda: shows(decoding, 4))
    h264 = stream("H264", 8, keyframes=(6,))
    push_all(decoding, h264[1:6])
    assert wishes.keyframes == 1
    push_all(decoding, h264[6:])
    eventually(lambda: shows(decoding, 7))
    assert decoding.statistics.errors == 0
    assert decoding.statistics.recreated == 1


def test_another_source_starts_with_its_keyframe(pool: DecodePool) -> None:
    wishes = Wishes()
    decoding = VideoDecoding(pool, wishes, "a")
    frames = stream("VP8", 6, keyframes=(4,))
    push_all(decoding, frames[:2])
    push_all(decoding, [replace(frame, ssrc=2) for frame in frames[2:4]])
    eventually(lambda: decoding.statistics.decoded == 2)
    assert wishes.keyframes == 1
    push_all(decoding, [replace(frame, ssrc=2) for frame in frames[4:]])
    eventually(lambda: shows(decoding, 5))
    assert decoding.statistics.decoded == 4


@pytest.mark.parametrize("codec", CODECS)
def test_the_size_may_change(pool: DecodePool, codec: VideoCodec) -> None:
    decoding = VideoDecoding(pool, Wishes(), "a")
    for size in (SMALL, Size(96, 160), Size(320, 180)):
        push_all(decoding, [received(frame) for frame in encoded(codec, 5, size)])
        eventually(lambda size=size: shows(decoding, 4, size))  # type: ignore[misc]  # mypy can't infer the default
    assert decoding.statistics.errors == 0


def test_a_backlog_is_bounded_and_dropped_whole() -> None:
    wishes = Wishes()
    pool = DecodePool(1)  # not started: nobody decodes
    decoding = VideoDecoding(pool, wishes, "a")
    frames = stream("VP8", BACKLOG_FRAMES + 6, keyframes=(BACKLOG_FRAMES + 4,))
    push_all(decoding, frames[:BACKLOG_FRAMES])
    assert decoding.statistics.dropped == 0
    decoding.push(frames[BACKLOG_FRAMES])
    assert decoding.statistics.dropped == BACKLOG_FRAMES + 1
    assert wishes.keyframes == 1
    push_all(decoding, frames[BACKLOG_FRAMES + 1 :])
    pool.start()
    eventually(lambda: shows(decoding, BACKLOG_FRAMES + 5))
    assert decoding.statistics.decoded == 2
    pool.close()
    assert pool.join()


def test_a_backlog_is_bounded_in_bytes_and_a_keyframe_starts_it_afresh() -> None:
    wishes = Wishes()
    pool = DecodePool(1)
    decoding = VideoDecoding(pool, wishes, "a")
    frames = stream("VP8", 4, keyframes=(2,))
    heavy = replace(frames[0], data=frames[0].data + bytes(BACKLOG_BYTES // 2))
    push_all(decoding, [heavy, replace(heavy, keyframe=False), frames[2]])
    assert decoding.statistics.dropped == 2
    assert wishes.keyframes == 1  # for the second, which overflowed; the third was the answer
    decoding.push(replace(heavy, data=bytes(BACKLOG_BYTES + 1)))
    assert decoding.statistics.dropped == 4
    pool.close()


def test_a_parked_stream_is_not_decoded_and_asks_for_a_keyframe_afterwards(pool: DecodePool) -> None:
    wishes = Wishes()
    decoding = VideoDecoding(pool, wishes, "a")
    frames = stream("VP8", 12, keyframes=(5, 10))
    push_all(decoding, frames[:3])
    eventually(lambda: shows(decoding, 2))
    decoding.pause()
    assert decoding.latest.peek() is None
    push_all(decoding, frames[3:7])
    assert decoding.statistics.dropped == 4
    assert wishes.keyframes == 0
    decoding.resume()
    assert wishes.keyframes == 1
    decoding.resume()
    assert wishes.keyframes == 1
    push_all(decoding, frames[7:])
    eventually(lambda: shows(decoding, 11))
    assert decoding.statistics.decoded == 5


@pytest.mark.parametrize("ending", [VideoDecoding.pause, VideoDecoding.close])
def test_a_picture_that_was_being_decoded_is_not_shown_after_the_end(
    pool: DecodePool, monkeypatch: pytest.MonkeyPatch, ending: Callable[[VideoDecoding], None]
) -> None:
    entered, let_go, decode = threading.Event(), threading.Event(), VideoDecoder.decode

    def slow(self: VideoDecoder, frame: ReceivedFrame) -> av.VideoFrame | None:
        entered.set()
        assert let_go.wait(20)
        return decode(self, frame)

    monkeypatch.setattr(VideoDecoder, "decode", slow)
    decoding, other = (VideoDecoding(pool, Wishes(), name) for name in "ab")
    (frame,) = stream("VP8", 1)
    decoding.push(frame)
    assert entered.wait(20)
    ending(decoding)
    other.push(frame)
    let_go.set()
    eventually(lambda: other.statistics.decoded == 1)
    assert decoding.latest.peek() is None
    assert decoding.statistics.decoded == 0


def test_one_broken_stream_leaves_the_others_alone(pool: DecodePool) -> None:
    def fall_over() -> None:
        raise RuntimeError("the loop is closed")

    broken, sound = VideoDecoding(pool, fall_over, "broken"), VideoDecoding(pool, Wishes(), "sound")
    frames = stream("VP8", 10)
    for frame in frames:
        broken.push(replace(frame, data=VP8_BOMB, keyframe=True))
        sound.push(frame)
    eventually(lambda: broken.statistics.errors == 10 and sound.statistics.decoded == 10)
    assert shows(sound, 9)


def test_many_streams_on_few_threads_keep_their_order() -> None:
    pool = DecodePool(3)
    pool.start()
    frames = {codec: stream(codec, 25) for codec in CODECS}
    decodings = [VideoDecoding(pool, Wishes(), str(number)) for number in range(8)]
    for number in range(25):
        for index, decoding in enumerate(decodings):
            decoding.push(frames[CODECS[index % 2]][number])
    for decoding in decodings:
        eventually(lambda decoding=decoding: decoding.statistics.decoded == 25)  # type: ignore[misc]  # as above
        assert shows(decoding, 24)
        assert decoding.statistics.errors == 0
    pool.close()
    assert pool.join()


def test_closing_ends_the_threads_and_takes_nothing_more() -> None:
    pool = DecodePool(2)
    pool.start()
    decoding = VideoDecoding(pool, Wishes(), "a")
    frames = stream("VP8", 4)
    push_all(decoding, frames[:2])
    eventually(lambda: decoding.statistics.decoded == 2)
    decoding.close()
    decoding.close()
    assert decoding.latest.peek() is None
    decoding.push(frames[2])
    assert decoding.statistics.dropped == 1
    pool.close()
    pool.close()
    assert pool.join()
    VideoDecoding(pool, Wishes(), "late").push(frames[0])
    assert not any(thread.name.startswith("decoder-") for thread in threading.enumerate())


def test_a_pool_needs_a_thread() -> None:
    with pytest.raises(ValueError, match="at least one"):
        DecodePool(0)


def test_patience_is_half_a_second() -> None:
    wishes = Wishes()
    decoding = VideoDecoding(DecodePool(1), wishes, "a")
    lost = ReceivedFrame("VP8", b"\x01", False, 0, 1, 0)
    for arrived_ms in (0, 499, 500, 999, 1000):
        decoding.push(replace(lost, arrived_ns=arrived_ms * NS_PER_MS))
    assert wishes.keyframes == 3
