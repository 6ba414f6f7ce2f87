"""Pictures scaled into a box."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixer.canvas import Canvas
from mixer.geometry import Box, Size
from mixer.picture import Picture
from mixer.scaling import TRIM, Scaler, box_within, crop_to_cover
from mixer.scene import Fit
from tests.mixer.pictures import GREY, RED, inside, pixels, solid

sources = st.builds(Size, st.integers(1, 2000), st.integers(1, 2000))
evens = st.integers(1, 500).map(lambda half: half * 2)


@given(source=sources, target=st.builds(Size, evens, evens))
@settings(max_examples=100, deadline=None)
def test_a_crop_takes_the_largest_middle_part_of_the_right_shape(source: Size, target: Size) -> None:
    crop = crop_to_cover(source, target)
    assert source.box.contains(crop)
    assert not (crop.x | crop.y) & 1
    assert abs(source.width - crop.right - crop.x) <= 3
    assert abs(source.height - crop.bottom - crop.y) <= 3
    scale = max(target.width / source.width, target.height / source.height)
    for kept, whole, needed in (
        (crop.width, source.width, target.width / scale),
        (crop.height, source.height, target.height / scale),
    ):
        assert kept >= needed / (1 + TRIM) - 1e-6, "it crops more than the shape and the trim ask"
        assert kept <= min(whole, needed + 2), "it would squeeze the picture"


def test_a_picture_of_the_right_shape_is_not_cropped() -> None:
    assert crop_to_cover(Size(1280, 720), Size(800, 450)) == Size(1280, 720).box


def test_a_picture_a_few_pixels_too_large_is_trimmed_and_copied() -> None:
    noise = np.random.default_rng(1).integers(16, 235, (180, 320), np.uint8)
    picture = Picture(noise, noise[::2, ::2].copy(), noise[1::2, 1::2].copy())
    canvas = Canvas(Size(320, 180))
    Scaler().draw(picture, "cover", canvas.picture, Box(0, 0, 312, 176))
    assert np.array_equal(canvas.picture.y[:176, :312], noise[2:178, 4:316])


def test_chroma_is_cropped_with_the_luma_it_belongs_to() -> None:
    """Stripes of 2 pixels, one in colour: a crop off by one chroma sample would colour the wrong ones."""
    luma = np.tile(np.array([40, 40, 200, 200], np.uint8), (64, 32))
    chroma = np.tile(np.array([60, 180], np.uint8), (32, 32))
    canvas = Canvas(Size(64, 64))
    Scaler().draw(Picture(luma, chroma, chroma), "cover", canvas.picture, canvas.size.box)
    bright = canvas.picture.y[::2, ::2] > 100
    assert bright.any()
    assert np.array_equal(canvas.picture.u > 100, bright)


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (3, 5), (101, 77), (641, 361), (3840, 2160)])
@pytest.mark.parametrize("fit", ["cover", "contain"])
def test_any_size_fills_its_box_evenly_to_the_last_pixel(size: tuple[int, int], fit: Fit) -> None:
    canvas = Canvas(Size(200, 120))
    canvas.fill(GREY)
    box = Box(20, 10, 150, 94)
    covered = Scaler().draw(solid(RED, *size), fit, canvas.picture, box)
    assert box.contains(covered)
    assert covered.even
    assert pixels(canvas, covered) == {RED}
    untouched = np.ones((120, 200), bool)
    untouched[covered.y : covered.bottom, covered.x : covered.right] = False
    assert set(canvas.picture.y[untouched].tolist()) == {GREY[0]}
    assert fit == "contain" or covered == box


@given(source=sources, box=st.builds(lambda w, h: Box(6, 4, w, h), evens, evens))
@settings(max_examples=100, deadline=None)
def test_a_letterboxed_picture_keeps_its_shape_and_touches_two_sides(source: Size, box: Box) -> None:
    within = box_within(source, box)
    assert box.contains(within)
    assert within.even
    assert within.width >= box.width - 1 or within.height >= box.height - 1
    scale = min(box.width / source.width, box.height / source.height)
    assert abs(within.width - max(2, source.width * scale)) <= 2
    assert abs(within.height - max(2, source.height * scale)) <= 2


@pytest.mark.parametrize("width", [80, 100, 130, 200, 318])
def test_a_fine_pattern_becomes_grey_and_not_a_moiré(width: int) -> None:
    """Stripes finer than the tile can show: their mean is all that may be left."""
    luma = np.zeros((720, 1280), np.uint8)
    luma[:, ::2] = 200
    picture = Picture(luma, *solid(GREY, 1280, 720).planes[1:])
    canvas = Canvas(Size(320, 180))
    box = Box(0, 0, width, width * 9 // 32 * 2)
    Scaler().draw(picture, "cover", canvas.picture, box)
    inner = inside(box, 2)
    shown = canvas.picture.y[inner.y : inner.bottom, inner.x : inner.right]
    assert abs(shown.mean() - 100) < 2
    assert shown.std() < 8


def test_planes_with_a_stride_and_read_only_planes_are_drawn() -> None:
    wide = np.zeros((64, 128), np.uint8)
    wide[:, :100] = 90
    planes = [wide[:50, :100], wide[:25, :50], wide[:25, :50]]
    for plane in planes:
        plane.flags.writeable = False
    canvas = Canvas(Size(60, 30))
    Scaler().draw(Picture(*planes), "cover", canvas.picture, canvas.size.box)
    assert pixels(canvas, canvas.size.box) == {(90, 90, 90)}
