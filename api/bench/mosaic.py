"""The same mosaic, compressed, by other means: FFmpeg's xstack and GStreamer's compositor, each codec on one thread."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from api.bench import programs
from api.bench.clips import FPS
from mcu.frames import VideoCodec
from mcu.media.encoding import VBV_S, VP8_CPU_USED, X264_PRESET
from mixer.geometry import Box, Size

ONE_KEYFRAME: Final = "1000000"
"""A distance between keyframes that no clip reaches."""
FFMPEG: Final = "ffmpeg"
GSTREAMER: Final = "gst-launch-1.0"
ELEMENTS: Final[dict[VideoCodec, tuple[str, ...]]] = {
    "VP8": ("ivfparse", "vp8dec", "compositor", "vp8enc", "matroskamux"),
    "H264": ("ivfparse", "vp8dec", "compositor", "x264enc", "h264parse", "matroskamux"),
}


@dataclass(frozen=True, slots=True)
class Mosaic:
    """Where each clip goes on the canvas, what lies behind (0xRRGGBB), and how it is compressed."""

    canvas: Size
    boxes: Sequence[Box]
    background: int
    codec: VideoCodec
    bitrate_bps: int


def ffmpeg_arguments(mosaic: Mosaic, clips: Sequence[Path], output: Path, pictures: int) -> list[str]:
    """Arguments for ``ffmpeg``: as many pictures as asked, the settings of our own encoder."""
    left, top = min(box.x for box in mosaic.boxes), min(box.y for box in mosaic.boxes)
    inputs = [part for clip in clips for part in ("-threads", "1", "-i", str(clip))]
    scaled = [f"[{n}:v]scale={box.width}:{box.height}:flags=bilinear[t{n}]" for n, box in enumerate(mosaic.boxes)]
    places = "|".join(f"{box.x - left}_{box.y - top}" for box in mosaic.boxes)
    tiles = "".join(f"[t{n}]" for n in range(len(mosaic.boxes)))
    colour = f"0x{mosaic.background:06X}"
    stacked = f"{tiles}xstack=inputs={len(mosaic.boxes)}:layout={places}:fill={colour}"
    padded = f"pad={mosaic.canvas.width}:{mosaic.canvas.height}:{left}:{top}:{colour}"
    graph = ";".join([*scaled, f"{stacked},{padded}[out]"])
    buffer = int(mosaic.bitrate_bps * VBV_S)
    rates = ("-b:v", str(mosaic.bitrate_bps), "-maxrate", str(mosaic.bitrate_bps), "-bufsize", str(buffer))
    if mosaic.codec == "H264":
        codec: tuple[str, ...] = ("libx264", "-preset", X264_PRESET, "-tune", "zerolatency", "-profile:v", "baseline")
        codec += ("-sc_threshold", "0")
    else:
        codec = ("libvpx", "-deadline", "realtime", "-cpu-used", str(VP8_CPU_USED), "-lag-in-frames", "0")
        codec += ("-minrate", str(mosaic.bitrate_bps))
    return [
        *("-nostdin", "-v", "error", "-y", "-filter_complex_threads", "1", *inputs, "-filter_complex", graph),
        *("-map", "[out]", "-frames:v", str(pictures), "-c:v", *codec, *rates),
        *("-g", ONE_KEYFRAME, "-threads", "1", str(output)),
    ]


def gstreamer_arguments(mosaic: Mosaic, clips: Sequence[Path], output: Path) -> list[str]:
    """Arguments for ``gst-launch-1.0``. Each clip is read to its end."""
    pads = [
        f"sink_{number}::{name}={value}"
        for number, box in enumerate(mosaic.boxes)
        for name, value in (("xpos", box.x), ("ypos", box.y), ("width", box.width), ("height", box.height))
    ]
    caps = f"video/x-raw,format=I420,width={mosaic.canvas.width},height={mosaic.canvas.height},framerate={FPS}/1"
    if mosaic.codec == "H264":
        encoder = ["x264enc", f"speed-preset={X264_PRESET}", "tune=zerolatency", "threads=1"]
        encoder += [f"bitrate={mosaic.bitrate_bps // 1000}", f"vbv-buf-capacity={int(VBV_S * 1000)}"]
        encoder += [f"key-int-max={ONE_KEYFRAME}", "option-string=scenecut=0"]
        encoder += ["!", "video/x-h264,profile=constrained-baseline", "!", "h264parse"]
    else:
        encoder = ["vp8enc", "deadline=1", f"cpu-used={VP8_CPU_USED}", "threads=1", "end-usage=cbr"]
        encoder += [f"target-bitrate={mosaic.bitrate_bps}", f"buffer-size={int(VBV_S * 1000)}"]
        encoder += [f"keyframe-max-dist={ONE_KEYFRAME}", "lag-in-frames=0"]
    arguments = ["-q", "compositor", "name=mix", "background=black", "max-threads=1", *pads, "!", caps, "!"]
    arguments += [*encoder, "!", "matroskamux", "!", "filesink", f"location={output}"]
    for number, clip in enumerate(clips):
        arguments += ["filesrc", f"location={clip}", "!", "ivfparse", "!", "vp8dec", "threads=1", "!"]
        arguments += [f"mix.sink_{number}"]
    return arguments


def ffmpeg_missing(codec: VideoCodec) -> str | None:
    """Why ``ffmpeg`` can't be compared with here, None when it can."""
    if not programs.installed(FFMPEG):
        return "ffmpeg is not installed"
    encoder = "libx264" if codec == "H264" else "libvpx"
    return None if f" {encoder} " in programs.said_by(FFMPEG, "-v", "error", "-encoders") else f"ffmpeg lacks {encoder}"


def gstreamer_missing(codec: VideoCodec) -> str | None:
    """Why GStreamer can't be compared with here, None when it can."""
    if not programs.installed(GSTREAMER):
        return f"{GSTREAMER} is not installed"
    lacking = [name for name in ELEMENTS[codec] if not programs.succeeds("gst-inspect-1.0", "--exists", name)]
    return f"GStreamer lacks {', '.join(lacking)}" if lacking else None
