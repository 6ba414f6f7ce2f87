"""Image files for tests: whole ones, and ones that lie."""

import struct
import zlib
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Kind = Literal["jpg", "png", "webp"]

RED, GREEN, BLUE = (0, 0, 255), (0, 255, 0), (255, 0, 0)
"""As OpenCV has colours: blue first."""


def plain(colour: tuple[int, ...], width: int = 64, height: int = 48) -> NDArray[np.uint8]:
    """An image of one colour, with alpha if that has four parts."""
    image = np.empty((height, width, len(colour)), np.uint8)
    image[:] = colour
    return image


def file_of(image: NDArray[np.uint8] | NDArray[np.uint16], kind: Kind = "png") -> bytes:
    done, data = cv2.imencode(f".{kind}", image)
    assert done
    return data.tobytes()


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_that_says(width: int, height: int, extra: bytes = b"") -> bytes:
    """A PNG whose header says so; of pixels it has a few."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = png_chunk(b"IDAT", zlib.compress(bytes(64)))
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + extra + pixels + png_chunk(b"IEND", b"")


def jpeg_of_many_scans(scans: int) -> bytes:
    """A JPEG with the first scan of a real one over and over."""
    whole = file_of(plain(RED), "jpg")
    start = whole.index(b"\xff\xda")
    return whole[:start] + whole[start:-2] * scans + whole[-2:]
