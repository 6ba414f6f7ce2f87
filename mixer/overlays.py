"""What lies over everybody: the logo, a banner, a countdown."""

from dataclasses import dataclass

from mixer.cache import Cache
from mixer.colour import WHITE
from mixer.decor import Decor, Logo
from mixer.geometry import Box, Size
from mixer.labels import PLATE
from mixer.lettering import Lettering
from mixer.picture import Picture
from mixer.scene import Scene
from mixer.shapes import rounded
from mixer.sprite import Layers, Sprite
from mixer.typeface import line_height

BANNER_LINES = 26
"""A canvas's height over the size of a banner's letters."""

COUNTDOWN_LINES = 15

SMALLEST_PX = 14

WEIGHT = 600

PLATE_OPACITY = 0.74

MARGINS = 36
"""A canvas's short side over the distance between what lies over everybody and the canvas's edge."""

WIDEST = 0.9
"""Of the canvas's width: a longer line is shortened."""


@dataclass(frozen=True, slots=True)
class Overlay:
    """A sprite and the even place of its left top corner. Equal when both are the same."""

    sprite: Sprite
    x: int
    y: int

    @property
    def box(self) -> Box:
        return Box(self.x, self.y, self.sprite.size.width, self.sprite.size.height)

    def paint(self, canvas: Picture) -> None:
        self.sprite.paint(canvas, self.x, self.y)


class Overlays:
    """Makes overlays; sprites are kept. For one thread."""

    def __init__(self, lettering: Lettering) -> None:
        self._lettering = lettering
        self._lines: Cache[tuple[str, int, int], Sprite | None] = Cache(64)
        self._logos: Cache[tuple[Logo, Size], Sprite] = Cache(4)

    def of(self, scene: Scene, decor: Decor) -> tuple[Overlay, ...]:
        """From far to near: the logo in its corner, the countdown below the banner in the middle of the top."""
        canvas = scene.canvas
        margin = max(2, min(canvas.width, canvas.height) // MARGINS // 2 * 2)
        made = [] if decor.logo is None else [self._logo(decor.logo, canvas, margin)]
        top = margin
        for text, lines in ((scene.banner, BANNER_LINES), (scene.countdown, COUNTDOWN_LINES)):
            sprite = self._line(text, lines, canvas) if text else None
            if sprite is not None and top + sprite.size.height <= canvas.height:
                made.append(Overlay(sprite, (canvas.width - sprite.size.width) // 4 * 2, top))
                top += sprite.size.height + margin // 4 * 2
        return tuple(made)

    def _line(self, text: str, lines: int, canvas: Size) -> Sprite | None:
        size_px = max(SMALLEST_PX, canvas.height // lines)
        most_px = int(canvas.width * WIDEST)
        return self._lines.get((text, size_px, most_px), lambda: self._made(text, size_px, most_px))

    def _made(self, text: str, size_px: int, most_px: int) -> Sprite | None:
        padding = round(size_px * 0.6)
        line = self._lettering.shortened(self._lettering.readable(text), size_px, most_px - 2 * padding - 4, WEIGHT)
        if not line:
            return None
        height = round(line_height(size_px) * 1.2 / 2) * 2
        width = (2 * padding + self._lettering.width(line, size_px, WEIGHT) + 3) // 2 * 2
        layers = Layers(Size(width, height))
        layers.over(rounded((height, width), height * 0.26), PLATE, PLATE_OPACITY)
        self._lettering.lay(layers, line, size_px, WEIGHT, WHITE, padding, (height - line_height(size_px)) // 2)
        return layers.sprite()

    def _logo(self, logo: Logo, canvas: Size, margin: int) -> Overlay:
        sprite = self._logos.get((logo, canvas), lambda: _logo_sprite(logo, canvas, margin))
        left, top = logo.corner.endswith("left"), logo.corner.startswith("top")
        x = margin if left else canvas.width - margin - sprite.size.width
        y = margin if top else canvas.height - margin - sprite.size.height
        return Overlay(sprite, x, y)


def _logo_sprite(logo: Logo, canvas: Size, margin: int) -> Sprite:
    """At the width it asks for, or smaller where the canvas is too low for it."""
    height, width = logo.image.shape[:2]
    scale = min(
        canvas.width * logo.width / width,
        max(2, canvas.width - 2 * margin) / width,
        max(2, canvas.height - 2 * margin) / height,
    )
    most = Size(max(2, (canvas.width - 2 * margin) // 2 * 2), max(2, (canvas.height - 2 * margin) // 2 * 2))
    size = Size(
        min(most.width, max(2, round(width * scale / 2) * 2)), min(most.height, max(2, round(height * scale / 2) * 2))
    )
    return Layers(size).image(logo.image, size).sprite()
