"""Small media for tests: recompress pictures as a bad line would, write little files, look into finished ones."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

Codec = Literal["H264", "VP8"]


def through_codec(
    frames: Sequence[VideoFrame], codec: Codec, width: int, height: int, kbps: int, fps: int = 20
) -> list[VideoFrame]:
    """Shrinks, compresses at ``kbps`` and decodes again: what a viewer sees of it."""
    encoder = VideoCodecContext.create("libx264" if codec == "H264" else "libvpx", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base = Fraction(1, fps)
    encoder.bit_rate = kbps * 1000
    encoder.thread_count = 1
    encoder.options = (
        {"preset": "ultrafast", "tune": "zerolatency"}
        if codec == "H264"
        else {"deadline": "realtime", "cpu-used": "-8", "lag-in-frames": "0"}
    )
    decoder = VideoCodecContext.create("h264" if codec == "H264" else "vp8", "r")
    seen: list[VideoFrame] = []
    for number, frame in enumerate(frames):
        small = frame.reformat(width, height, "yuv420p")
        small.pts, small.time_base = number, Fraction(1, fps)
        for packet in encoder.encode(small):
            seen.extend(decoder.decode(packet))
    for packet in encoder.encode(None):
        seen.extend(decoder.decode(packet))
    return seen + list(decoder.decode(None))


@dataclass(frozen=True, slots=True)
class MediaFile:
    """What a media file holds, decoded whole. ``times_s`` are the pictures' presentation times."""

    duration_s: float
    width: int
    height: int
    times_s: tuple[float, ...]
    pictures: tuple[VideoFrame, ...]
    samples: npt.NDArray[np.int16]


def read_media(path: Path) -> MediaFile:
    """Decodes a short file: I420 pictures, mono samples at 48 kHz. Raises FFmpegError for a damaged one."""
    pictures: list[VideoFrame] = []
    pieces: list[npt.NDArray[np.int16]] = [np.zeros(0, np.int16)]
    resampler = AudioResampler(format="s16", layout="mono", rate=48_000)
    with av.open(str(path)) as container:
        duration_s = (container.duration or 0) / av.time_base
        if container.streams.video:
            pictures.extend(container.decode(video=0))
    with av.open(str(path)) as container:
        if container.streams.audio:
            for frame in container.decode(audio=0):
                pieces.extend(_samples(piece) for piece in resampler.resample(frame))
    first = pictures[0] if pictures else None
    return MediaFile(
        duration_s,
        first.width if first else 0,
        first.height if first else 0,
        tuple(float(picture.time or 0.0) for picture in pictures),
        tuple(pictures),
        np.concatenate(pieces),
    )


def write_media(
    path: Path, pictures: Iterable[VideoFrame], fps: int, samples: npt.NDArray[np.int16] | None = None
) -> None:
    """An MP4 of I420 pictures and, if given, mono samples at 48 kHz."""
    with av.open(str(path), "w") as container:
        video: VideoStream | None = None
        audio: AudioStream | None = (
            container.add_stream("aac", rate=48_000, layout="mono") if samples is not None else None
        )
        for number, picture in enumerate(pictures):
            if video is None:
                video = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast"})
                video.width, video.height, video.pix_fmt = picture.width, picture.height, "yuv420p"
            picture.pts, picture.time_base = number, Fraction(1, fps)
            container.mux(video.encode(picture))
        if video is not None:
            container.mux(video.encode(None))
        if audio is not None and samples is not None:
            for begin in range(0, len(samples), 1024):
                frame = AudioFrame.from_ndarray(samples[None, begin : begin + 1024], format="s16", layout="mono")
                frame.sample_rate, frame.pts, frame.time_base = 48_000, begin, Fraction(1, 48_000)
                container.mux(audio.encode(frame))
            container.mux(audio.encode(None))


def _samples(frame: AudioFrame) -> npt.NDArray[np.int16]:
    return frame.to_ndarray().reshape(-1).astype(np.int16, copy=False)
