"""Every preset for 1, 2, 3, 5, 9, 16 and 25 people on one sheet: ``python -m samples.gallery [sheet.jpg]``.

No server and no room: a layout is a pure function of who is there, and a compositor draws what it gives.
"""

import sys
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import get_args

import numpy as np

from mixer.canvas import Canvas
from mixer.colour import mixed, personal, yuv
from mixer.compositor import Compositor
from mixer.geometry import Box, Size
from mixer.image import encode_image, from_bgr
from mixer.layouts import LayoutSpec, Member, Preset, arrange
from mixer.layouts.preview import made_up
from mixer.picture import Picture
from mixer.scaling import Scaler
from mixer.scene import TileKey
from mixer.shapes import disc, rounded
from mixer.sprite import Layers
from mixer.typeface import Typeface, line_height

OUT = Path(__file__).parent / "out" / "gallery.jpg"

PRESETS: tuple[Preset, ...] = get_args(Preset)
COUNTS = 1, 2, 3, 5, 9, 16, 25

VIEW = Size(512, 288)
CELL = Size(256, 144)
CAMERA = Size(640, 360)
SPACE_PX = 18
LEFT_PX, TOP_PX = 152, 56
LETTERS_PX = 19
PAPER = 0xF3F4F6
INK = yuv(0x2A2F3A)


def sheet() -> Picture:
    """A row for each preset, a column for each number of people."""
    width = LEFT_PX + len(COUNTS) * (CELL.width + SPACE_PX)
    height = TOP_PX + len(PRESETS) * (CELL.height + SPACE_PX)
    canvas, compositor, scaler, typeface = Canvas(Size(width, height)), Compositor(), Scaler(), Typeface()
    canvas.fill(yuv(PAPER))
    for column, count in enumerate(COUNTS):
        middle = LEFT_PX + column * (CELL.width + SPACE_PX) + CELL.width // 2
        _write(canvas.picture, typeface, str(count), middle, TOP_PX // 2, centred=True)
    for row, preset in enumerate(PRESETS):
        top = TOP_PX + row * (CELL.height + SPACE_PX)
        _write(canvas.picture, typeface, preset, SPACE_PX, top + CELL.height // 2)
        for column, count in enumerate(COUNTS):
            place = Box(LEFT_PX + column * (CELL.width + SPACE_PX), top, CELL.width, CELL.height)
            scaler.draw(view_of(preset, count, compositor), "cover", canvas.picture, place)
    return canvas.picture


def view_of(preset: Preset, count: int, compositor: Compositor) -> Picture:
    """One composite: ``count`` people of whom the second speaks; in a presentation the first shares a screen."""
    members = made_up(count, screens=1 if preset == "presentation" else 0)
    speaker = members[min(1, count - 1)].key.participant
    cast = [replace(one, live=True, speaking=float(one.key.participant == speaker and count > 1)) for one in members]
    spec = LayoutSpec(preset, max_tiles=49, gap=4, labels=False)
    canvas = Canvas(VIEW)
    compositor.draw(arrange(spec, cast, VIEW, speaker), {one.key: _picture(one) for one in cast}, canvas)
    return canvas.picture


def _picture(member: Member) -> Picture:
    return slides() if member.screen else portrait(member.key)


@lru_cache(maxsize=64)
def portrait(key: TileKey) -> Picture:
    """Somebody before a wall of their colour."""
    colour = personal(key.participant)
    width, height = CAMERA.width, CAMERA.height
    fall = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    wall = _bgr(mixed(colour, 0xFFFFFF, 0.42)) * (1 - fall) + _bgr(mixed(colour, 0x101318, 0.18)) * fall
    image = np.broadcast_to(wall, (height, width, 3)).copy()
    shoulders = rounded((height, width), height * 0.3, width * 0.3, height * 0.64, width * 0.3, -height * 0.5)
    head = disc((height, width), width / 2, height * 0.42, height * 0.19)
    for coverage, shade in ((shoulders, mixed(colour, 0x101318, 0.55)), (head, mixed(colour, 0xFFF1E6, 0.72))):
        image += (_bgr(shade) - image) * coverage[..., None]
    return from_bgr(image.round().astype(np.uint8))


@lru_cache(maxsize=1)
def slides() -> Picture:
    """A shared screen: a page with a heading, lines and a chart."""
    image = np.full((CAMERA.height, CAMERA.width, 3), _bgr(0xFBFBFD), np.float32)
    bars = [Box(48, 44, 300, 28), *(Box(48, 112 + 36 * line, 240 - 28 * (line % 3), 14) for line in range(6))]
    columns = [Box(360 + 56 * n, 300 - high, 36, high) for n, high in enumerate((68, 116, 92, 184))]
    for box, colour in [*((bar, 0xA9B0BD) for bar in bars[1:]), (bars[0], 0x2A2F3A), *((c, 0x5B8DEF) for c in columns)]:
        image[box.y : box.bottom, box.x : box.right] = _bgr(colour)
    return from_bgr(image.astype(np.uint8))


def _bgr(colour: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.array([colour & 0xFF, colour >> 8 & 0xFF, colour >> 16], np.float32)


def _write(onto: Picture, typeface: Typeface, text: str, x: int, y: int, *, centred: bool = False) -> None:
    letters = typeface.draw(text, LETTERS_PX, 500)
    layers = Layers(Size(letters.shape[1] // 2 * 2 + 2, line_height(LETTERS_PX) // 2 * 2 + 2))
    layers.over(letters, INK)
    left = x - letters.shape[1] // 2 if centred else x
    layers.sprite().paint(onto, left // 2 * 2, (y - line_height(LETTERS_PX) // 2) // 2 * 2)


def main(path: str = str(OUT)) -> None:
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(encode_image(sheet(), "jpg"))
    print(target)


if __name__ == "__main__":
    main(*sys.argv[1:2])
