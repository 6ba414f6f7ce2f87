"""What a view wears besides its people, read back from the canvas."""

from dataclasses import replace

import numpy as np
import pytest

from mixer.canvas import Canvas
from mixer.colour import Yuv, yuv
from mixer.compositor import Compositor
from mixer.decor import BARE, Corner, Decor, Logo
from mixer.geometry import Box, Size
from mixer.marks import HAND
from mixer.picture import Picture
from mixer.scene import Scene, Tile, TileKey
from tests.mixer.pictures import BLUE, GREEN, GREY, RED, inside, pixels, solid

CANVAS = Size(640, 360)
ANA, BEA = TileKey("ana"), TileKey("bea")


@pytest.fixture(scope="module")
def compositor() -> Compositor:
    return Compositor()


def drawn(
    compositor: Compositor, scene: Scene, pictures: dict[TileKey, Picture] | None = None, decor: Decor = BARE
) -> Canvas:
    canvas = Canvas(scene.canvas)
    compositor.draw(scene, pictures or {}, canvas, decor)
    return canvas


def halves(first: Yuv, second: Yuv, width: int, height: int) -> Picture:
    """One colour left, another right."""
    picture = solid(first, width, height)
    picture.y[:, width // 2 :], picture.u[:, width // 4 :], picture.v[:, width // 4 :] = second
    return picture


def whole(**facts: object) -> Scene:
    tile = replace(Tile(ANA, CANVAS.box), **facts)  # type: ignore[arg-type]  # the facts are a test's own
    return Scene(CANVAS, (tile,))


@pytest.mark.parametrize(("across", "colour"), [(0.0, RED), (1.0, BLUE)])
def test_a_crop_keeps_the_side_it_is_told_to(
    compositor: Compositor, across: float, colour: tuple[int, int, int]
) -> None:
    scene = Scene(CANVAS, (Tile(ANA, Box(0, 0, 200, 200), align=(across, 0.5)),))
    canvas = drawn(compositor, scene, {ANA: halves(RED, BLUE, 800, 400)})
    assert pixels(canvas, Box(0, 0, 200, 200)) == {colour}


@pytest.mark.parametrize(("down", "y"), [(0.0, 0), (0.5, 80), (1.0, 160)])
def test_a_letterboxed_picture_lies_where_it_is_told_to(compositor: Compositor, down: float, y: int) -> None:
    canvas = drawn(compositor, whole(fit="contain", align=(0.5, down)), {ANA: solid(RED, 640, 200)})
    assert pixels(canvas, Box(0, y, 640, 200)) == {RED}
    assert RED not in pixels(canvas, Box(0, 0, 640, y) if y else Box(0, 200, 640, 160))


@pytest.mark.parametrize("opacity", [0.25, 0.5, 0.75])
def test_through_a_faint_tile_one_sees_what_lies_below(compositor: Compositor, opacity: float) -> None:
    scene = Scene(CANVAS, (Tile(ANA, CANVAS.box), Tile(BEA, Box(100, 100, 200, 100), opacity=opacity)))
    canvas = drawn(compositor, scene, {ANA: solid(RED, 640, 360), BEA: solid(BLUE, 200, 100)})
    (shown,) = pixels(canvas, inside(Box(100, 100, 200, 100), 6))
    for value, above, below in zip(shown, BLUE, RED, strict=True):
        assert value == pytest.approx(above * opacity + below * (1 - opacity), abs=1)
    assert pixels(canvas, Box(0, 0, 640, 100)) == {RED}


def test_a_tile_without_opacity_is_not_there(compositor: Compositor) -> None:
    seen = Tile(ANA, CANVAS.box)
    unseen = Tile(BEA, Box(100, 100, 200, 100), label="Bea", muted=True, border=1.0, opacity=0.0)
    pictures = {ANA: solid(RED, 640, 360), BEA: solid(BLUE, 200, 100)}
    assert pixels(drawn(compositor, Scene(CANVAS, (seen, unseen)), pictures), CANVAS.box) == {RED}


@pytest.mark.parametrize("radius", [0, 20, 60])
def test_corners_are_as_round_as_the_scene_says(compositor: Compositor, radius: int) -> None:
    scene = replace(Scene(CANVAS, (Tile(ANA, Box(100, 100, 200, 150)),)), corner_radius_px=radius)
    luma = drawn(compositor, scene, {ANA: solid(RED, 200, 150)}).picture.y
    cut = radius - radius / 2**0.5
    place = round(cut)
    if place > 1:
        assert luma[100 + place - 3, 100 + place - 3] == yuv(scene.background)[0]
    assert luma[100 + place + 2, 100 + place + 2] == RED[0]
    assert luma[100, 100 + radius] == RED[0]
    with pytest.raises(ValueError, match="radius"):
        drawn(compositor, replace(scene, corner_radius_px=-2))


def test_a_background_picture_fills_gaps_bars_and_round_corners(compositor: Compositor) -> None:
    box = Box(100, 40, 400, 280)
    scene = Scene(CANVAS, (Tile(ANA, box, fit="contain"),))
    decor = Decor(background=halves(GREEN, BLUE, 1280, 720))
    canvas = drawn(compositor, scene, {ANA: solid(RED, 400, 200)}, decor)
    assert pixels(canvas, Box(0, 0, 316, 40)) == pixels(canvas, Box(0, 0, 100, 360)) == {GREEN}
    assert pixels(canvas, Box(324, 320, 316, 40)) == pixels(canvas, Box(500, 0, 140, 360)) == {BLUE}
    assert pixels(canvas, Box(100, 42, 216, 30)) == {GREEN}, "the bar"
    assert pixels(canvas, Box(140, 80, 320, 200)) == {RED}
    rounded = drawn(compositor, replace(scene, tiles=(Tile(ANA, box),)), {ANA: solid(RED, 400, 280)}, decor)
    assert abs(int(rounded.picture.y[40, 100]) - GREEN[0]) < 8
    assert abs(int(rounded.picture.y[40, 499]) - BLUE[0]) < 8


@pytest.mark.parametrize("corner", ["top_left", "top_right", "bottom_left", "bottom_right"])
def test_a_logo_lies_in_its_corner_over_everybody(compositor: Compositor, corner: Corner) -> None:
    image = np.zeros((40, 80, 4), np.uint8)
    image[:, 40:] = (0, 0, 255, 255)
    canvas = drawn(compositor, whole(), {ANA: solid(GREY, 640, 360)}, Decor(logo=Logo(image, corner, 0.25)))
    plain = drawn(compositor, whole(), {ANA: solid(GREY, 640, 360)})
    rows, columns = np.nonzero(canvas.picture.y != plain.picture.y)
    assert columns.max() - columns.min() == pytest.approx(80, abs=3), "the clear half lets the picture through"
    assert rows.max() - rows.min() == pytest.approx(80, abs=3)
    assert (rows.min() < 180) == corner.startswith("top")
    assert (columns.min() < 320) == corner.endswith("left")
    shown = pixels(canvas, Box(int(columns.min()) // 2 * 2 + 20, int(rows.min()) // 2 * 2 + 20, 40, 40))
    assert shown == {yuv(0xFF0000)}


@pytest.mark.parametrize("size", [(1, 1), (3, 900), (900, 3), (64, 64)])
@pytest.mark.parametrize("canvas", [Size(16, 16), Size(320, 180), Size(180, 320)])
def test_logos_of_any_shape_fit_any_canvas(compositor: Compositor, size: tuple[int, int], canvas: Size) -> None:
    logo = Logo(np.full((size[1], size[0], 4), 255, np.uint8), "bottom_left", 1.0)
    shown = drawn(compositor, Scene(canvas), decor=Decor(logo=logo))
    assert (shown.picture.y > 200).any()


def test_an_image_that_is_no_logo_is_refused() -> None:
    for image in (np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 4), np.float32), np.zeros((0, 4, 4), np.uint8)):
        with pytest.raises(ValueError, match="BGRA"):
            Logo(image)  # type: ignore[arg-type]  # what a caller without types might pass
    with pytest.raises(ValueError, match="width"):
        Logo(np.zeros((4, 4, 4), np.uint8), width=0)


@pytest.mark.parametrize("canvas", [Size(320, 180), Size(640, 360), Size(1280, 720), Size(180, 320)])
def test_banner_and_countdown_can_be_read_over_any_picture(compositor: Compositor, canvas: Size) -> None:
    for colour in ((235, 128, 128), (16, 128, 128)):
        scene = Scene(canvas, (Tile(ANA, canvas.box),), banner="회의 Break", countdown="4:59")
        luma = drawn(compositor, scene, {ANA: solid(colour, 64, 36)}).picture.y
        bare = drawn(compositor, replace(scene, banner=None, countdown=None), {ANA: solid(colour, 64, 36)}).picture.y
        rows, columns = np.nonzero(luma != bare)
        assert rows.max() < canvas.height // 2
        assert abs((columns.min() + columns.max()) / 2 - canvas.width / 2) < 4, "in the middle"
        changed = luma[rows.min() : rows.max(), columns.min() : columns.max()]
        letters = changed[changed > 200]
        plate = np.percentile(changed[changed < 120], 90)
        assert letters.size > 60
        assert contrast(235, float(plate)) > 4.5, "WCAG 2, 1.4.3"


def contrast(light: float, dark: float) -> float:
    """The ratio of WCAG 2 of two greys given as limited-range luma."""
    first, second = (max(0.0, value - 16) / 219 for value in (light, dark))
    return float((first**2.2 + 0.05) / (second**2.2 + 0.05))


def test_text_that_is_too_long_for_the_canvas_is_shortened_and_nonsense_left_out(compositor: Compositor) -> None:
    empty = drawn(compositor, Scene(CANVAS)).buffer.tobytes()
    assert drawn(compositor, Scene(CANVAS, banner="W" * 999)).buffer.tobytes() != empty
    assert drawn(compositor, Scene(CANVAS, banner=" \u200b\n", countdown="")).buffer.tobytes() == empty


@pytest.mark.parametrize("box", [CANVAS.box, Box(40, 40, 320, 180), Box(10, 10, 160, 90)])
def test_a_raised_hand_is_seen_in_the_right_top_corner(compositor: Compositor, box: Box) -> None:
    picture = {ANA: solid(GREY, 640, 360)}
    shown, bare = (drawn(compositor, Scene(CANVAS, (Tile(ANA, box, hand=hand),)), picture) for hand in (True, False))
    rows, columns = np.nonzero(shown.picture.y != bare.picture.y)
    assert columns.min() > box.x + box.width * 0.7
    assert rows.max() < box.y + box.height * 0.45
    corner = Box(int(columns.min()) // 2 * 2, int(rows.min()) // 2 * 2, 24, 24)
    assert HAND in pixels(shown, corner)
    assert (shown.picture.y[corner.y : corner.bottom, corner.x : corner.right] < 60).any(), "the hand on its disc"


def test_somebodys_own_image_stands_in_for_their_initials(compositor: Compositor) -> None:
    decor = Decor(avatars={"ana": halves(RED, BLUE, 300, 200)})
    canvas = drawn(compositor, whole(name="Ana Souza", live=False), {}, decor)
    assert pixels(canvas, Box(260, 160, 50, 40)) == {RED}
    assert pixels(canvas, Box(330, 160, 50, 40)) == {BLUE}
    assert RED not in pixels(canvas, Box(0, 0, 220, 360)), "a disc in the middle"
    other = drawn(compositor, whole(key=BEA, name="Ana Souza", live=False), {}, decor)
    assert RED not in pixels(other, CANVAS.box)
