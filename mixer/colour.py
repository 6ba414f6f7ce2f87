"""Colours: 0xRRGGBB outside, (Y, U, V) of limited-range BT.601 inside."""

import zlib

Yuv = tuple[int, int, int]

WHITE: Yuv = 235, 128, 128

PALETTE = (
    0x5B8DEF,
    0x7C6FE0,
    0xB065D8,
    0xD85C9E,
    0xE0635F,
    0xE08545,
    0xC79A2E,
    0x7FA63A,
    0x3DA66B,
    0x2FA39A,
    0x3493C4,
    0x7D8BA6,
)
"""Avatar colours: of one brightness, so that white letters read on each, and far enough apart to tell people by."""


def yuv(colour: int) -> Yuv:
    """0xRRGGBB as limited-range BT.601 (ITU-R BT.601-7, 2.5.3), rounded."""
    red, green, blue = ((colour >> shift & 0xFF) / 255 for shift in (16, 8, 0))
    return (
        round(16 + 65.481 * red + 128.553 * green + 24.966 * blue),
        round(128 - 37.797 * red - 74.203 * green + 112.0 * blue),
        round(128 + 112.0 * red - 93.786 * green - 18.214 * blue),
    )


def mixed(first: int, second: int, part: float) -> int:
    """``part`` (0 to 1) of ``second`` in ``first``, both 0xRRGGBB."""
    return sum(
        round((first >> shift & 0xFF) * (1 - part) + (second >> shift & 0xFF) * part) << shift for shift in (16, 8, 0)
    )


def personal(participant: str) -> int:
    """The colour of a participant, 0xRRGGBB: the same in every room and after every restart."""
    return PALETTE[zlib.crc32(participant.encode("utf-8", "surrogatepass")) % len(PALETTE)]
