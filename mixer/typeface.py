"""Letters: the face that comes inside OpenCV, so that no font file is needed. It has Latin, Greek, Cyrillic, Hebrew,
Arabic, Hangul, Han and kana; no emoji and no Indic scripts.
"""

import unicodedata

import cv2
import numpy as np
from numpy.typing import NDArray

from mixer.bidi import visual
from mixer.shapes import Coverage

LONGEST = 256
"""Characters of a text that are looked at; what stands behind them is never seen."""

_REMEMBERED = 4096
_PROBE_PX = 24


class Typeface:
    """Measures and draws lines of text. The face inside is not thread-safe: every thread needs its own, at 30 ms."""

    def __init__(self) -> None:
        self._face = cv2.FontFace("uni")
        self._known: dict[str, bool] = {"?": True, " ": True}
        self._missing = self._glyph("?")

    def readable(self, text: str) -> str:
        """``text`` as it can be drawn: composed (NFC), one line, single spaces, without control characters (those that
        turn the writing direction among them) and without characters the face does not have.
        """
        composed = unicodedata.normalize("NFC", text[:LONGEST])
        spaced = " ".join(composed.split())
        return " ".join("".join(filter(self.has, spaced)).split())

    def has(self, character: str) -> bool:
        """True when the face has a glyph with ink for ``character``, or it is a space. The face draws a question mark
        for what it doesn't know and does not say so, hence the comparison of pictures.
        """
        known = self._known.get(character)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known = {"?": True, " ": True}
            known = self._known[character] = self._look(character)
        return known

    def width(self, text: str, size_px: int, weight: int = 400, *, ordered: bool = False) -> int:
        """Pixels that a readable line takes; ``ordered`` when its letters are in drawing order already."""
        if not text:
            return 0
        advance: int = cv2.getTextSize((0, 0), text if ordered else visual(text), (0, 0), self._face, size_px, weight)[
            2
        ]
        return advance

    def draw(self, text: str, size_px: int, weight: int = 400, *, ordered: bool = False) -> Coverage:
        """A readable line as coverage: float32 (height, width), the height the same for every text of a size, so that
        lines of one size share a baseline. ``ordered`` as in ``width``.
        """
        line = text if ordered else visual(text)
        field = np.zeros((line_height(size_px), self.width(line, size_px, weight, ordered=True) + 2), np.uint8)
        cv2.putText(field, line, (0, baseline(size_px)), (255,), self._face, size_px, weight)
        return field.astype(np.float32) / np.float32(255)

    def _look(self, character: str) -> bool:
        if unicodedata.category(character)[0] == "C":
            return False
        glyph = self._glyph(character)
        return bool(glyph.any()) and not np.array_equal(glyph, self._missing)

    def _glyph(self, character: str) -> NDArray[np.uint8]:
        field = np.zeros((_PROBE_PX * 2, _PROBE_PX * 3), np.uint8)
        cv2.putText(field, character, (_PROBE_PX, _PROBE_PX * 3 // 2), (255,), self._face, _PROBE_PX, 400)
        return field


def baseline(size_px: int) -> int:
    """Pixels from the top of a drawn line to its baseline."""
    return size_px + 1


def line_height(size_px: int) -> int:
    """The height in pixels of a drawn line: ascenders, accents and what hangs below the baseline."""
    return baseline(size_px) + size_px * 2 // 5
