"""Only what changed is painted, and nobody can see that."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixer.canvas import Canvas, FramePool
from mixer.compositor import Compositor
from mixer.decor import BARE, Decor, Logo
from mixer.geometry import Box, Size
from mixer.layouts import LayoutSpec, Member, arrange
from mixer.picture import Picture
from mixer.scaled import ScaledPictures
from mixer.scene import Scene, Tile, TileKey
from tests.mixer.pictures import BLUE, GREEN, RED, solid

CANVAS = Size(192, 128)
NAMES = "ana", "bea", "chi"


def noise(width: int, height: int, seed: int) -> Picture:
    random = np.random.default_rng(seed)
    half = (height + 1) // 2, (width + 1) // 2
    return Picture(
        random.integers(16, 235, (height, width), np.uint8),
        random.integers(60, 200, half, np.uint8),
        random.integers(60, 200, half, np.uint8),
    )


SOURCES = (noise(96, 64, 1), noise(96, 64, 2), noise(33, 71, 3), noise(200, 40, 4))
LOGO = Logo(np.random.default_rng(5).integers(0, 255, (20, 40, 4), np.uint8), "bottom_right", 0.3)
DECORS = (
    BARE,
    Decor(logo=LOGO),
    Decor(background=SOURCES[3]),
    Decor(background=SOURCES[2], avatars={"ana": SOURCES[0], "bea": SOURCES[1]}),
)
PLACES = (Box(0, 0, 192, 128), Box(8, 8, 84, 112), Box(100, 8, 84, 112), Box(60, 40, 100, 60), Box(120, 60, 64, 60))

tiles = st.builds(
    Tile,
    key=st.sampled_from([TileKey(name) for name in NAMES]),
    box=st.sampled_from(PLACES),
    fit=st.sampled_from(["cover", "contain"]),
    align=st.sampled_from([(0.5, 0.5), (0.0, 1.0)]),
    name=st.just("Ana Souza"),
    label=st.sampled_from([None, "Ana", "Bea"]),
    live=st.booleans(),
    border=st.sampled_from([0.0, 0.4, 1.0]),
    muted=st.booleans(),
    reconnecting=st.booleans(),
    hand=st.booleans(),
    opacity=st.sampled_from([1.0, 1.0, 0.5, 0.0]),
)
scenes = st.builds(
    Scene,
    canvas=st.just(CANVAS),
    tiles=st.lists(tiles, max_size=4, unique_by=lambda tile: tile.key).map(tuple),
    background=st.sampled_from([0x15181D, 0x802010]),
    corner_radius_px=st.sampled_from([None, 0, 6]),
    banner=st.sampled_from([None, "Hello", "A much longer banner"]),
    countdown=st.sampled_from([None, "0:10", "0:09"]),
)
moments = st.tuples(scenes, st.tuples(*[st.sampled_from((None, *SOURCES))] * 3), st.sampled_from(DECORS))


@pytest.fixture(scope="module")
def reference() -> Compositor:
    return Compositor()


@pytest.fixture(scope="module")
def compositor() -> Compositor:
    return Compositor()


def vary(moment: tuple[Scene, tuple[Picture | None, ...], Decor], change: int) -> Scene:
    """The same scene but for one fact of one tile."""
    scene = moment[0]
    if not scene.tiles:
        return replace(scene, countdown="0:08")
    first, *others = scene.tiles
    facts: list[dict[str, object]] = [{"border": 0.7}, {"label": "Chi"}, {"live": not first.live}, {"opacity": 0.7}]
    changed = replace(first, **facts[change % 4])  # type: ignore[arg-type]  # the facts are a test's own
    return replace(scene, tiles=(changed, *others))


@given(
    plays=st.lists(
        st.tuples(moments, st.integers(0, 3), st.lists(st.integers(0, 2), max_size=2)), min_size=1, max_size=5
    )
)
@settings(max_examples=60, deadline=None)
def test_whatever_was_on_a_canvas_the_picture_is_as_if_it_were_new(
    compositor: Compositor,
    reference: Compositor,
    plays: list[tuple[tuple[Scene, tuple[Picture | None, ...], Decor], int, list[int]]],
) -> None:
    canvases = [Canvas(CANVAS) for _ in range(2)]
    last = None
    for number, (moment, change, again) in enumerate(plays):
        scene, chosen, decor = moment
        pictures = {TileKey(name): picture for name, picture in zip(NAMES, chosen, strict=True) if picture is not None}
        for turn, variant in enumerate((scene, vary(moment, change), *[scene for _ in again])):
            if turn and again:
                pictures[TileKey(NAMES[again[0]])] = SOURCES[turn % 4]
            canvas = canvases[(number + len(again)) % 2]
            drawn = compositor.draw(variant, pictures, canvas, decor)
            fresh = Canvas(CANVAS)
            reference.draw(variant, pictures, fresh, decor)
            assert np.array_equal(canvas.buffer, fresh.buffer)
            if last is not None and not drawn.changed:
                assert np.array_equal(canvas.buffer, last)
            last = canvas.buffer.copy()


def grid(count: int, canvas: Size = CANVAS) -> tuple[Scene, dict[TileKey, Picture]]:
    members = [Member(TileKey(f"p{number}"), f"P {number}") for number in range(count)]
    scene = arrange(LayoutSpec(labels=True), members, canvas, None)
    return scene, {member.key: noise(64, 36, number) for number, member in enumerate(members)}


def test_a_scene_that_did_not_change_is_not_drawn_again(compositor: Compositor) -> None:
    scene, pictures = grid(4)
    canvas, other = Canvas(CANVAS), Canvas(CANVAS)
    first = compositor.draw(scene, pictures, canvas)
    assert (first.changed, first.tiles_drawn, first.tiles_scaled) == (True, 4, 4)
    again = compositor.draw(replace(scene, layout_seq=7), pictures, canvas)
    assert (again.changed, again.tiles_drawn, again.tiles_scaled) == (False, 0, 0)
    elsewhere = compositor.draw(scene, pictures, other)
    assert (elsewhere.changed, elsewhere.tiles_drawn, elsewhere.tiles_scaled) == (False, 4, 0)
    assert np.array_equal(canvas.buffer, other.buffer)


def test_only_whose_picture_is_new_is_scaled(compositor: Compositor) -> None:
    scene, pictures = grid(4)
    canvas = Canvas(CANVAS)
    compositor.draw(scene, pictures, canvas)
    pictures[TileKey("p2")] = noise(64, 36, 99)
    drawn = compositor.draw(scene, pictures, canvas)
    assert (drawn.changed, drawn.tiles_drawn, drawn.tiles_scaled) == (True, 1, 1)


def test_a_fading_border_repaints_one_tile_and_scales_none(compositor: Compositor) -> None:
    scene, pictures = grid(4)
    canvas = Canvas(CANVAS)
    compositor.draw(scene, pictures, canvas)
    louder = replace(scene, tiles=(replace(scene.tiles[0], border=0.5), *scene.tiles[1:]))
    drawn = compositor.draw(louder, pictures, canvas)
    assert (drawn.changed, drawn.tiles_drawn, drawn.tiles_scaled) == (True, 1, 0)


def test_what_nobody_touched_keeps_every_byte(compositor: Compositor) -> None:
    """Seen by writing where nothing changed: the compositor does not paint there again."""
    scene, pictures = grid(4)
    canvas = Canvas(CANVAS)
    compositor.draw(scene, pictures, canvas)
    left, right = scene.tiles[0].box, scene.tiles[1].box
    canvas.picture.y[right.y + 20, right.x + 20] = 1
    canvas.picture.y[left.y + 20, left.x + 20] = 1
    compositor.draw(replace(scene, tiles=(replace(scene.tiles[0], hand=True), *scene.tiles[1:])), pictures, canvas)
    assert canvas.picture.y[right.y + 20, right.x + 20] == 1
    assert canvas.picture.y[left.y + 20, left.x + 20] != 1


def test_a_logo_that_appears_below_a_banner_stays_below_it(compositor: Compositor, reference: Compositor) -> None:
    scene = Scene(CANVAS, banner="A much longer banner")
    logo = Logo(np.full((40, 40, 4), 255, np.uint8), "top_right", 0.6)
    canvas, fresh = Canvas(CANVAS), Canvas(CANVAS)
    compositor.draw(scene, {}, canvas)
    compositor.draw(scene, {}, canvas, Decor(logo=logo))
    reference.draw(scene, {}, fresh, Decor(logo=logo))
    assert np.array_equal(canvas.buffer, fresh.buffer)


def test_two_views_of_one_size_scale_a_picture_once() -> None:
    scaled = ScaledPictures()
    views = Compositor(scaled), Compositor(scaled)
    scene, pictures = grid(4)
    canvases = Canvas(CANVAS), Canvas(CANVAS)
    counts = [view.draw(scene, pictures, canvas).tiles_scaled for view, canvas in zip(views, canvases, strict=True)]
    assert counts == [4, 0]
    assert np.array_equal(canvases[0].buffer, canvases[1].buffer)


def test_pictures_at_their_size_are_kept_within_a_bound_and_change_with_their_source() -> None:
    scaled = ScaledPictures(most_bytes=3000)
    tile = Tile(TileKey("a"), Box(0, 0, 32, 16))
    red, blue = solid(RED, 64, 32), solid(BLUE, 64, 32)
    assert scaled.get(tile, red) is scaled.get(tile, red)
    assert scaled.count == 1
    assert set(scaled.get(tile, blue).picture.y.ravel().tolist()) == {BLUE[0]}
    assert set(scaled.get(tile, solid(GREEN, 20, 100)).picture.y.ravel().tolist()) == {GREEN[0]}
    scaled.get(tile, red)
    for width in range(32, 72, 2):
        scaled.get(replace(tile, box=Box(0, 0, width, 16)), red)
        assert scaled.nbytes <= 3000
    count = scaled.count
    scaled.get(tile, red)
    assert scaled.count == count + 1, "it had to make room"


def test_a_picture_that_has_the_size_of_its_tile_is_copied_and_not_scaled() -> None:
    scaled = ScaledPictures()
    exact, wider = noise(64, 32, 6), noise(66, 32, 7)
    tile = Tile(TileKey("a"), Box(0, 0, 64, 32))
    assert all(map(np.shares_memory, scaled.get(tile, exact).picture.planes, exact.planes))
    assert np.array_equal(scaled.get(tile, wider).picture.y, wider.y[:, :64])
    assert np.array_equal(scaled.get(replace(tile, fit="contain"), exact).picture.y, exact.y)
    assert (scaled.count, scaled.nbytes) == (0, 0)
    scaled.get(replace(tile, fit="contain"), wider)
    assert scaled.count == 1


def test_a_drawing_that_fails_leaves_no_promise_behind(compositor: Compositor) -> None:
    scene, pictures = grid(2)
    canvas = Canvas(CANVAS)
    compositor.draw(scene, pictures, canvas)
    broken = {**pictures, TileKey("p0"): Picture(np.zeros((0, 0), np.uint8), *pictures[TileKey("p0")].planes[1:])}
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever OpenCV makes of it
        compositor.draw(scene, broken, canvas)
    drawn = compositor.draw(scene, pictures, canvas)
    assert drawn.tiles_drawn == 2


def test_the_canvas_given_back_last_is_taken_first() -> None:
    pool = FramePool(CANVAS, 3)
    first, second = pool.take(), pool.take()
    assert first is not None
    assert second is not None
    pool.give(second)
    pool.give(first)
    assert pool.take() is first
