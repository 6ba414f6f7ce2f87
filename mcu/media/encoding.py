"""One video encoder for a composite: real time, no delay, one packet for each canvas."""

from fractions import Fraction
from typing import Final, Literal

import av
from av.video.frame import PictureType

from mcu.clock import NS_PER_S
from mcu.frames import VIDEO_CLOCK_HZ, EncodedFrame, VideoCodec
from mcu.media.pictures import BT601, LIMITED_RANGE, VIDEO_TIME_BASE, frame_of
from mixer.canvas import Canvas

VBV_S: Final = 0.5
"""How many seconds of bits the receiver is taken to buffer. It caps a keyframe of x264: at 1.5 Mbit/s one of 720p takes
30 KB instead of 50 KB, some 30 packets in a burst, for 0.7 dB. libvpx keeps its own to about three average frames."""

X264_PRESET: Final = "superfast"
"""3.6 ms a 720p frame where ultrafast takes 2.7 ms for 1.3 dB less and veryfast 5.2 ms for 0.2 dB more."""

VP8_CPU_USED: Final = -12
"""4.9 ms a 720p frame where -8 takes 5.5 ms for the same picture and -16 takes 4.5 ms for 1.8 dB less. Negative: fixed,
not adapted to how busy the machine is."""


Effort = Literal["full", "less"]
"""How much an encoder tries. ``less`` is for a machine that can't keep up: x264 ultrafast takes 28 % off superfast's
time; VP8 at -14 takes 13 % off -12's, and at -16 it would spend half as many bits again as it may. Neither codec can
change it in a running encoder through FFmpeg, and x264 could not come back from ultrafast: it takes a new encoder,
whose first frame is a keyframe. The parameter sets of both x264 presets are the same, so a recording goes on."""

_PRESETS: Final[dict[Effort, str]] = {"full": X264_PRESET, "less": "ultrafast"}
_CPU_USED: Final[dict[Effort, int]] = {"full": VP8_CPU_USED, "less": -14}


class VideoEncoder:
    """Encodes canvases to H.264 (constrained baseline, Annex B, parameter sets before each IDR) or VP8.

    There are no keyframes but the first and those asked for. Raises ``ValueError`` for a size that 4:2:0 can't hold
    and ``av.FFmpegError`` when the codec can't be opened. Not for two threads at once. ``threads`` is 1 because two
    made a 720p frame ready no sooner (x264 +10 %, VP8 +30 % of CPU).
    """

    def __init__(
        self,
        codec: VideoCodec,
        width: int,
        height: int,
        fps: float,
        bitrate_bps: int,
        threads: int = 1,
        effort: Effort = "full",
    ) -> None:
        if width < 2 or height < 2 or width % 2 or height % 2:
            raise ValueError(f"a 4:2:0 encoder needs even sides, not {width}×{height}")
        if fps <= 0 or bitrate_bps <= 0:
            raise ValueError(f"frame rate and bit rate are above 0, not {fps} and {bitrate_bps}")
        self.codec: VideoCodec = codec
        self.width = width
        self.height = height
        self.effort: Effort = effort
        context = av.CodecContext.create("libx264" if codec == "H264" else "libvpx", "w")
        if not isinstance(context, av.VideoCodecContext):
            raise TypeError(f"{codec} has no video encoder here")
        context.width, context.height = width, height
        context.pix_fmt = "yuv420p"
        context.framerate = Fraction(fps).limit_denominator(1001)
        context.time_base = VIDEO_TIME_BASE
        context.bit_rate = bitrate_bps
        context.gop_size = 1_000_000
        context.thread_count = threads
        context.color_range = LIMITED_RANGE
        context.colorspace = context.color_primaries = context.color_trc = BT601
        context.options = (_x264_options if codec == "H264" else _vp8_options)(bitrate_bps, effort)
        context.open()
        self._context = context
        self._last_pts: int | None = None

    def encode(self, canvas: Canvas, time_ns: int, keyframe: bool = False) -> EncodedFrame | None:
        """Compresses one canvas; None should the encoder choose to skip it. ``time_ns`` is its room time. The canvas
        is free again when this returns. Raises ``ValueError`` for a canvas of another size, ``av.FFmpegError`` when
        the codec fails: this encoder is then of no use.
        """
        if (canvas.size.width, canvas.size.height) != (self.width, self.height):
            raise ValueError(f"a canvas of {canvas.size} came to an encoder of {self.width}×{self.height}")
        pts = time_ns * VIDEO_CLOCK_HZ // NS_PER_S
        if self._last_pts is not None and pts <= self._last_pts:
            pts = self._last_pts + 1  # codecs refuse time that stands still
        self._last_pts = pts
        frame = frame_of(canvas, pts)
        if keyframe:
            frame.pict_type = PictureType.I
        packets = self._context.encode(frame)
        if not packets:
            return None
        packet = packets[0]
        return EncodedFrame(self.codec, bytes(packet), packet.is_keyframe, time_ns, self.width, self.height)


def _x264_options(bitrate_bps: int, effort: Effort) -> dict[str, str]:
    return {
        "preset": _PRESETS[effort],
        "tune": "zerolatency",
        "profile": "baseline",
        "maxrate": str(bitrate_bps),
        "bufsize": str(int(bitrate_bps * VBV_S)),
        "sc_threshold": "0",
    }


def _vp8_options(bitrate_bps: int, effort: Effort) -> dict[str, str]:
    return {
        "deadline": "realtime",
        "cpu-used": str(_CPU_USED[effort]),
        "lag-in-frames": "0",
        "minrate": str(bitrate_bps),
        "maxrate": str(bitrate_bps),
        "bufsize": str(int(bitrate_bps * VBV_S)),
    }
