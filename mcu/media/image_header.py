"""What a JPEG, PNG or WebP file says of itself before anything decodes it: its kind and its size.

A decoder trusts a header with memory and time, so this one reads it first: ISO/IEC 10918-1 (JPEG), ISO/IEC 15948 (PNG),
RFC 9649 (WebP). Moving pictures are refused, and so are JPEG files with more scans than any program writes, each of
which a few bytes can make cost as much as the whole picture.
"""

import re
from dataclasses import dataclass
from typing import Literal

MOST_SCANS = 32

_PNG = b"\x89PNG\r\n\x1a\n"
_START_OF_SCAN = 0xDA
_END_OF_IMAGE = 0xD9
_NOT_FRAMES = frozenset((0xC4, 0xC8, 0xCC))
"""Markers among those of frames (0xC0 to 0xCF) that are none: tables and an extension."""

_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7]")
"""A marker that neither stands for a 0xFF of the scan nor restarts it."""


@dataclass(frozen=True, slots=True)
class ImageHeader:
    kind: Literal["JPEG", "PNG", "WebP"]
    width: int
    height: int


def read_header(data: bytes) -> ImageHeader:
    """The header of an image file, of which all of ``data`` is looked through. Any thread; up to tens of milliseconds.

    Raises:
        ValueError: another format, an animation, or a file that is broken or not whole; the message says which.
    """
    if data.startswith(_PNG):
        kind, size = "PNG", _png(data)
    elif data.startswith(b"\xff\xd8"):
        kind, size = "JPEG", _jpeg(data)
    elif data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        kind, size = "WebP", _webp(data)
    else:
        raise ValueError("this is neither JPEG nor PNG nor WebP: save the image as one of them")
    if 0 in size:
        raise _broken(kind)
    return ImageHeader(kind, *size)  # type: ignore[arg-type]  # one of the three words above


def _png(data: bytes) -> tuple[int, int]:
    place = len(_PNG)
    size: tuple[int, int] | None = None
    while (kind := data[place + 4 : place + 8]) != b"IDAT":
        length = int.from_bytes(data[place : place + 4])
        if len(kind) < 4 or place + 12 + length > len(data) or (size is None and kind != b"IHDR"):
            raise _broken("PNG")
        if kind == b"acTL":
            raise _animated()
        if kind == b"IHDR":
            size = int.from_bytes(data[place + 8 : place + 12]), int.from_bytes(data[place + 12 : place + 16])
        place += 12 + length
    if size is None:
        raise _broken("PNG")
    return size


def _jpeg(data: bytes) -> tuple[int, int]:
    place, scans = 2, 0
    size: tuple[int, int] | None = None
    while True:
        marker, place = _marker(data, place)
        if marker == _END_OF_IMAGE and size is not None and scans:
            return size
        length = int.from_bytes(data[place : place + 2])
        if length < 2 or place + length > len(data):
            raise _broken("JPEG")
        if 0xC0 <= marker <= 0xCF and marker not in _NOT_FRAMES and size is None:
            size = int.from_bytes(data[place + 5 : place + 7]), int.from_bytes(data[place + 3 : place + 5])
        place += length
        if marker == _START_OF_SCAN:
            scans += 1
            if scans > MOST_SCANS:
                raise ValueError(f"this JPEG has more than {MOST_SCANS} scans: save it again, not progressive")
            place = _end_of_scan(data, place)


def _marker(data: bytes, place: int) -> tuple[int, int]:
    """The marker at ``place``, before which there may be fill bytes, and the place behind it."""
    if data[place : place + 1] != b"\xff":
        raise _broken("JPEG")
    while data[place : place + 1] == b"\xff":
        place += 1
    if place >= len(data):
        raise _broken("JPEG")
    return data[place], place + 1


def _end_of_scan(data: bytes, place: int) -> int:
    found = _AFTER_SCAN.search(data, place)
    if found is None:
        raise _broken("JPEG")
    return found.start()


def _webp(data: bytes) -> tuple[int, int]:
    if int.from_bytes(data[4:8], "little") + 8 > len(data) or len(data) < 30:
        raise _broken("WebP")
    chunk, body = data[12:16], data[20:]
    if chunk == b"VP8X":
        if body[0] & 2:
            raise _animated()
        return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    if chunk == b"VP8L" and body[0] == 0x2F:
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
        return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
    raise _broken("WebP")


def _broken(kind: str) -> ValueError:
    return ValueError(f"this {kind} file is damaged or not whole: save the image again and send that")


def _animated() -> ValueError:
    return ValueError("this image moves: send one that stands still")
