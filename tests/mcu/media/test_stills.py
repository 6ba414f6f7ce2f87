"""Uploaded images: what is taken, what it becomes, and what is refused before a decoder sees it."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcu.errors import Unprocessable
from mcu.media import stills
from mcu.media.image_header import MOST_SCANS, ImageHeader, read_header
from mcu.media.stills import decode_avatar, decode_background, decode_logo
from mixer.colour import yuv
from mixer.geometry import Size
from mixer.picture import Picture
from tests.kit.images import BLUE, GREEN, RED, Kind, file_of, jpeg_of_many_scans, plain, png_chunk, png_that_says

KINDS: tuple[Kind, ...] = ("jpg", "png", "webp")
WORDS = {"jpg": "JPEG", "png": "PNG", "webp": "WebP"}


def colours(picture: Picture) -> tuple[int, ...]:
    """Y, U and V in the middle."""
    return tuple(int(plane[plane.shape[0] // 2, plane.shape[1] // 2]) for plane in picture.planes)


def near(picture: Picture, rgb: int, tolerance: int = 3) -> bool:
    return all(abs(one - other) <= tolerance for one, other in zip(colours(picture), yuv(rgb), strict=True))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(1, 1), (3, 7), (640, 360), (33, 900)])
def test_a_header_says_what_kind_and_size_an_image_is(kind: Kind, size: tuple[int, int]) -> None:
    file = file_of(plain(RED, *size), kind)
    assert read_header(file) == ImageHeader(WORDS[kind], *size)  # type: ignore[arg-type]  # one of three words
    picture = decode_background(file)
    assert picture.size == Size(*size)
    assert near(picture, 0xFF0000)


def test_lossy_and_extended_webp_say_their_size_too() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (36, 50, 4), np.uint8)
    for image in (noise[..., :3], noise):
        done, data = cv2.imencode(".webp", image, [cv2.IMWRITE_WEBP_QUALITY, 60])
        assert done
        header = read_header(data.tobytes())
        assert (header.kind, header.width, header.height) == ("WebP", 50, 36)


@pytest.mark.parametrize("kind", KINDS)
def test_a_truncated_image_is_refused_with_what_to_do(kind: Kind) -> None:
    noise = np.random.default_rng(2).integers(0, 255, (90, 120, 3), np.uint8)
    file = file_of(noise, kind)
    for length in (3, 12, 40, len(file) // 2, len(file) - 2):
        with pytest.raises(Unprocessable, match=r"whole|neither"):
            decode_background(file[:length])


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (b"GIF89a" + bytes(100), "neither"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "neither"),
        (b"\x00", "neither"),
        (png_that_says(60_000, 60_000), "60000×60000"),
        (png_that_says(2**31, 2**31), "megapixels"),
        (png_that_says(16_000_001, 1), "megapixels"),
        (png_that_says(0, 10), "damaged"),
        (png_that_says(400, 400), "damaged"),
        (png_that_says(4, 4, png_chunk(b"acTL", bytes(8))), "moves"),
        (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IDAT", b""), "damaged"),
        (jpeg_of_many_scans(MOST_SCANS + 1), "scans"),
        (b"\xff\xd8" + b"\xff" * 5000, "damaged"),
        (b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0" + b"\x02\0\0\0" + bytes(6), "moves"),
        (b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0" + b"\0\0\0\0" + b"\xff" * 6, "megapixels"),
    ],
)
def test_hostile_images_are_refused_before_they_are_decoded(file: bytes, words: str) -> None:
    with pytest.raises(Unprocessable, match=words):
        decode_background(file)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_whatever_is_broken_in_a_file_it_is_taken_or_refused(data: st.DataObject) -> None:
    noise = np.random.default_rng(3).integers(0, 255, (24, 20, 3), np.uint8)
    file = bytearray(file_of(noise, data.draw(st.sampled_from(KINDS))))
    for place, value in data.draw(st.lists(st.tuples(st.integers(0, len(file) - 1), st.integers(0, 255)), max_size=6)):
        file[place] = value
    try:
        header = read_header(bytes(file))
        decoded = decode_logo(bytes(file))
    except (ValueError, Unprocessable):
        return
    assert max(decoded.shape[:2]) <= stills.LARGEST_LOGO.width
    assert decoded.shape[0] * decoded.shape[1] <= header.width * header.height


def test_a_picture_taken_upright_stands_upright() -> None:
    """EXIF orientation 6: the camera was turned, the first row is the right side."""
    image = plain(BLUE, 80, 40)
    image[:20] = RED
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    file = file_of(image, "jpg")
    turned = file[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2) + exif + file[2:]
    picture = decode_background(turned)
    assert picture.size == Size(40, 80)
    assert abs(int(picture.y[40, 35]) - yuv(0xFF0000)[0]) < 4
    assert abs(int(picture.y[40, 5]) - yuv(0x0000FF)[0]) < 4


def test_images_are_kept_no_larger_than_they_can_be_shown() -> None:
    wide = file_of(plain(GREEN, 4000, 1000), "png")
    assert decode_background(wide).size == Size(3840, 960)
    assert decode_logo(wide).shape == (320, 1280, 4)
    assert decode_avatar(wide).size == Size(320, 320)
    assert decode_avatar(file_of(plain(GREEN, 40, 90))).size == Size(40, 40)
    assert near(decode_background(wide), 0x00FF00)


def test_an_avatar_is_the_middle_of_its_image() -> None:
    image = plain(RED, 900, 300)
    image[:, 300:600] = GREEN
    picture = decode_avatar(file_of(image))
    assert near(picture, 0x00FF00)
    assert int(picture.y.max()) - int(picture.y.min()) < 4


def test_grey_deep_and_transparent_images() -> None:
    grey = np.full((10, 10), 200, np.uint8)
    assert near(decode_background(file_of(grey)), 0xC8C8C8)
    deep = np.full((10, 10, 3), 200 * 257, np.uint16)
    assert near(decode_background(file_of(deep)), 0xC8C8C8)
    clear = plain((*RED, 0))
    assert near(decode_background(file_of(clear)), 0x222222)
    half = decode_logo(file_of(plain((*RED, 128))))
    assert half.shape == (48, 64, 4)
    assert half[5, 5].tolist() == [0, 0, 255, 128]


def test_a_smaller_logo_takes_no_colour_from_what_cannot_be_seen() -> None:
    image = plain((*GREEN, 0), 2600, 2600)
    image[:, 1301:] = (*RED, 255)
    logo = decode_logo(file_of(image))
    assert logo.shape == (1280, 1280, 4)
    seen = logo[logo[..., 3] > 0][:, :3].astype(int)
    assert np.abs(seen - RED).max() <= 2
