"""Between FFmpeg's frames and the mixer's pictures: the same memory under another name wherever that is possible."""

from fractions import Fraction
from typing import Final

import av
import numpy as np

from mcu.frames import VIDEO_CLOCK_HZ
from mixer.canvas import Canvas
from mixer.picture import Picture, Plane

VIDEO_TIME_BASE: Final = Fraction(1, VIDEO_CLOCK_HZ)

# AVColorRange, AVColorSpace and friends (ITU-T H.273): what a canvas is, and what encoders are told it is.
LIMITED_RANGE: Final = 1
FULL_RANGE: Final = 2
BT601: Final = 6


def picture_of(frame: av.VideoFrame) -> Picture:
    """The frame as an I420 picture. 4:2:0 in limited range, of odd sides too, is not copied: the planes are read-only
    views that keep the decoder's memory alive for as long as they live. Everything else (full range, 4:2:2, 4:4:4,
    RGB, NV12) is converted to limited range BT.601 at the same size.

    Frames that say they are BT.709 are taken as they come: a matrix change costs more than a decode, and the error is
    a slight shade. Any thread.
    """
    if frame.format.name != "yuv420p" or frame.color_range == FULL_RANGE:
        frame = _limited_i420(frame)
    y, u, v = (_plane_view(plane) for plane in frame.planes)
    return Picture(y, u, v)


def frame_of(canvas: Canvas, pts: int, time_base: Fraction = VIDEO_TIME_BASE) -> av.VideoFrame:
    """The canvas as a frame over the same memory: nobody may draw on it until the encoder has returned. Any thread."""
    frame = av.VideoFrame.from_numpy_buffer(canvas.buffer, format="yuv420p")
    frame.pts = pts
    frame.time_base = time_base
    frame.color_range = LIMITED_RANGE
    frame.colorspace = BT601
    return frame


def _limited_i420(frame: av.VideoFrame) -> av.VideoFrame:
    full = frame.color_range == FULL_RANGE or frame.format.name.startswith("yuvj")
    return frame.reformat(
        format="yuv420p",
        src_color_range=FULL_RANGE if full else None,
        dst_color_range=LIMITED_RANGE,
        dst_colorspace=BT601 if frame.format.is_rgb else None,
        threads=1,
    )


def _plane_view(plane: av.video.plane.VideoPlane) -> Plane:
    shape, strides = (plane.height, plane.width), (plane.line_size, 1)
    view: Plane = np.ndarray(shape, np.uint8, plane, strides=strides)  # type: ignore[arg-type]  # stub hides the buffer
    view.flags.writeable = False
    return view
