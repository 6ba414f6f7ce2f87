"""Cameras whose pictures say which one they are, and how to read that off a tile of the composite.

Cuttings of a film with a band of black and white blocks across it (the test card's: ``client/cards.py``): the number of
the camera and of the picture, with a checksum.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from api.bench.clips import cutting, film_frames, to_and_fro, write_on
from api.bench.harness import BenchFailed
from client.cards import BLACK, CHECK_BITS, CODE_BAND, COLUMNS, COUNTER_BITS, ROWS, WHITE, checksum, code_word
from mcu.clock import NS_PER_S
from mcu.frames import EncodedFrame
from mcu.media.encoding import VideoEncoder
from mcu.media.pictures import picture_of
from mixer.canvas import Canvas
from mixer.geometry import Box, Size

CAMERA: Final = Size(320, 180)
FPS: Final = 25
BITRATE_BPS: Final = 250_000
FILM_PICTURES: Final = 60

Luma = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Code:
    """What a picture says of itself."""

    camera: int
    number: int


@dataclass(frozen=True, slots=True)
class Loop:
    """A camera's pictures, to be sent again and again: the first one is a keyframe, and no other is."""

    camera: int
    frames: Sequence[EncodedFrame]


def make_loop(camera: int, seconds: int) -> Loop:
    """Camera 0 to 15, 320×180."""
    film = [picture_of(frame) for frame in film_frames(FILM_PICTURES)]
    encoder = VideoEncoder("VP8", CAMERA.width, CAMERA.height, FPS, BITRATE_BPS)
    canvas, frames = Canvas(CAMERA), []
    for number in range(seconds * FPS):
        write_on(canvas, cutting(film[to_and_fro(number, len(film))], camera, CAMERA))
        write_code(canvas, Code(camera, number))
        frame = encoder.encode(canvas, number * NS_PER_S // FPS, keyframe=number == 0)
        if frame is None:
            raise BenchFailed("the encoder skipped a picture")
        frames.append(frame)
    return Loop(camera, frames)


def write_code(canvas: Canvas, code: Code) -> None:
    left, top, right, bottom = CODE_BAND.pixels(canvas.size.width, canvas.size.height)
    word = code_word(code.camera, code.number)
    bits = np.array([word >> shift & 1 for shift in range(ROWS * COLUMNS - 1, -1, -1)]).reshape(ROWS, COLUMNS)
    blocks = np.where(bits, WHITE, BLACK).astype(np.uint8)
    picture = canvas.picture
    picture.y[top:bottom, left:right] = cv2.resize(
        blocks, (right - left, bottom - top), interpolation=cv2.INTER_NEAREST
    )
    for chroma in (picture.u, picture.v):
        chroma[top // 2 : bottom // 2, left // 2 : right // 2] = 128


def read_code(luma: Luma, tile: Box) -> Code | None:
    """What the picture in a tile says; None when there is none that can be read."""
    left, top, right, bottom = CODE_BAND.pixels(tile.width, tile.height)
    band = luma[tile.y + top : tile.y + bottom, tile.x + left : tile.x + right]
    if band.shape[0] < ROWS or band.shape[1] < COLUMNS:
        return None
    blocks = cv2.resize(band, (COLUMNS, ROWS), interpolation=cv2.INTER_AREA)
    word = 0
    for bright in (blocks > 128).reshape(-1):
        word = word << 1 | int(bright)
    value, check = word >> CHECK_BITS, word & (1 << CHECK_BITS) - 1
    if checksum(value) != check:
        return None
    return Code(value >> COUNTER_BITS, value & (1 << COUNTER_BITS) - 1)
