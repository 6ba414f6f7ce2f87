"""Emoji in names: in colour where the font is, left out where it isn't, never a box or a question mark."""

import numpy as np
import pytest

from mixer.canvas import Canvas
from mixer.colour import WHITE
from mixer.compositor import Compositor
from mixer.emoji import CLUSTER, Emoji
from mixer.geometry import Size
from mixer.lettering import Lettering, Piece
from mixer.picture import Picture
from mixer.scene import Scene, Tile, TileKey
from mixer.sprite import Layers
from mixer.typeface import Typeface, line_height
from tests.mixer.pictures import GREY, solid

FAMILY, FLAG, WAVE, HEART = "👩‍👩‍👧", "🇰🇷", "👋🏽", "❤️"

with_font = pytest.mark.skipif(not Emoji().available, reason="needs Pillow and fonts-noto-color-emoji")


@pytest.fixture(scope="module")
def typeface() -> Typeface:
    return Typeface()


@pytest.fixture
def lettering(typeface: Typeface) -> Lettering:
    return Lettering(typeface)


@pytest.fixture
def without(typeface: Typeface) -> Lettering:
    return Lettering(typeface, Emoji(()))


@pytest.mark.parametrize("cluster", [FAMILY, FLAG, WAVE, HEART, "😀", "1️⃣", "🏴󠁧󠁢󠁷󠁬󠁳󠁿", "👩🏾‍🚀"])
def test_what_is_one_picture_is_found_as_one(cluster: str) -> None:
    assert [found.group() for found in CLUSTER.finditer(f"a{cluster}b")] == [cluster]


def test_letters_and_digits_are_no_emoji() -> None:
    assert not CLUSTER.search("Ana 김민수 محمد 1#* é — ½ ©")


@pytest.mark.parametrize("name", [f"Ana {FAMILY}", f"{FLAG}Ana", f"A{WAVE}na", "Ana😀"])
def test_without_the_font_a_name_is_drawn_without_them(without: Lettering, name: str) -> None:
    assert without.readable(name) == "Ana"
    assert without.readable(FAMILY + FLAG + HEART[1:]) == ""


@with_font
@pytest.mark.parametrize("name", [f"Ana {FAMILY}", f"{FLAG} Ana", f"김{WAVE}민수", "😀😀", f"Ana {HEART}"])
def test_with_the_font_they_stay(lettering: Lettering, name: str) -> None:
    assert lettering.readable(name) == name


@with_font
@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("Ana \U0001faff", "Ana"),
        ("a\u200db", "ab"),
        ("\ufe0f", ""),
        ("a\u202e😀", "a😀"),
        ("ㅤ\U0001f9ff\u200d", "\U0001f9ff"),
    ],
)
def test_what_even_the_font_does_not_have_is_left_out(lettering: Lettering, name: str, left: str) -> None:
    assert lettering.readable(name) == left


@with_font
def test_a_name_shows_its_emoji_in_colour(typeface: Typeface, lettering: Lettering) -> None:
    def colours(line: str) -> int:
        layers = Layers(Size(200, 40))
        lettering.lay(layers, line, 22, 500, WHITE, 4, 4)
        picture = layers.flat((16, 128, 128))
        return int((np.abs(picture.v.astype(int) - 128) > 30).sum())

    assert colours("Ana") == 0
    assert colours("Ana ❤️") > 20


@with_font
def test_a_line_is_as_wide_as_what_is_drawn_of_it(lettering: Lettering) -> None:
    for line in ("Ana", f"Ana {FAMILY}", f"{FLAG}{WAVE}Ana"):
        width = lettering.width(line, 20, 500)
        layers = Layers(Size((width + 41) // 2 * 2, (line_height(20) + 1) // 2 * 2))
        lettering.lay(layers, line, 20, 500, WHITE, 0, 0)
        inked = np.flatnonzero((layers.flat((0, 128, 128)).y > 40).any(0))
        assert width - 8 < inked.max() <= width + 1


@with_font
def test_an_emoji_is_shortened_away_whole(lettering: Lettering) -> None:
    line = f"Ana {FAMILY}{FAMILY} and others"
    for most_px in range(20, lettering.width(line, 16, 500), 3):
        short = lettering.shortened(line, 16, most_px, 500)
        assert lettering.width(short, 16, 500) <= most_px
        kept = short.removesuffix("...")
        assert line.startswith(kept)
        assert kept.count("\u200d") % 2 == 0, "half a family"


@with_font
def test_emoji_stand_where_they_are_read_among_letters_from_right_to_left(lettering: Lettering) -> None:
    assert lettering._pieces("אב 😀 גד 👋🏽") == [
        Piece("👋🏽", emoji=True),
        Piece(" דג "),
        Piece("😀", emoji=True),
        Piece(" בא"),
    ]


@with_font
def test_a_label_with_emoji_is_drawn_on_its_tile() -> None:
    def label(text: str) -> Picture:
        canvas = Canvas(Size(320, 180))
        tile = Tile(TileKey("ana"), canvas.size.box, label=text)
        Compositor().draw(Scene(canvas.size, (tile,)), {tile.key: solid(GREY, 320, 180)}, canvas)
        return canvas.picture

    assert int(label("Ana").v.max()) < 135
    assert int(label("Ana ❤️").v[70:].max()) > 170
