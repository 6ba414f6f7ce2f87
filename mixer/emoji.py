"""Colour emoji, where Pillow (the extra ``emoji``) and Google's Noto Color Emoji (Debian: fonts-noto-color-emoji) are
installed. Without them nothing here draws anything, and emoji are left out of names.
"""

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mixer.cache import Cache

try:
    from PIL import Image, ImageDraw, ImageFont
except ImportError:  # the extra is optional
    FREETYPE = False
else:
    FREETYPE = True

FONTS = tuple(
    Path(folder) / "NotoColorEmoji.ttf"
    for folder in (
        "/usr/share/fonts/truetype/noto",
        "/usr/share/fonts/noto",
        "/usr/share/fonts/google-noto-emoji",
        "/usr/share/fonts/google-noto-color-emoji-fonts",
        "/usr/local/share/fonts",
    )
)

FONT_PX = 109
"""The only size that the font's pictures come in; they are 136 wide and 128 high."""

_ONE = "[\U0001f000-\U0001faff\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff]"
_FULL = f"(?:{_ONE}(?:\ufe0f|[\U0001f3fb-\U0001f3ff])?)"
CLUSTER = re.compile(
    "[\U0001f1e6-\U0001f1ff]{2}"
    "|[0-9#*]\ufe0f?\u20e3"
    "|\U0001f3f4[\U000e0020-\U000e007f]+"
    f"|{_FULL}(?:\u200d{_FULL})*"
    "|[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u21aa\u25aa-\u25fe\u3030\u303d\u3297\u3299]\ufe0f"
)
"""What stands as one picture (Unicode UTS #51): flags, keycaps, people with their skin, families."""


class Emoji:
    """Draws emoji; pictures are kept. For one thread."""

    def __init__(self, fonts: Iterable[Path] = FONTS, remembered: int = 64) -> None:
        found = next((font for font in fonts if font.is_file()), None) if FREETYPE else None
        self._font = None if found is None else ImageFont.truetype(str(found), FONT_PX)
        self._pictures: Cache[str, NDArray[np.uint8] | None] = Cache(remembered)

    @property
    def available(self) -> bool:
        return self._font is not None

    def picture(self, cluster: str) -> NDArray[np.uint8] | None:
        """A cluster as uint8 BGRA of shape (height, width, 4), straight alpha; None when the font doesn't have it."""
        return self._pictures.get(cluster, lambda: self._drawn(cluster))

    def _drawn(self, cluster: str) -> NDArray[np.uint8] | None:
        if self._font is None:
            return None
        left, _, right, bottom = self._font.getbbox(cluster)
        width, height = int(right - min(0, left)), int(bottom)
        if width < 1 or height < 1:
            return None
        image = Image.new("RGBA", (width, height))
        ImageDraw.Draw(image).text((0, 0), cluster, font=self._font, embedded_color=True)
        pixels = np.asarray(image, np.uint8)
        return np.ascontiguousarray(pixels[..., [2, 1, 0, 3]]) if pixels[..., 3].any() else None
