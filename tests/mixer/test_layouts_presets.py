"""Every preset, from nobody to a full room, on canvases lying, standing and square."""

from itertools import combinations
from typing import get_args

import pytest

from mixer.geometry import Box, Size
from mixer.layouts import LayoutSpec, Preset, arrange
from mixer.layouts.strip import strip
from tests.mixer.people import box_of, ids, people

LYING, STANDING, SQUARE, TINY = Size(1280, 720), Size(720, 1280), Size(720, 720), Size(64, 64)
PRESETS = get_args(Preset)
STAGED: tuple[Preset, ...] = "speaker", "sidebar", "pip", "presentation"


@pytest.mark.parametrize("canvas", [LYING, STANDING, SQUARE, TINY], ids=str)
@pytest.mark.parametrize("preset", PRESETS)
def test_everybody_has_one_place_from_nobody_to_a_full_room(preset: Preset, canvas: Size) -> None:
    spec = LayoutSpec(preset, max_tiles=49)
    for count in range(50):
        tiles = arrange(spec, people(count), canvas, "p1").tiles
        boxes = [tile.box for tile in tiles]
        assert len({tile.key for tile in tiles}) == len(tiles) == (min(count, 1) if preset == "spotlight" else count)
        assert all(canvas.box.contains(box) and box.even and min(box.width, box.height) >= 2 for box in boxes)
        assert not any(a.z == b.z and a.box.overlaps(b.box) for a, b in combinations(tiles, 2))


@pytest.mark.parametrize("canvas", [LYING, STANDING, SQUARE], ids=str)
@pytest.mark.parametrize("preset", STAGED)
def test_the_stage_is_larger_than_any_other_place(preset: Preset, canvas: Size) -> None:
    for count in range(2, 50):
        spec = LayoutSpec(preset, max_tiles=49)
        stage, *others = arrange(spec, people(count), canvas, "p0").tiles
        assert stage.box.area > 3 * max(tile.box.area for tile in others), count


@pytest.mark.parametrize("preset", PRESETS)
def test_small_tiles_are_of_one_size(preset: Preset) -> None:
    for count in (3, 7, 16, 30, 49):
        tiles = arrange(LayoutSpec(preset, max_tiles=49), people(count), LYING, None).tiles
        small = tiles if preset in ("grid", "strip") else tiles[1:]
        assert len({(tile.box.width, tile.box.height) for tile in small}) <= 1


@pytest.mark.parametrize("preset", PRESETS)
def test_a_newcomer_does_not_reorder_the_others(preset: Preset) -> None:
    for count in range(2, 49):
        spec = LayoutSpec(preset, max_tiles=49)
        before, after = (ids(arrange(spec, people(n), LYING, "p0")) for n in (count, count + 1))
        assert after[: len(before)] == before


def test_in_a_sidebar_the_others_stand_in_a_column_at_the_right() -> None:
    stage, *column = arrange(LayoutSpec("sidebar"), people(5), LYING, "p2").tiles
    assert stage.key.participant == "p2"
    assert stage.box.height == 704, "as high as the canvas but for the margins"
    assert {tile.box.x > stage.box.right for tile in column} == {True}
    assert len({tile.box.x for tile in column}) == 1
    assert [tile.box.y for tile in column] == sorted(tile.box.y for tile in column)


def test_a_picture_in_picture_is_small_in_the_right_bottom_corner_and_in_front() -> None:
    whole, inset = arrange(LayoutSpec("pip", gap=12), people(2), LYING, "p1").tiles
    assert (whole.key.participant, whole.box, whole.z, whole.border) == ("p1", LYING.box, 0, 0)
    assert (inset.box.right, inset.box.bottom, inset.z) == (1268, 708, 1)
    assert 0.2 < inset.box.width / LYING.width < 0.3


def test_more_pictures_in_picture_grow_leftwards_then_upwards() -> None:
    boxes = [tile.box for tile in arrange(LayoutSpec("pip"), people(8), LYING, "p0").tiles[1:]]
    assert boxes == sorted(boxes, key=lambda box: (box.y, box.x))
    assert boxes[-1].right == LYING.width - 8
    assert min(box.y for box in boxes) > LYING.height * 0.6


def test_a_screen_in_picture_in_picture_is_whole_and_behind_its_owner() -> None:
    spec = LayoutSpec("pip", on_screen_share=None)
    screen, camera = arrange(spec, people(1, 0), LYING, None).tiles
    assert (screen.key.source, screen.fit, camera.z) == ("screen", "contain", 1)


@pytest.mark.parametrize(("canvas", "upright"), [(LYING, False), (SQUARE, False), (STANDING, True)])
def test_a_strip_is_one_row_or_on_an_upright_canvas_one_column(canvas: Size, upright: bool) -> None:
    for count in (2, 3, 9, 20):
        boxes = [tile.box for tile in arrange(LayoutSpec("strip", max_tiles=49), people(count), canvas, None).tiles]
        assert len({box.x if upright else box.y for box in boxes}) == 1
        assert len({box.y if upright else box.x for box in boxes}) == count


def test_a_strip_uses_its_length_and_crops_no_face_away() -> None:
    for count in (2, 3, 5, 16):
        boxes = strip(LYING.box, count, 8)
        assert boxes[-1].right - boxes[0].x > LYING.width - 2 * count
        assert all(0.7 <= box.width / box.height <= 1.8 for box in boxes)


def test_on_an_upright_canvas_small_tiles_stand_in_pairs_below_the_stage() -> None:
    for preset in ("speaker", "presentation"):
        stage, *small = arrange(LayoutSpec(preset), people(4, 0), STANDING, "p0").tiles
        assert small[0].box.y == small[1].box.y >= stage.box.bottom
        assert stage.box.width == 704


def test_a_strip_too_thin_to_see_anybody_gets_more_rows() -> None:
    boxes = strip(Box(0, 0, 320, 180), 49, 8)
    assert len({box.y for box in boxes}) > 1


def test_the_margin_may_differ_from_the_gap() -> None:
    boxes = [tile.box for tile in arrange(LayoutSpec(gap=20, margin=0), people(4), LYING, None).tiles]
    assert min(box.x for box in boxes) < 20
    assert boxes[1].x - boxes[0].right == 20
    with pytest.raises(ValueError, match="margin"):
        LayoutSpec(margin=-1)


def test_alignment_reaches_every_tile() -> None:
    tiles = arrange(LayoutSpec(align=(0.5, 0.0)), people(3), LYING, None).tiles
    assert {tile.align for tile in tiles} == {(0.5, 0.0)}


def test_a_shared_screen_takes_the_stage_of_every_staged_preset() -> None:
    for preset in STAGED:
        scene = arrange(LayoutSpec(preset, on_screen_share=None), people(4, 3), LYING, "p1")
        assert scene.tiles[0].key.source == "screen"
        assert box_of(scene, "p3").area < scene.tiles[0].box.area
