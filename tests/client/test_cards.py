"""A test card can be read back after what a room does to it, and nothing else reads as one."""

from itertools import pairwise

import numpy as np
import pytest

from client.cards import TestCard, checksum, code_word
from client.frames import rgb
from mcu.protocol.models import PixelBox
from tests.kit.cards import crop, hue_distance, read_card, read_code, read_hue
from tests.kit.media import Codec, through_codec

HUES = (0, 45, 90, 135, 180, 225, 270, 315)


@pytest.mark.parametrize("codec", ["H264", "VP8"])
async def test_code_and_hue_survive_a_small_tile(codec: Codec) -> None:
    for sender, hue in enumerate(HUES):
        card = TestCard(hue, sender, "민준 Zoë")
        first = 4090 + 17 * sender
        sent = [await card.picture(index) for index in range(first, first + 10)]
        readings = [read_card(rgb(frame)) for frame in through_codec(sent, codec, 320, 180, kbps=150)]
        assert len(readings) == 10
        for offset, reading in enumerate(readings):
            assert reading is not None, f"{codec}, hue {hue}, picture {offset}"
            assert reading.sender == sender
            assert reading.counter == (first + offset) % 4096
            assert hue_distance(reading.hue, hue) < 12.0


async def test_a_card_is_found_in_its_tile_of_the_composite() -> None:
    canvas = np.zeros((720, 1280, 3), np.uint8)
    small = (await TestCard(200, 3).picture(77)).reformat(320, 180, "yuv420p")
    canvas[360:540, 640:960] = rgb(small)
    reading = read_card(crop(canvas, PixelBox(x=640, y=360, width=320, height=180)))
    assert reading is not None
    assert (reading.sender, reading.counter) == (3, 77)
    assert read_card(crop(canvas, PixelBox(x=0, y=0, width=320, height=180))) is None


async def test_cover_and_contain_are_undone() -> None:
    whole = rgb(await TestCard(120, 5).picture(9))
    cut = whole[:, 40:600]  # a tile of 560×360 that the card covers
    assert read_code(cut, "cover") == (5, 9)
    framed = np.zeros((480, 640, 3), np.uint8)
    framed[60:420] = whole
    assert read_code(framed, "contain") == (5, 9)
    assert read_code(framed, "cover") != (5, 9)


def test_what_is_no_card_reads_as_none() -> None:
    noise = np.random.default_rng(7).integers(0, 256, (180, 320, 3), dtype=np.uint8)
    for picture in (np.full((180, 320, 3), 60, np.uint8), noise):
        assert read_card(picture) is None
        assert read_hue(picture) is None


async def test_one_wrong_block_is_noticed() -> None:
    card = TestCard(120, 5)
    for column in range(10):
        picture = rgb(await card.picture(1234))
        x = 64 + int(51.2 * column)
        block = picture[96:144, x : x + 52]
        block[:] = 255 - block
        assert read_code(picture) is None


def test_checksum_tells_any_single_bit() -> None:
    value = 0x5A3C
    assert all(checksum(value ^ 1 << bit) != checksum(value) for bit in range(16))
    assert code_word(0, 0) & 0xF != 0, "a card that is all black must not pass"


async def test_cards_move_and_differ() -> None:
    card = TestCard(30, 1)
    pictures = [card.draw(index) for index in range(40)]
    moving = [picture[278:312] for picture in pictures]
    assert all(not np.array_equal(one, other) for one, other in pairwise(moving))
    assert hue_distance(350.0, 10.0) == pytest.approx(20.0)
