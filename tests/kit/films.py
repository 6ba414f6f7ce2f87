"""Small films for tests: numbered cards of one hue under a tone, or a flash and a beep in each second."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from tests.kit.testcard import CODE_BITS, draw

Samples = NDArray[np.int16]

HZ = 48_000
FPS = 25
SIZE = (192, 108)
GOP = 20
CARDS = 1 << CODE_BITS


def cards(count: int, hue: float = 120.0, size: tuple[int, int] = SIZE) -> Iterator[VideoFrame]:
    for number in range(count):
        yield VideoFrame.from_ndarray(draw(hue, number, *size), "rgb24")


def flashes(seconds: int) -> Iterator[VideoFrame]:
    """White for the first fifth of each second, else dark."""
    for number in range(seconds * FPS):
        level = 230 if number % FPS < FPS // 5 else 20
        yield VideoFrame.from_ndarray(np.full((SIZE[1], SIZE[0], 3), level, np.uint8), "rgb24")


def tone(seconds: float, hz: float = 1000.0, level: float = 0.2) -> Samples:
    time_s = np.arange(round(seconds * HZ)) / HZ
    return np.rint(32767 * level * np.sin(2 * np.pi * hz * time_s)).astype(np.int16)


def beeps(seconds: int, hz: float = 1000.0) -> Samples:
    """The sound that goes with ``flashes``."""
    within_s = np.arange(seconds * HZ) % HZ / HZ
    return np.where(within_s < 0.2, tone(seconds, hz), 0).astype(np.int16)


def write_film(
    path: Path, pictures: Iterable[VideoFrame] = (), samples: Samples | None = None, *, rotation: int = 0
) -> Path:
    """An MP4 (H.264 with B-pictures, AAC), a WebM (VP8, Opus), or a Matroska or WAV file, by the end of the name."""
    webm = path.suffix == ".webm"
    with av.open(str(path), "w") as container:
        frames = iter(pictures)
        first = next(frames, None)
        video = _video(container.add_stream("libvpx" if webm else "libx264", rate=FPS), first) if first else None
        if video is not None and rotation:
            video.set_display_rotation(rotation)
        codec = "libopus" if webm else "pcm_s16le" if path.suffix == ".wav" else "aac"
        audio = container.add_stream(codec, rate=HZ, layout="mono") if samples is not None else None
        if video is not None and first is not None:
            for number, picture in enumerate((first, *frames)):
                picture.pts, picture.time_base = number, Fraction(1, FPS)
                container.mux(video.encode(picture.reformat(format="yuv420p")))
            container.mux(video.encode(None))
        if isinstance(audio, AudioStream) and samples is not None:
            for begin in range(0, len(samples), 960):
                frame = AudioFrame.from_ndarray(samples[None, begin : begin + 960], format="s16", layout="mono")
                frame.sample_rate, frame.pts, frame.time_base = HZ, begin, Fraction(1, HZ)
                container.mux(audio.encode(frame))
            container.mux(audio.encode(None))
    return path


def _video(stream: VideoStream, first: VideoFrame) -> VideoStream:
    stream.width, stream.height, stream.pix_fmt = first.width, first.height, "yuv420p"
    stream.codec_context.gop_size = GOP
    stream.bit_rate = 600_000
    if stream.codec_context.name == "libvpx":
        stream.codec_context.options = {"deadline": "realtime", "cpu-used": "8"}
    else:
        stream.codec_context.max_b_frames = 2
        stream.codec_context.options = {"preset": "ultrafast", "crf": "24", "bf": "2"}
    return stream
