"""Colours and still images."""

import cv2
import numpy as np
import pytest

from mixer.canvas import Canvas
from mixer.colour import PALETTE, mixed, personal, yuv
from mixer.geometry import Size
from mixer.image import ImageFormat, encode_image, from_bgr, to_bgr
from tests.mixer.pictures import RED, solid


@pytest.mark.parametrize(
    ("colour", "expected"),
    [
        (0x000000, (16, 128, 128)),
        (0xFFFFFF, (235, 128, 128)),
        (0xFF0000, (81, 90, 240)),
        (0x00FF00, (145, 54, 34)),
        (0x0000FF, (41, 240, 110)),
    ],
)
def test_colours_follow_bt_601(colour: int, expected: tuple[int, int, int]) -> None:
    assert yuv(colour) == expected


@pytest.mark.parametrize("colour", PALETTE)
def test_a_canvas_filled_with_a_colour_is_seen_in_it(colour: int) -> None:
    canvas = Canvas(Size(4, 2))
    canvas.fill(yuv(colour))
    blue, green, red = (int(value) for value in to_bgr(canvas.picture)[0, 0])
    assert (red, green, blue) == pytest.approx((colour >> 16, colour >> 8 & 255, colour & 255), abs=3)


def test_mixing_goes_from_one_colour_to_the_other() -> None:
    assert mixed(0x102030, 0xF0E0D0, 0) == 0x102030
    assert mixed(0x102030, 0xF0E0D0, 1) == 0xF0E0D0
    assert mixed(0x000000, 0x204060, 0.5) == 0x102030


def test_people_have_colours_of_the_palette_and_keep_them() -> None:
    assert personal("ana") == personal("ana")
    assert {personal(f"p{number}") for number in range(200)} == set(PALETTE)
    assert personal("\ud800") in PALETTE


@pytest.mark.parametrize("size", [(64, 48), (33, 17), (1, 1), (2, 5)])
def test_rgb_there_and_back(size: tuple[int, int]) -> None:
    width, height = size
    image = np.full((height, width, 3), (200, 120, 40), np.uint8)
    picture = from_bgr(image)
    assert picture.u.shape == picture.v.shape == (-(-height // 2), -(-width // 2))
    back = to_bgr(picture)
    assert back.shape == image.shape
    assert int(np.abs(back.astype(int) - image).max()) <= 3


@pytest.mark.parametrize(("format_", "magic"), [("jpg", b"\xff\xd8"), ("png", b"\x89PNG")])
@pytest.mark.parametrize("size", [(64, 36), (33, 17)])
def test_snapshots_are_files_of_their_kind(format_: ImageFormat, magic: bytes, size: tuple[int, int]) -> None:
    data = encode_image(solid(RED, *size), format_)
    assert data.startswith(magic)
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape == (size[1], size[0], 3)
    assert image[5, 5].tolist() == pytest.approx([0, 0, 255], abs=6)


def test_an_unknown_kind_of_file_is_refused() -> None:
    with pytest.raises(ValueError, match="jpg or png"):
        encode_image(solid(RED, 2, 2), "gif")  # type: ignore[arg-type]  # that is what is refused
