"""Lines of text as labels and banners show them: letters, and emoji among them."""

import re
import unicodedata
from dataclasses import dataclass

from mixer.bidi import visual
from mixer.colour import Yuv
from mixer.emoji import CLUSTER, Emoji
from mixer.geometry import Size
from mixer.sprite import Layers
from mixer.typeface import LONGEST, Typeface, line_height

ELLIPSIS = "..."
"""Three full stops: the face's own ellipsis floats in the middle of the line, as in Chinese."""

EMOJI_SIZE = 1.2
"""An emoji's height, of the letters' size."""

EMOJI_GAP = 0.12
"""The space on both sides of an emoji, of the letters' size."""

STAND_INS = range(0x2500, 0x2580)
"""Characters that stand for an emoji while the order of a line is found: like emoji they have no direction."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Letters in drawing order, or one emoji."""

    text: str
    emoji: bool = False


class Lettering:
    """Measures and draws lines. For one thread."""

    def __init__(self, typeface: Typeface, emoji: Emoji | None = None) -> None:
        self._typeface = typeface
        self._emoji = emoji or Emoji()

    def readable(self, text: str) -> str:
        """``text`` as it can be drawn: see ``Typeface.readable``; emoji stay where they can be drawn, and whatever
        cannot be is left out.
        """
        if not self._emoji.available:
            return self._typeface.readable(text)
        composed = " ".join(unicodedata.normalize("NFC", text[:LONGEST]).split())
        kept: list[str] = []
        end = 0
        for found in CLUSTER.finditer(composed):
            kept += filter(self._typeface.has, composed[end : found.start()])
            kept.append(self._known(found.group()))
            end = found.end()
        kept += filter(self._typeface.has, composed[end:])
        return " ".join("".join(kept).split())

    def width(self, line: str, size_px: int, weight: int) -> int:
        """Pixels that a readable line takes."""
        return sum(self._piece_width(piece, size_px, weight) for piece in self._pieces(line))

    def shortened(self, line: str, size_px: int, most_px: int, weight: int) -> str:
        """A readable line as it is if it fits into ``most_px``, else its longest beginning that does with an ellipsis;
        empty when not even one letter fits.
        """
        if self.width(line, size_px, weight) <= most_px:
            return line
        ends = _ends(line)
        fits, too_long = -1, len(ends)
        while too_long - fits > 1:
            middle = (fits + too_long) // 2
            if self.width(line[: ends[middle]].rstrip() + ELLIPSIS, size_px, weight) <= most_px:
                fits = middle
            else:
                too_long = middle
        return line[: ends[fits]].rstrip() + ELLIPSIS if fits >= 0 else ""

    def lay(self, layers: Layers, line: str, size_px: int, weight: int, colour: Yuv, x: int, y: int) -> None:
        """Lays a readable line on ``layers``, its left top corner at (x, y): ``width`` by ``line_height`` pixels, and
        two more to the right.
        """
        for piece in self._pieces(line):
            width = self._piece_width(piece, size_px, weight)
            picture = self._emoji.picture(piece.text) if piece.emoji else None
            if picture is not None:
                gap = round(size_px * EMOJI_GAP)
                size = Size(width - 2 * gap, round(size_px * EMOJI_SIZE))
                layers.image(picture, size, x + gap, y + max(0, (line_height(size_px) - size.height) // 2))
            else:
                layers.over(self._typeface.draw(piece.text, size_px, weight, ordered=True), colour, x=x, y=y)
            x += width

    def _known(self, cluster: str) -> str:
        """A cluster if there is a picture of it, else the letters it may be of, as ☆ is one."""
        plain = "".join(filter(self._typeface.has, cluster))
        if len(cluster) == 1 and plain and ord(cluster) < 0x1F000:
            return cluster
        return cluster if self._emoji.picture(cluster) is not None else plain

    def _pieces(self, line: str) -> list[Piece]:
        """A readable line from left to right."""
        if not self._emoji.available:
            return [Piece(visual(line))] if line else []
        free = (chr(code) for code in STAND_INS if chr(code) not in line)
        standing: dict[str, str] = {}

        def stand_in(found: re.Match[str]) -> str:
            cluster = found.group()
            if len(cluster) == 1 and self._typeface.has(cluster):
                return cluster
            character = next(free, "")
            standing[character] = cluster
            return character

        line = CLUSTER.sub(stand_in, line)
        pieces: list[Piece] = []
        for character in visual(line):
            if character in standing:
                pieces.append(Piece(standing[character], emoji=True))
            elif pieces and not pieces[-1].emoji:
                pieces[-1] = Piece(pieces[-1].text + character)
            else:
                pieces.append(Piece(character))
        return pieces

    def _piece_width(self, piece: Piece, size_px: int, weight: int) -> int:
        picture = self._emoji.picture(piece.text) if piece.emoji else None
        if picture is None:
            return self._typeface.width(piece.text, size_px, weight, ordered=True)
        shape = float(picture.shape[1] / picture.shape[0])
        return max(2, round(size_px * EMOJI_SIZE * shape)) + 2 * round(size_px * EMOJI_GAP)


def _ends(line: str) -> list[int]:
    """Where a line may be cut: behind whole emoji and letters with their marks."""
    inside = {place for found in CLUSTER.finditer(line) for place in range(found.start() + 1, found.end())}
    return [place for place in range(1, len(line)) if place not in inside and not unicodedata.combining(line[place])]
