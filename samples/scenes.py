"""Four pleasant cameras for rooms that need somebody in them: two cut from a film, two drawn. Loops of I420 frames."""

from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame

MEDIA = Path(__file__).parent / "media"
FILM = MEDIA / "bigbuckbunny.mp4"
WIDTH, HEIGHT = 640, 360
FPS = 20
SECONDS = 5
FRAMES = FPS * SECONDS
WAVES = 6

Rgb = npt.NDArray[np.uint8]
Field = npt.NDArray[np.float32]


def film() -> Iterator[VideoFrame]:
    """Big Buck Bunny, whole."""
    for frame in _film_frames():
        yield frame.reformat(WIDTH, HEIGHT, "yuv420p")


def film_close() -> Iterator[VideoFrame]:
    """The middle of the same film, closer and seen in a mirror."""
    for frame in _film_frames():
        planes = frame.to_ndarray(format="yuv420p").astype(np.uint8, copy=False)
        near = np.empty((HEIGHT * 3 // 2, WIDTH), np.uint8)
        near[:HEIGHT] = _closer(planes[: frame.height], (WIDTH, HEIGHT))
        chroma = planes[frame.height :].reshape(2, frame.height // 2, frame.width // 2)
        targets = near[HEIGHT:].reshape(2, HEIGHT // 2, WIDTH // 2)
        for number in (0, 1):
            targets[number] = _closer(chroma[number], (WIDTH // 2, HEIGHT // 2))
        yield VideoFrame.from_ndarray(near, format="yuv420p")


def aurora() -> Iterator[VideoFrame]:
    """Northern lights over a dark hill."""
    x, y = _grid()
    sky = _gradient(y, (8, 12, 38), (28, 44, 84))
    stars = np.random.default_rng(4).random(x.shape) > 0.998
    sky[stars & (y < 0.7)] = (210, 215, 235)
    hill = y > 0.86 - 0.06 * np.sin(4.2 * x + 0.8) - 0.02 * np.sin(13.0 * x)
    for turn in _turns():
        picture = sky.copy()
        for place, width, colour in (
            (0.30, 0.10, (70, 230, 150)),
            (0.46, 0.13, (90, 120, 240)),
            (0.38, 0.07, (200, 90, 220)),
        ):
            bend = 0.07 * np.sin(5.0 * x + turn + 7 * place) + 0.04 * np.sin(9.0 * x - 2 * turn + 3 * place)
            glow = np.exp(-np.square((y - place - bend) / width)) * (
                0.55 + 0.25 * np.sin(6.0 * x + 2 * turn + 9 * place)
            )
            picture += 0.75 * glow[..., None] * np.array(colour, np.float32)
        picture[hill] = (6, 9, 20)
        yield _drawn(picture)


def seaside() -> Iterator[VideoFrame]:
    """A low sun over slow waves."""
    x, y = _grid()
    sky = _gradient(y / 0.6, (62, 84, 150), (255, 176, 112))
    sun = np.exp(-np.maximum(0.0, np.hypot((x - 0.62) * 16 / 9, y - 0.46) - 0.085) * 26.0)
    sky += sun[..., None] * np.array((255, 190, 110), np.float32)
    shades = np.array([[46, 108, 150]], np.float32) * np.linspace(1.0, 0.3, WAVES, dtype=np.float32)[:, None]
    path = np.exp(-np.square((x - 0.62) / (0.04 + 0.3 * np.maximum(0.0, y - 0.6))))
    across = x[0]
    for turn in _turns():
        wave = np.zeros(x.shape, np.uint8)
        for row in range(WAVES):
            swell = np.sin(9.0 * across * (1.3 - row * 0.1) + turn * (1 + row % 2) + 1.9 * row)
            wave += y > 0.60 + 0.067 * row + 0.010 * (1 + row * 0.5) * swell
        glitter = path * (0.6 + 0.4 * np.sin(30 * x + 3 * turn + wave))
        water = shades[np.maximum(wave, 1) - 1] + glitter[..., None] * np.array((150, 90, 40), np.float32)
        yield _drawn(np.where(wave[..., None] > 0, water, sky))


def _closer(plane: npt.NDArray[np.uint8], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    height, width = plane.shape
    near = plane[height // 16 : height * 11 // 16, width * 3 // 16 : width * 13 // 16]
    return cv2.resize(near[:, ::-1], size, interpolation=cv2.INTER_LINEAR).astype(np.uint8, copy=False)


def _film_frames() -> Iterator[VideoFrame]:
    """At ``FPS``, from the beginning."""
    with av.open(str(FILM)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        wanted = 0
        for frame in container.decode(video=0):
            if (frame.time or 0.0) * FPS + 1e-6 >= wanted:
                wanted += 1
                yield frame


def _turns() -> Iterator[float]:
    """Angles that come back to where they began, so that the loop has no seam."""
    return (2.0 * np.pi * number / FRAMES for number in range(FRAMES))


def _grid() -> tuple[Field, Field]:
    """x and y from 0 to 1 at half the size: soft pictures don't need more."""
    y, x = np.mgrid[0 : HEIGHT // 2, 0 : WIDTH // 2].astype(np.float32)
    return x / (WIDTH // 2), y / (HEIGHT // 2)


def _gradient(place: Field, top: tuple[int, int, int], bottom: tuple[int, int, int]) -> Field:
    weight = np.clip(place, 0.0, 1.0)[..., None]
    blend: Field = np.array(top, np.float32) * (1 - weight) + np.array(bottom, np.float32) * weight
    return blend


def _drawn(picture: Field) -> VideoFrame:
    small = np.clip(picture, 0, 255).astype(np.uint8)
    return _frame(cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR).astype(np.uint8))


def _frame(picture: Rgb) -> VideoFrame:
    return VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24").reformat(format="yuv420p")
