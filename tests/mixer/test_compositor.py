"""What a viewer sees of a scene, read back from the canvas."""

from dataclasses import replace

import numpy as np
import pytest

from mixer.canvas import Canvas
from mixer.colour import Yuv, personal, yuv
from mixer.compositor import Compositor
from mixer.edges import SPEAKER
from mixer.geometry import Box, Size
from mixer.layouts import LayoutSpec, Member, arrange
from mixer.picture import Picture
from mixer.scene import Scene, Tile, TileKey
from tests.mixer.pictures import BLUE, GREEN, GREY, RED, inside, pixels, solid

CANVAS = Size(640, 360)
BACKGROUND = 0x204060
COLOURS = RED, GREEN, BLUE


@pytest.fixture(scope="module")
def compositor() -> Compositor:
    return Compositor()


def colour(number: int) -> Yuv:
    return 60 + number * 10, 70 + number * 11, 200 - number * 9


def drawn(
    compositor: Compositor, scene: Scene, pictures: dict[TileKey, Picture], canvas: Canvas | None = None
) -> Canvas:
    canvas = canvas or Canvas(scene.canvas)
    compositor.draw(scene, pictures, canvas)
    return canvas


def one_tile(box: Box = CANVAS.box, **facts: object) -> Scene:
    tile = replace(Tile(TileKey("ana"), box), **facts)  # type: ignore[arg-type]  # the facts are a test's own
    return Scene(CANVAS, (tile,), BACKGROUND)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 9, 16])
@pytest.mark.parametrize("gap", [0, 8])
@pytest.mark.parametrize("source", [(640, 360), (1281, 719), (97, 211), (1, 1)])
def test_each_tile_shows_its_own_sender_to_its_last_pixel(
    compositor: Compositor, count: int, gap: int, source: tuple[int, int]
) -> None:
    members = [Member(TileKey(f"p{number}")) for number in range(count)]
    pictures = {member.key: solid(colour(number), *source) for number, member in enumerate(members)}
    scene = arrange(LayoutSpec(gap=gap, labels=False, background=BACKGROUND), members, CANVAS, None)
    canvas = drawn(compositor, scene, pictures)

    for number, tile in enumerate(scene.tiles):
        box, corner = tile.box, 8 if gap else 0
        assert pixels(canvas, Box(box.x + corner, box.y, box.width - 2 * corner, box.height)) == {colour(number)}
        assert pixels(canvas, Box(box.x, box.y + corner, box.width, box.height - 2 * corner)) == {colour(number)}
    free = np.ones((CANVAS.height, CANVAS.width), bool)
    for tile in scene.tiles:
        free[tile.box.y : tile.box.bottom, tile.box.x : tile.box.right] = False
    assert set(canvas.picture.y[free].tolist()) <= {yuv(BACKGROUND)[0]}
    assert set(canvas.picture.u[free[::2, ::2]].tolist()) <= {yuv(BACKGROUND)[1]}


def test_cover_shows_the_middle_and_nothing_of_what_it_crops(compositor: Compositor) -> None:
    picture = solid(RED, 400, 1000)
    picture.y[400:600], picture.u[200:300], picture.v[200:300] = GREEN
    canvas = drawn(compositor, one_tile(Box(0, 0, 400, 200)), {TileKey("ana"): picture})
    assert pixels(canvas, Box(0, 0, 400, 200)) == {GREEN}


def test_contain_shows_all_of_it_between_bars(compositor: Compositor) -> None:
    scene = one_tile(Box(20, 20, 600, 300), fit="contain")
    canvas = drawn(compositor, scene, {TileKey("ana"): solid(RED, 300, 300)})
    assert pixels(canvas, Box(170, 20, 300, 300)) == {RED}
    assert pixels(canvas, Box(20, 20, 150, 300)) == pixels(canvas, Box(470, 20, 150, 300)) == {yuv(BACKGROUND)}


def test_bars_do_not_keep_what_an_earlier_picture_left(compositor: Compositor) -> None:
    scene = one_tile(Box(20, 20, 600, 300), fit="contain")
    canvas = drawn(compositor, scene, {TileKey("ana"): solid(BLUE, 600, 300)})
    drawn(compositor, scene, {TileKey("ana"): solid(RED, 300, 300)}, canvas)
    assert pixels(canvas, Box(20, 20, 150, 300)) == {yuv(BACKGROUND)}
    drawn(compositor, scene, {TileKey("ana"): solid(GREEN, 600, 100)}, canvas)
    assert pixels(canvas, Box(20, 20, 600, 100)) == pixels(canvas, Box(20, 220, 600, 100)) == {yuv(BACKGROUND)}


def test_a_used_canvas_comes_out_like_a_fresh_one() -> None:
    """Layouts of all kinds, one after the other, on a pool of two canvases and on fresh ones."""
    compositor, pool = Compositor(), [Canvas(CANVAS), Canvas(CANVAS)]
    members = [Member(TileKey(f"p{number}"), f"P {number}", muted=number == 1) for number in range(7)]
    pictures = {member.key: solid(colour(number), 320, 180) for number, member in enumerate(members[:5])}
    specs = [
        (LayoutSpec("grid"), members),
        (LayoutSpec("grid"), members[:3]),
        (LayoutSpec("grid"), members[:3]),
        (LayoutSpec("speaker", background=0x400000), members),
        (LayoutSpec("grid", gap=0), members[:4]),
        (LayoutSpec("spotlight"), members),
        (LayoutSpec("grid", fit="contain", gap=30), members[:2]),
        (LayoutSpec("grid"), []),
        (LayoutSpec("grid"), members),
    ]
    for number, (spec, present) in enumerate(specs * 2):
        scene = arrange(spec, present, CANVAS, "p2")
        used = drawn(compositor, scene, pictures, pool[number % 2])
        assert np.array_equal(used.buffer, drawn(Compositor(), scene, pictures).buffer)


def test_a_canvas_filled_by_others_is_painted_again(compositor: Compositor) -> None:
    scene = one_tile(Box(100, 100, 200, 100))
    canvas = drawn(compositor, scene, {})
    canvas.fill(GREEN)
    drawn(compositor, scene, {}, canvas)
    assert pixels(canvas, Box(0, 0, 640, 90)) == {yuv(BACKGROUND)}


@pytest.mark.parametrize("live", [True, False])
def test_without_a_picture_or_with_the_camera_off_the_avatar_stands_in(compositor: Compositor, live: bool) -> None:
    scene = one_tile(name="Ana Souza", live=live)
    pictures = {} if live else {TileKey("ana"): solid(RED, 64, 36)}
    canvas = drawn(compositor, scene, pictures)
    shown = pixels(canvas, CANVAS.box)
    assert RED not in shown
    assert yuv(personal("ana")) in shown, "the disc in the person's colour"
    assert any(y > 225 and abs(u - 128) < 3 and abs(v - 128) < 3 for y, u, v in shown), "white letters"


def test_avatars_differ_by_person_and_by_name_and_stay_the_same(compositor: Compositor) -> None:
    def avatar(participant: str, name: str) -> bytes:
        scene = Scene(CANVAS, (Tile(TileKey(participant), CANVAS.box, name=name, live=False),))
        return drawn(compositor, scene, {}).buffer.tobytes()

    assert avatar("ana", "Ana Souza") == avatar("ana", "Andreas Schmid")
    assert avatar("ana", "Ana Souza") != avatar("ana", "Bea Souza")
    assert avatar("ana", "Ana Souza") != avatar("bob", "Ana Souza")
    assert avatar("ana", "김민수") != avatar("ana", "이민수") != avatar("ana", "😀")


def test_an_overlapping_tile_hides_what_lies_below_it(compositor: Compositor) -> None:
    below = Tile(TileKey("a"), CANVAS.box)
    above = Tile(TileKey("b"), Box(400, 200, 200, 120), z=1)
    canvas = drawn(
        compositor,
        Scene(CANVAS, (below, above)),
        {TileKey("a"): solid(RED, 640, 360), TileKey("b"): solid(BLUE, 200, 120)},
    )
    assert pixels(canvas, inside(above.box, 4)) == {BLUE}
    assert abs(int(canvas.picture.y[200, 400]) - RED[0]) < 8, "round corners, through which one sees who is below"
    assert pixels(canvas, Box(0, 0, 400, 360)) == {RED}


def test_free_standing_tiles_have_round_corners(compositor: Compositor) -> None:
    box = Box(40, 40, 400, 200)
    canvas = drawn(compositor, one_tile(box), {TileKey("ana"): solid(RED, 400, 200)})
    for x in (box.x, box.right - 1):
        for y in (box.y, box.bottom - 1):
            assert int(canvas.picture.y[y, x]) == pytest.approx(yuv(BACKGROUND)[0], abs=8)
    assert pixels(canvas, inside(box, 4)) == {RED}


@pytest.mark.parametrize("box", [Box(40, 40, 400, 200), CANVAS.box])
def test_the_speaker_border_runs_along_all_four_edges(compositor: Compositor, box: Box) -> None:
    picture = {TileKey("ana"): solid(RED, 400, 200)}
    canvas = drawn(compositor, one_tile(box, border=1.0), picture)
    for edge in (
        Box(box.x + 20, box.y, box.width - 40, 2),
        Box(box.x + 20, box.bottom - 2, box.width - 40, 2),
        Box(box.x, box.y + 20, 2, box.height - 40),
        Box(box.right - 2, box.y + 20, 2, box.height - 40),
    ):
        assert pixels(canvas, edge) == {SPEAKER}
    assert pixels(canvas, inside(box, 6)) == {RED}
    assert np.array_equal(
        drawn(compositor, one_tile(box, border=0.0), picture).buffer, drawn(compositor, one_tile(box), picture).buffer
    )


def test_a_fading_border_lies_between_the_picture_and_its_colour(compositor: Compositor) -> None:
    picture = {TileKey("ana"): solid(RED, 400, 200)}
    canvas = drawn(compositor, one_tile(Box(40, 40, 400, 200), border=0.5), picture)
    middle = tuple((a + b) // 2 for a, b in zip(RED, SPEAKER, strict=True))
    assert int(canvas.picture.y[41, 200]) == pytest.approx(middle[0], abs=2)
    assert int(canvas.picture.v[20, 100]) == pytest.approx(middle[2], abs=2)


@pytest.mark.parametrize("box", [CANVAS.box, Box(20, 20, 320, 180)])
@pytest.mark.parametrize("name", ["Ana", "김민수", "山田", "Дмитрий", "محمد", "שלום"])
def test_a_name_is_light_on_a_dark_plate_at_the_left_bottom(compositor: Compositor, box: Box, name: str) -> None:
    picture = {TileKey("ana"): solid(GREY, 640, 360)}
    canvas = drawn(compositor, one_tile(box, label=name), picture)
    foot = canvas.picture.y[box.bottom - 34 : box.bottom, box.x : box.x + 120]
    assert (foot > 200).sum() > 30, "letters"
    assert (foot < 80).sum() > 200, "the plate"
    bare = drawn(compositor, one_tile(box), picture).picture.y
    changed = np.argwhere(canvas.picture.y != bare)
    assert changed[:, 0].min() > box.bottom - 60
    assert changed[:, 1].max() < box.x + box.width // 2


def test_every_name_looks_different(compositor: Compositor) -> None:
    picture = {TileKey("ana"): solid(GREY, 640, 360)}
    labels = "", "Ana", "Anna", "김민수", "김민주", "محمد"
    shown = {drawn(compositor, one_tile(label=label), picture).buffer.tobytes() for label in labels}
    assert len(shown) == len(labels)


def test_a_closed_microphone_is_marked_in_red_with_and_without_a_name(compositor: Compositor) -> None:
    picture = {TileKey("ana"): solid(GREY, 640, 360)}
    for label in ("Ana", None):
        open_, closed = (drawn(compositor, one_tile(label=label, muted=muted), picture) for muted in (False, True))
        assert open_.picture.v.max() <= 130
        assert (closed.picture.v[160:, :60] > 145).sum() > 5


def test_a_name_too_long_stays_inside_its_tile(compositor: Compositor) -> None:
    box = Box(100, 100, 160, 90)
    scene = one_tile(box, label="W" * 500, muted=True)
    bare = one_tile(box)
    picture = {TileKey("ana"): solid(GREY, 160, 90)}
    changed = np.argwhere(drawn(compositor, scene, picture).picture.y != drawn(compositor, bare, picture).picture.y)
    assert changed.size
    assert changed[:, 1].max() < box.right
    assert changed[:, 1].min() >= box.x


def test_the_label_of_a_letterboxed_picture_hides_nothing_of_it(compositor: Compositor) -> None:
    scene = one_tile(Box(0, 0, 640, 360), fit="contain", label="Ana")
    canvas = drawn(compositor, scene, {TileKey("ana"): solid(RED, 640, 200)})
    assert pixels(canvas, Box(0, 80, 640, 200)) == {RED}
    assert (canvas.picture.y[280:] > 200).any()


def test_who_reconnects_is_seen_through_a_veil(compositor: Compositor) -> None:
    picture = {TileKey("ana"): solid((200, 90, 160), 640, 360)}
    canvas = drawn(compositor, one_tile(reconnecting=True), picture)
    assert 40 < int(canvas.picture.y[20, 20]) < 110
    assert canvas.picture.y[160:200, 280:360].max() > 180, "the mark in the middle"


@pytest.mark.parametrize("side", [2, 4, 10, 30])
def test_tiny_tiles_are_drawn_with_everything_on(compositor: Compositor, side: int) -> None:
    box = Box(100, 100, side, side)
    for live in (True, False):
        scene = one_tile(box, label="Ana", muted=True, reconnecting=True, border=1.0, live=live)
        canvas = drawn(compositor, scene, {TileKey("ana"): solid(RED, 7, 5)})
        outside = canvas.picture.y.copy()
        outside[box.y : box.bottom, box.x : box.right] = yuv(BACKGROUND)[0]
        assert set(outside.ravel().tolist()) == {yuv(BACKGROUND)[0]}


def test_a_scene_that_does_not_fit_its_canvas_is_refused(compositor: Compositor) -> None:
    with pytest.raises(ValueError, match="canvas"):
        compositor.draw(one_tile(), {}, Canvas(Size(320, 180)))
    for box in (Box(0, 0, 641, 100), Box(0, 300, 100, 100), Box(1, 0, 20, 20), Box(-2, 0, 20, 20)):
        with pytest.raises(ValueError, match="evenly"):
            compositor.draw(one_tile(box), {}, Canvas(CANVAS))
