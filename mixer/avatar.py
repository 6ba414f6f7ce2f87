"""What stands in for a camera that is off: initials on a disc, in a colour that is always the same person's."""

import unicodedata

from mixer.cache import Cache
from mixer.canvas import Canvas
from mixer.colour import WHITE, mixed, personal, yuv
from mixer.geometry import Box, Size
from mixer.picture import Picture
from mixer.scaling import Scaler, views
from mixer.scene import TileKey
from mixer.shapes import disc, person
from mixer.sprite import Layers
from mixer.typeface import Typeface, line_height

WALL = 0x22262E
WALL_TINT = 0.16
"""How much of the person's colour is in the wall behind the disc."""

DISC = 0.46
"""The disc's diameter, of the tile's short side."""

LARGEST_DISC_PX = 320

DISC_STEP_PX = 8
"""Discs are made in steps, for a tile that grows would want a new one at every tick."""

LETTERS = 0.42
"""The size of the initials, of the disc's diameter."""


class Avatars:
    """Draws avatars; the discs are kept. For one thread."""

    def __init__(self, typeface: Typeface, remembered: int = 128) -> None:
        self._typeface = typeface
        self._scaler = Scaler()
        self._discs: Cache[tuple[int, str, int], Picture] = Cache(remembered)

    def draw(self, canvas: Picture, box: Box, key: TileKey, name: str, face: Picture | None = None) -> None:
        """Fills ``box`` (even) with the avatar of a participant: ``face`` on a disc if there is one, else initials."""
        colour = personal(key.participant)
        wall = yuv(mixed(WALL, colour, WALL_TINT))
        for region, value in zip(views(canvas, box), wall, strict=True):
            region[:] = value
        side = min(LARGEST_DISC_PX, round(min(box.width, box.height) * DISC)) // DISC_STEP_PX * DISC_STEP_PX
        if not side:
            return
        if face is not None:
            picture = self._discs.get((colour, str(face.serial), -side), lambda: self._portrait(colour, face, side))
        else:
            letters = initials(self._typeface.readable(name))
            picture = self._discs.get((colour, letters, side), lambda: self._disc(colour, letters, side))
        place = Box(box.x + (box.width - side) // 4 * 2, box.y + (box.height - side) // 4 * 2, side, side)
        for region, pixels in zip(views(canvas, place), picture.planes, strict=True):
            region[:] = pixels

    def _portrait(self, colour: int, face: Picture, side: int) -> Picture:
        """The middle of ``face`` cut to a disc."""
        square = Canvas(Size(side, side)).picture
        self._scaler.draw(face, "cover", square, Box(0, 0, side, side))
        inside = disc((side, side), side / 2, side / 2, side / 2)
        return Layers(Size(side, side)).picture(square, inside).flat(yuv(mixed(WALL, colour, WALL_TINT)))

    def _disc(self, colour: int, letters: str, side: int) -> Picture:
        layers = Layers(Size(side, side))
        round_field = disc((side, side), side / 2, side / 2, side / 2)
        layers.over(round_field, yuv(colour))
        size_px = round(side * LETTERS)
        width = self._typeface.width(letters, size_px, 500) + 2
        if letters and width <= side:
            drawn = self._typeface.draw(letters, size_px, 500)
            top = (side - line_height(size_px)) / 2 + size_px * 0.02
            layers.over(drawn, WHITE, x=round((side - drawn.shape[1] + 2) / 2), y=round(top))
        else:
            layers.over(person(side) * round_field, WHITE, 0.92)
        return layers.flat(yuv(mixed(WALL, colour, WALL_TINT)))


def initials(name: str) -> str:
    """The first letters of a readable name's first and last words, where its script has capitals; else the first
    letter alone, as Korean, Chinese and Arabic names are shown. Empty when the name has no letters or digits.
    """
    words = [word for word in ("".join(filter(_speaks, part)) for part in name.split()) if word]
    if not words:
        return ""
    first, last = words[0][0], words[-1][0]
    if len(words) > 1 and first.upper() != first.lower() and last.upper() != last.lower():
        return first.upper()[0] + last.upper()[0]
    return first.upper()[0]


def _speaks(character: str) -> bool:
    return unicodedata.category(character)[0] in "LN"
