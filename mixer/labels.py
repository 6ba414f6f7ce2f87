"""Names on tiles: light letters on a dark plate one can see through, with a red mark for a closed microphone."""

from mixer.cache import Cache
from mixer.colour import WHITE, yuv
from mixer.geometry import Box, Size
from mixer.lettering import Lettering
from mixer.picture import Picture
from mixer.shapes import microphone_off, rounded
from mixer.sprite import Layers, Sprite
from mixer.typeface import line_height

PLATE = yuv(0x0B0D11)
PLATE_OPACITY = 0.66
MUTED = yuv(0xFF7A70)

SMALLEST_PX, LARGEST_PX = 12, 22
"""Letters smaller than this cannot be read after compression; larger ones shout."""

LINES_PER_TILE = 14
"""A tile's height over the size of its letters."""

LOWEST_TILE_PX = 44
"""A tile lower than this has no room for a name beside its face."""

WEIGHT = 500

LabelKey = tuple[str, bool, int, int]


class Labels:
    """Draws labels; sprites are kept. For one thread."""

    def __init__(self, lettering: Lettering, remembered: int = 768) -> None:
        self._lettering = lettering
        self._sprites: Cache[LabelKey, Sprite | None] = Cache(remembered)
        self._needed: Cache[tuple[str, bool, int], int] = Cache(remembered)

    def draw(self, canvas: Picture, box: Box, text: str, muted: bool) -> None:
        """Draws ``text`` and the mark into the left bottom corner of a tile. A name that doesn't fit is shortened; a
        tile too small for either gets nothing.
        """
        size_px = letter_size_px(box)
        margin = _even(size_px * 0.5)
        most_px = box.width - 2 * margin
        if box.height < LOWEST_TILE_PX or most_px < 2 * size_px:
            return
        # Room beyond what the name needs makes no difference, so a tile that grows needs no new sprite.
        needed = self._needed.get((text, muted, size_px), lambda: self._needed_px(text, muted, size_px))
        most_px = min(most_px, needed)
        sprite = self._sprites.get((text, muted, size_px, most_px), lambda: self._made(text, muted, size_px, most_px))
        if sprite is not None:
            sprite.paint(canvas, box.x + margin, box.bottom - margin - sprite.size.height)

    def _needed_px(self, text: str, muted: bool, size_px: int) -> int:
        """The width of a label that isn't shortened, and a little more."""
        return self._lettering.width(self._lettering.readable(text), size_px, WEIGHT) + 4 * size_px

    def _made(self, text: str, muted: bool, size_px: int, most_px: int) -> Sprite | None:
        padding = round(size_px * 0.5)
        height = plate_height(size_px)
        mark = _even(size_px * 1.15) if muted else 0
        gap = round(size_px * 0.3) if muted else 0
        room = most_px - 2 * padding - mark - gap
        name = self._lettering.shortened(self._lettering.readable(text), size_px, room, WEIGHT)
        if not name and not muted:
            return None
        if not name:
            padding, gap = (height - mark) // 2, 0
        letters_px = self._lettering.width(name, size_px, WEIGHT) + 2 if name else 0
        width = _even(2 * padding + mark + gap + letters_px + 1)
        layers = Layers(Size(width, height))
        layers.over(rounded((height, width), height * 0.28), PLATE, PLATE_OPACITY)
        if muted:
            layers.over(microphone_off(mark), MUTED, x=padding, y=(height - mark) // 2)
        top = round((height - line_height(size_px)) / 2)
        self._lettering.lay(layers, name, size_px, WEIGHT, WHITE, padding + mark + gap, top)
        return layers.sprite()


def label_room_px(box: Box) -> int:
    """The height that a label takes at the foot of ``box``, with its margins."""
    size_px = letter_size_px(box)
    return plate_height(size_px) + 2 * _even(size_px * 0.5)


def plate_height(size_px: int) -> int:
    return _even(line_height(size_px) + size_px * 0.32)


def letter_size_px(box: Box) -> int:
    return max(SMALLEST_PX, min(LARGEST_PX, round(box.height / LINES_PER_TILE)))


def _even(pixels: float) -> int:
    return round(pixels / 2) * 2
