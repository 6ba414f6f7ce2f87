"""Small signs on tiles: who is expected back, who raised a hand."""

import cv2

from mixer.cache import Cache
from mixer.colour import WHITE, yuv
from mixer.geometry import Box, Size
from mixer.labels import LOWEST_TILE_PX, PLATE, letter_size_px
from mixer.picture import Picture
from mixer.scaling import views
from mixer.shapes import disc, hand
from mixer.sprite import Layers, Sprite

VEIL = yuv(0x101318)
VEIL_OPACITY = 0.68

HAND = yuv(0xFFC83D)

HAND_SIZE = 1.9
"""A raised hand's height, of the letters of a name: it is to be seen by those who don't look for it."""


class Marks:
    """Draws signs; sprites are kept. For one thread."""

    def __init__(self) -> None:
        self._waiting: Cache[int, Sprite] = Cache(16)
        self._hands: Cache[int, Sprite] = Cache(16)

    def veil(self, canvas: Picture, box: Box) -> None:
        """Darkens a tile whose owner's connection is lost, and puts three dots on it."""
        for region, value in zip(views(canvas, box), VEIL, strict=True):
            cv2.addWeighted(region, 1 - VEIL_OPACITY, region, 0, value * VEIL_OPACITY, dst=region)
        unit = min(box.width, box.height) // 72 * 2
        if unit:
            sprite = self._waiting.get(unit, lambda: _three_dots(unit))
            size = sprite.size
            sprite.paint(canvas, box.x + (box.width - size.width) // 4 * 2, box.y + (box.height - size.height) // 4 * 2)

    def hand(self, canvas: Picture, box: Box) -> None:
        """Puts a raised hand into the right top corner; a tile too small for a name gets none."""
        size_px = letter_size_px(box)
        side = round(size_px * HAND_SIZE / 2) * 2
        margin = round(size_px / 4) * 2
        if box.height < LOWEST_TILE_PX or box.width < side + 2 * margin:
            return
        sprite = self._hands.get(side, lambda: _raised_hand(side))
        sprite.paint(canvas, box.right - margin - side, box.y + margin)


def _three_dots(unit: int) -> Sprite:
    layers = Layers(Size(unit * 6, unit * 2))
    for place in (1, 3, 5):
        layers.over(disc((unit * 2, unit * 6), place * unit, unit, unit * 0.6), WHITE, 0.9)
    return layers.sprite()


def _raised_hand(side: int) -> Sprite:
    layers = Layers(Size(side, side))
    layers.over(disc((side, side), side / 2, side / 2, side / 2), HAND)
    inner = round(side * 0.72 / 2) * 2
    edge = (side - inner) // 2
    layers.over(hand(inner), PLATE, x=edge, y=edge)
    return layers.sprite()
