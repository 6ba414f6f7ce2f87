"""Letters: what is drawn, in which order, how wide."""

import numpy as np
import pytest

from mixer.avatar import initials
from mixer.bidi import visual
from mixer.cache import Cache
from mixer.emoji import Emoji
from mixer.lettering import ELLIPSIS, Lettering
from mixer.typeface import LONGEST, Typeface


@pytest.fixture(scope="module")
def typeface() -> Typeface:
    return Typeface()


@pytest.mark.parametrize(
    "name",
    [
        "Ana Müller",
        "김민수",
        "漢字",
        "ひらがな カタカナ",
        "Дмитрий",
        "محمد",
        "שלום",
        "Ελένη",
        "Nguyễn",
        "O'Neil-3 (home)?",
    ],
)
def test_these_scripts_are_drawn(typeface: Typeface, name: str) -> None:
    assert typeface.readable(name) == name
    drawn = typeface.draw(name, 16)
    assert drawn.dtype == np.float32
    assert drawn.max() > 0.8
    assert drawn[:, -1].max() == 0, "the last letter is whole"


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("Ana 😀🎉", "Ana"),
        ("👩‍👩‍👧", ""),
        ("a\u202eb\u2066c\u200fd", "abcd"),
        ("tab\tand\nline\r\n end ", "tab and line end"),
        ("zero\u200bwidth\ufeff\x00", "zerowidth"),
        ("ㅤ", ""),
        ("e\u0301", "é"),
        ("ไทย Thai", "Thai"),
        ("\ud800x", "x"),
    ],
)
def test_what_cannot_be_drawn_is_left_out(typeface: Typeface, name: str, left: str) -> None:
    assert typeface.readable(name) == left


def test_a_composed_and_a_decomposed_name_are_one(typeface: Typeface) -> None:
    assert typeface.readable("\u1100\u1161\u11a8") == "각"


def test_a_name_without_end_is_cut_before_it_is_looked_at(typeface: Typeface) -> None:
    assert len(typeface.readable("a" * 100_000)) == LONGEST


def test_more_characters_than_are_remembered_are_still_told_apart(typeface: Typeface) -> None:
    for start in range(0xAC00, 0xAC00 + 6000, 200):
        text = "".join(map(chr, range(start, start + 200)))
        assert typeface.readable(text) == text
    assert not typeface.has("😀")


def test_a_long_name_is_shortened_to_the_width_there_is(typeface: Typeface) -> None:
    name = "Wilhelmina Alexandra van der Meulen"
    lettering = Lettering(typeface, Emoji(()))
    whole = lettering.width(name, 16, 500)
    assert lettering.shortened(name, 16, whole, 500) == name
    short = lettering.shortened(name, 16, whole // 2, 500)
    assert short.endswith(ELLIPSIS)
    assert name.startswith(short.removesuffix(ELLIPSIS))
    assert whole // 2 - 2 * 16 < lettering.width(short, 16, 500) <= whole // 2
    assert lettering.shortened(name, 16, 3, 500) == ""


def test_hebrew_stands_from_right_to_left(typeface: Typeface) -> None:
    """Alef first: in the drawing it is the rightmost letter."""
    alef, word = typeface.draw("א", 32), typeface.draw("אוו", 32)
    width = alef.shape[1] - 2
    assert np.array_equal(word[:, -width - 2 : -2] > 0.5, alef[:, :width] > 0.5)


@pytest.mark.parametrize(
    ("spoken", "seen"),
    [
        ("abc", "abc"),
        ("אבג", "גבא"),
        ("Ana אבג", "Ana גבא"),
        ("אבג Ana", "Ana גבא"),
        ("אב גד", "דג בא"),
        ("אבג 123", "123 גבא"),
        ("Ana 123 אב", "Ana 123 בא"),
        ("אבג 1.5 דה", "הד 1.5 גבא"),
        ("(אב)", "(בא)"),
        ("Ana (אב) Bea", "Ana (בא) Bea"),
        ("אב (Ana)", "(Ana) בא"),
        ("אָב", "באָ"),
        ("", ""),
        ("123", "123"),
    ],
)
def test_letters_stand_in_the_order_they_are_read(spoken: str, seen: str) -> None:
    assert visual(spoken) == seen


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Ana Souza", "AS"),
        ("ana maria de souza", "AS"),
        ("Chidi", "C"),
        ("Дмитрий Ильин", "ДИ"),
        ("김민수", "김"),
        ("山田 太郎", "山"),
        ("محمد علي", "م"),
        ("(Ana) -Bea-", "AB"),
        ("3 Bea", "3"),
        ("ß x", "SX"),
        ("...", ""),
        ("", ""),
    ],
)
def test_initials(name: str, letters: str) -> None:
    assert initials(name) == letters


def test_a_cache_forgets_what_was_not_used_for_longest() -> None:
    cache: Cache[str, int] = Cache(2)
    for key in ("a", "b", "a", "c"):
        cache.get(key, lambda key=key: ord(key))  # type: ignore[misc]  # the default binds the loop's key
    assert len(cache) == 2
    assert cache.get("a", lambda: -1) == ord("a")
    assert cache.get("b", lambda: -1) == -1
    with pytest.raises(ValueError, match="at least one"):
        Cache(0)
