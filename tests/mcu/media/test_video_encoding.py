import av
import numpy as np
import pytest

from mcu.frames import VideoCodec
from mcu.media.decoder import VideoDecoder
from mcu.media.encoding import VideoEncoder
from mcu.media.pictures import picture_of
from mixer.canvas import Canvas
from mixer.geometry import Size
from tests.kit.moving import FPS, SMALL, TICK_NS, draw_moving, encoded, received

CODECS: tuple[VideoCodec, ...] = ("H264", "VP8")


@pytest.mark.parametrize("codec", CODECS)
def test_each_canvas_becomes_one_frame_that_shows_it(codec: VideoCodec) -> None:
    encoder = VideoEncoder(codec, SMALL.width, SMALL.height, FPS, 500_000)
    decoder = VideoDecoder(codec)
    canvas = Canvas(SMALL)
    for number in range(10):
        draw_moving(canvas, number)
        frame = encoder.encode(canvas, 7_000_000_000 + number * TICK_NS)
        assert frame is not None
        assert (frame.codec, frame.width, frame.height) == (codec, SMALL.width, SMALL.height)
        assert frame.time_ns == 7_000_000_000 + number * TICK_NS
        assert frame.keyframe == (number == 0)
        shown = decoder.decode(received(frame))
        assert shown is not None
        for got, wanted in zip(picture_of(shown).planes, canvas.picture.planes, strict=True):
            assert np.abs(got.astype(int) - wanted).mean() < 6


@pytest.mark.parametrize("codec", CODECS)
def test_keyframes_come_when_asked_for_and_stand_alone(codec: VideoCodec) -> None:
    frames = encoded(codec, 150, keyframes=(40, 41))
    assert [number for number, frame in enumerate(frames) if frame.keyframe] == [0, 40, 41]
    for first in (40, 41):
        shown = VideoDecoder(codec).decode(received(frames[first]))
        assert shown is not None


def test_h264_is_constrained_baseline_with_parameter_sets_before_each_idr() -> None:
    frames = encoded("H264", 20, keyframes=(10,))
    for number in (0, 10):
        start_code, sps = frames[number].data[:4], frames[number].data[4:8]
        assert start_code == b"\0\0\0\1"
        assert (sps[0] & 31, sps[1]) == (7, 66)
        assert sps[2] & 0x40  # constraint_set1_flag: constrained
        assert b"\0\0\1\x68" in frames[number].data
    assert b"\x67\x42" not in frames[5].data[:8]


def test_h264_says_limited_bt601() -> None:
    shown = VideoDecoder("H264").decode(received(encoded("H264", 1)[0]))
    assert shown is not None
    assert (shown.color_range, shown.colorspace) == (1, 6)


@pytest.mark.parametrize("codec", CODECS)
def test_noise_stays_near_the_bit_rate_and_a_keyframe_is_no_flood(codec: VideoCodec) -> None:
    size, bitrate_bps, seconds = Size(320, 180), 400_000, 4
    encoder = VideoEncoder(codec, size.width, size.height, FPS, bitrate_bps)
    canvas = Canvas(size)
    grain = np.random.default_rng(3).integers(16, 235, (size.height, size.width), dtype=np.uint8)
    grain = (grain // 2 + np.roll(grain, 1, axis=1) // 2).astype(np.uint8)
    sizes: list[int] = []
    for number in range(FPS * seconds):
        canvas.picture.y[:] = np.roll(grain, number // 4, axis=1)
        frame = encoder.encode(canvas, number * TICK_NS, keyframe=number == 60)
        assert frame is not None
        sizes.append(len(frame.data))
    assert 0.3 * bitrate_bps < sum(sizes) * 8 / seconds < 1.2 * bitrate_bps
    assert sizes[60] * 8 < 0.55 * bitrate_bps  # x264 without VBV: 0.75


@pytest.mark.parametrize("codec", CODECS)
def test_time_that_stands_still_is_no_error(codec: VideoCodec) -> None:
    encoder = VideoEncoder(codec, SMALL.width, SMALL.height, FPS, 300_000)
    canvas = Canvas(SMALL)
    for time_ns in (1000, 1000, 500):
        frame = encoder.encode(canvas, time_ns)
        assert frame is not None
        assert frame.time_ns == time_ns


@pytest.mark.parametrize("codec", CODECS)
def test_the_canvas_is_free_once_encoded(codec: VideoCodec) -> None:
    encoder = VideoEncoder(codec, SMALL.width, SMALL.height, FPS, 500_000)
    decoder = VideoDecoder(codec)
    canvas = Canvas(SMALL)
    for number in range(6):
        draw_moving(canvas, 3)
        frame = encoder.encode(canvas, number * TICK_NS)
        canvas.fill((255, 0, 0))
        assert frame is not None
        shown = decoder.decode(received(frame))
        assert shown is not None
    draw_moving(canvas, 3)
    assert shown is not None
    assert np.abs(picture_of(shown).y.astype(int) - canvas.picture.y).mean() < 6


@pytest.mark.parametrize("codec", CODECS)
def test_what_cannot_be_encoded_is_refused(codec: VideoCodec) -> None:
    with pytest.raises(ValueError, match="even sides"):
        VideoEncoder(codec, 161, 96, FPS, 300_000)
    with pytest.raises(ValueError, match="above 0"):
        VideoEncoder(codec, 160, 96, FPS, 0)
    with pytest.raises((av.FFmpegError, ValueError)):
        VideoEncoder(codec, 70_000, 70_000, FPS, 300_000)
    with pytest.raises(ValueError, match="of Size"):
        VideoEncoder(codec, 160, 96, FPS, 300_000).encode(Canvas(Size(96, 160)), 0)
