"""Reads a test card back out of a picture: whose it is and which one, from pixels alone."""

import colorsys
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from client.cards import CHECK_BITS, CODE_BAND, COLUMNS, COUNTER_BITS, HUE_BAND, ROWS, Band, checksum
from mcu.protocol.models import PixelBox

Rgb = npt.NDArray[np.uint8]
"""Shape (height, width, 3)."""

CARD_ASPECT = 16 / 9
MIN_SATURATION = 0.25
MIN_CONTRAST = 60.0
"""Between the darkest and the brightest block of a code, in luma steps; an intact card has about 200."""


@dataclass(frozen=True, slots=True)
class CardReading:
    """``hue`` in degrees; ``counter`` is the picture's index modulo 4096."""

    hue: float
    sender: int
    counter: int


def crop(picture: Rgb, box: PixelBox) -> Rgb:
    return picture[box.y : box.y + box.height, box.x : box.x + box.width]


def read_card(tile: Rgb, fit: Literal["cover", "contain"] = "cover", aspect: float = CARD_ASPECT) -> CardReading | None:
    """What a tile shows, or None where there is no card, or too little is left of it.

    ``fit`` and ``aspect`` (of the card that was sent) say how a card of another shape was brought into the tile.
    """
    hue, code = read_hue(tile, fit, aspect), read_code(tile, fit, aspect)
    if hue is None or code is None:
        return None
    return CardReading(hue, *code)


def read_hue(tile: Rgb, fit: Literal["cover", "contain"] = "cover", aspect: float = CARD_ASPECT) -> float | None:
    """The background's hue in degrees; None where it is grey, as an avatar or an empty canvas is."""
    band = _cut(tile, HUE_BAND, fit, aspect)
    red, green, blue = (float(level) / 255.0 for level in np.median(band.reshape(-1, 3), axis=0))
    hue, saturation, value = colorsys.rgb_to_hsv(red, green, blue)
    return hue * 360.0 if saturation >= MIN_SATURATION and value >= MIN_SATURATION else None


def read_code(
    tile: Rgb, fit: Literal["cover", "contain"] = "cover", aspect: float = CARD_ASPECT
) -> tuple[int, int] | None:
    """(sender, counter); None when the blocks are unclear or their checksum is wrong."""
    band = _cut(tile, CODE_BAND, fit, aspect).mean(axis=2)
    levels = np.array([[_heart(band, row, column) for column in range(COLUMNS)] for row in range(ROWS)]).ravel()
    dark, bright = float(levels.min()), float(levels.max())
    if bright - dark < MIN_CONTRAST:
        return None
    place = (levels - dark) / (bright - dark)
    if bool(np.any((place > 0.35) & (place < 0.65))):
        return None
    word = int("".join("1" if level > 0.5 else "0" for level in place), 2)
    value = word >> CHECK_BITS
    if checksum(value) != word & (1 << CHECK_BITS) - 1:
        return None
    return value >> COUNTER_BITS, value & (1 << COUNTER_BITS) - 1


def hue_distance(one: float, other: float) -> float:
    """Degrees between two hues, 0 … 180."""
    return abs((one - other + 180.0) % 360.0 - 180.0)


def _cut(tile: Rgb, band: Band, fit: Literal["cover", "contain"], aspect: float) -> Rgb:
    """The pixels of a card's band; the band's own rounding is undone by the margins of whoever measures in it."""
    height, width = tile.shape[:2]
    wider = aspect > width / height
    by_height = wider == (fit == "cover")
    card_width, card_height = (height * aspect, height) if by_height else (width, width / aspect)
    left, top = (width - card_width) / 2, (height - card_height) / 2
    rows = slice(max(0, round(top + band.top * card_height)), round(top + band.bottom * card_height))
    columns = slice(max(0, round(left + band.left * card_width)), round(left + band.right * card_width))
    return tile[rows, columns]


def _heart(band: npt.NDArray[np.float64], row: int, column: int) -> float:
    """The mean of the middle of a block, where no neighbour bleeds in."""
    height, width = band.shape[0] / ROWS, band.shape[1] / COLUMNS
    rows = slice(int((row + 0.3) * height), max(int((row + 0.7) * height), int((row + 0.3) * height) + 1))
    columns = slice(int((column + 0.3) * width), max(int((column + 0.7) * width), int((column + 0.3) * width) + 1))
    return float(band[rows, columns].mean())
