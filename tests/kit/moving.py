"""Synthetic moving pictures, drawn and encoded with the real codecs."""

from collections.abc import Iterable

import numpy as np

from mcu.clock import NS_PER_S
from mcu.frames import VIDEO_CLOCK_HZ, EncodedFrame, ReceivedFrame, VideoCodec
from mcu.media.encoding import VideoEncoder
from mixer.canvas import Canvas
from mixer.geometry import Size

FPS = 25
TICK_NS = NS_PER_S // FPS
SMALL = Size(160, 96)


def draw_moving(canvas: Canvas, number: int, brightness: int | None = None) -> None:
    """A bar that wanders 4 pixels a ``number`` and comes round at the edge; or all of one ``brightness``."""
    if brightness is not None:
        canvas.fill((brightness, 128, 128))
        return
    columns = (np.arange(canvas.size.width) - 4 * number) % canvas.size.width
    canvas.picture.y[:] = np.where(columns < canvas.size.width // 4, 192, 32)[np.newaxis]
    canvas.picture.u[:] = 100
    canvas.picture.v[:] = 160


def encoded(codec: VideoCodec, count: int, size: Size = SMALL, keyframes: tuple[int, ...] = ()) -> list[EncodedFrame]:
    """``count`` frames at 25 a second from room time 0 on; the first one and those in ``keyframes`` are keyframes."""
    return encoded_ticks(codec, range(count), size, keyframes)


def encoded_ticks(
    codec: VideoCodec, ticks: Iterable[int], size: Size = SMALL, keyframes: tuple[int, ...] = ()
) -> list[EncodedFrame]:
    """The same of some ticks only: what an encoder makes of a mixer that missed the others."""
    encoder = VideoEncoder(codec, size.width, size.height, FPS, 300_000)
    canvas = Canvas(size)
    frames: list[EncodedFrame] = []
    for tick in ticks:
        draw_moving(canvas, tick)
        frame = encoder.encode(canvas, tick * TICK_NS, keyframe=tick in keyframes)
        assert frame is not None
        frames.append(frame)
    return frames


def received(frame: EncodedFrame, ssrc: int = 1, rtp_origin: int = 0) -> ReceivedFrame:
    """The frame as it comes from the network, in time."""
    rtp_timestamp = (rtp_origin + frame.time_ns * VIDEO_CLOCK_HZ // NS_PER_S) & 0xFFFF_FFFF
    return ReceivedFrame(frame.codec, frame.data, frame.keyframe, rtp_timestamp, ssrc, frame.time_ns)
