"""Cameras to measure with: cuttings of a film, each from another place and moment, compressed as a browser would.

Real pictures, because flat ones cost codecs nothing.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import av
import numpy as np

from api.bench.harness import BenchFailed
from mcu.clock import NS_PER_S
from mcu.frames import EncodedFrame, ReceivedFrame
from mcu.media.encoding import VideoEncoder
from mcu.media.pictures import picture_of
from mixer.canvas import Canvas
from mixer.geometry import Box, Size
from mixer.picture import Picture
from mixer.scaling import view

FILM: Final = Path(__file__).parents[2] / "samples" / "media" / "bigbuckbunny.mp4"
FPS: Final = 30
"""What the film's pictures are played at here; it was shot at 24."""
START_STEP: Final = 13
"""How many pictures later than the one before a camera starts, so that no two show the same."""


@dataclass(frozen=True, slots=True)
class Clip:
    """One camera, compressed. ``path`` is the same as an IVF file for other programs, ``start`` its first part."""

    frames: Sequence[ReceivedFrame]
    path: Path
    start: Path


def film_frames(count: int) -> list[av.VideoFrame]:
    """The first ``count`` pictures of the film, 1280×720; fewer when it ends. Raises ``BenchFailed``."""
    try:
        with av.open(str(FILM)) as container:
            return list(islice(container.decode(video=0), count))
    except (OSError, av.FFmpegError) as error:
        raise BenchFailed(f"the film to measure with can't be read: {error}") from error


def to_and_fro(number: int, count: int) -> int:
    """The index of a picture when ``count`` of them are played forwards, backwards and forwards again."""
    turn = number % max(1, 2 * count - 2)
    return min(turn, 2 * count - 2 - turn) if count > 1 else 0


def cutting(picture: Picture, number: int, size: Size) -> Picture:
    """One of nine parts of a larger picture, not scaled; views, no copy."""
    row, column = divmod(number % 9, 3)
    x = (picture.width - size.width) * column // 4 * 2
    y = (picture.height - size.height) * row // 4 * 2
    box = Box(x, y, size.width, size.height)
    return Picture(view(picture.y, box), view(picture.u, box, 2), view(picture.v, box, 2))


def write_on(canvas: Canvas, picture: Picture) -> None:
    """Copies a picture of the canvas's own size."""
    for target, source in zip(canvas.picture.planes, picture.planes, strict=True):
        np.copyto(target, source)


def record(folder: Path, cameras: int, size: Size, count: int, bitrate_bps: int, *, cut_at: int) -> list[Clip]:
    """``cameras`` clips of VP8, each ``count`` pictures long, a keyframe at the beginning only."""
    film = [picture_of(frame) for frame in film_frames(count)]
    clips = []
    canvas = Canvas(size)
    for camera in range(cameras):
        encoder = VideoEncoder("VP8", size.width, size.height, FPS, bitrate_bps)
        encoded: list[EncodedFrame] = []
        for number in range(count):
            shown = film[to_and_fro(number + camera * START_STEP, len(film))]
            write_on(canvas, cutting(shown, camera, size))
            frame = encoder.encode(canvas, number * NS_PER_S // FPS, keyframe=number == 0)
            if frame is None:
                raise BenchFailed("an encoder skipped a picture: the clips would differ in length")
            encoded.append(frame)
        path, start = folder / f"camera-{camera}.ivf", folder / f"camera-{camera}-start.ivf"
        write_ivf(path, encoded, size)
        write_ivf(start, encoded[:cut_at], size)
        clips.append(Clip([received(frame, camera) for frame in encoded], path, start))
    return clips


def received(frame: EncodedFrame, ssrc: int) -> ReceivedFrame:
    """A frame as if it had just come in."""
    timestamp = frame.time_ns * 9 // 100_000
    return ReceivedFrame(frame.codec, frame.data, frame.keyframe, timestamp, ssrc, frame.time_ns)


def write_ivf(path: Path, frames: Sequence[EncodedFrame], size: Size) -> None:
    """VP8 in the container of libvpx's own tools: 32 bytes of header, then 12 before each frame."""
    header = struct.pack("<4sHH4sHHIIII", b"DKIF", 0, 32, b"VP80", size.width, size.height, FPS, 1, len(frames), 0)
    parts = [header]
    for number, frame in enumerate(frames):
        parts += struct.pack("<IQ", len(frame.data), number), frame.data
    path.write_bytes(b"".join(parts))
