"""People on their way from one arrangement to the next."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixer.canvas import Canvas
from mixer.compositor import Compositor
from mixer.geometry import Box, Size
from mixer.layouts import LayoutSpec, Member, arrange
from mixer.layouts.spec import Preset
from mixer.scene import Scene, Tile, TileKey
from mixer.transition import Animator, Ease, between, eased
from tests.mixer.pictures import solid

CANVAS = Size(640, 360)
MS = 1_000_000
EASES: tuple[Ease, ...] = ("linear", "in", "out", "in_out")
PRESETS: tuple[Preset, ...] = ("grid", "speaker", "spotlight")


def scene(people: str, preset: Preset = "grid") -> Scene:
    return arrange(LayoutSpec(preset), [Member(TileKey(name), name) for name in people], CANVAS, None)


def boxes(drawn: Scene) -> dict[str, Box]:
    return {tile.key.participant: tile.box for tile in drawn.tiles}


def opacity(drawn: Scene, name: str) -> float:
    return next(tile.opacity for tile in drawn.tiles if tile.key.participant == name)


evens = st.integers(0, 160).map(lambda half: half * 2)
people = st.text("abcdefg", max_size=7).map(lambda text: "".join(sorted(set(text))))
steps = st.lists(st.tuples(people, st.sampled_from(PRESETS), st.integers(0, 300)), min_size=1, max_size=8)


@given(plays=steps, ms=st.sampled_from([0, 1, 100, 250]), ease=st.sampled_from(EASES))
@settings(max_examples=100, deadline=None)
def test_everybody_has_one_even_tile_inside_the_canvas_at_every_moment(
    plays: list[tuple[str, Preset, int]], ms: int, ease: Ease
) -> None:
    animator, now = Animator(ms, ease), 0
    for names, preset, pause_ms in plays:
        target = scene(names, preset)
        for _ in range(3):
            drawn = animator.step(target, now)
            keys = [tile.key for tile in drawn.tiles]
            assert len(keys) == len(set(keys))
            assert {tile.key for tile in target.tiles} <= set(keys)
            assert [tile.z for tile in drawn.tiles] == sorted(tile.z for tile in drawn.tiles)
            for tile in drawn.tiles:
                assert tile.box.even
                assert CANVAS.box.contains(tile.box)
                assert tile.box.width >= 2 <= tile.box.height
                assert 0 <= tile.opacity <= 1
            now += pause_ms * MS
        assert animator.step(target, now + ms * MS) is target
        assert not animator.moving


@given(plays=steps, ease=st.sampled_from(EASES))
@settings(max_examples=100, deadline=None)
def test_a_new_aim_starts_from_what_was_seen_last(plays: list[tuple[str, Preset, int]], ease: Ease) -> None:
    animator, now, seen = Animator(200, ease), 0, None
    for names, preset, pause_ms in plays:
        drawn = animator.step(scene(names, preset), now)
        if seen is not None:
            before, after = boxes(seen), boxes(drawn)
            assert set(before) <= set(after), "nobody vanishes at once"
            for name, box in before.items():
                assert after[name] == box
                assert opacity(drawn, name) == opacity(seen, name)
            assert all(opacity(drawn, name) == 0 for name in set(after) - set(before)), "nobody pops up"
        now += pause_ms * MS
        seen = animator.step(scene(names, preset), now)


def test_a_person_is_moved_and_not_a_place() -> None:
    animator = Animator(100, "linear")
    start, goal = scene("ab"), scene("ba")
    animator.step(start, 0)
    animator.step(goal, 0)
    half = boxes(animator.step(goal, 50 * MS))
    for name in "ab":
        first, last = boxes(start)[name], boxes(goal)[name]
        assert half[name].x == pytest.approx((first.x + last.x) / 2, abs=2)
        assert half[name].width == first.width


def test_who_joins_grows_out_of_their_place_and_fades_in() -> None:
    animator, goal = Animator(100, "linear"), scene("ab")
    animator.step(scene("a"), 0)
    animator.step(goal, 0)
    middle = animator.step(goal, 50 * MS)
    assert opacity(middle, "b") == pytest.approx(0.5)
    assert opacity(middle, "a") == 1
    place = boxes(goal)["b"]
    assert place.contains(boxes(middle)["b"])
    assert boxes(middle)["b"].area < place.area


def test_who_leaves_fades_out_below_the_others_and_is_gone() -> None:
    animator, goal = Animator(100, "linear"), scene("a")
    animator.step(scene("ab"), 0)
    animator.step(goal, 0)
    middle = animator.step(goal, 50 * MS)
    assert [tile.key.participant for tile in middle.tiles] == ["b", "a"]
    assert opacity(middle, "b") == pytest.approx(0.5)
    assert animator.step(goal, 100 * MS) is goal


def test_who_takes_the_place_of_another_covers_them_and_lets_nothing_shine_through() -> None:
    animator, goal = Animator(100, "linear"), scene("b", "spotlight")
    animator.step(scene("a", "spotlight"), 0)
    animator.step(goal, 0)
    below, above = animator.step(goal, 50 * MS).tiles
    assert [below.key.participant, above.key.participant] == ["a", "b"]
    assert below.opacity == 1
    assert above.opacity == pytest.approx(0.5)
    assert above.box == below.box == CANVAS.box


@pytest.mark.parametrize("preset", PRESETS)
def test_nothing_flickers_through_a_change_of_speaker(preset: Preset) -> None:
    """Bright people on a black wall: at no moment is the picture darker than it was before and will be after."""
    compositor, animator, canvas = Compositor(), Animator(100), Canvas(CANVAS)
    pictures = {TileKey(name): solid((180, 128, 128), 64, 36) for name in "ab"}
    before, after = (replace(scene(name, preset), background=0) for name in "ab")
    animator.step(before, 0)
    for ms in range(0, 110, 10):
        compositor.draw(animator.step(after, ms * MS), pictures, canvas)
        middle = canvas.picture.y[40:-70, 40:-40]
        assert middle.min() > 175


def test_who_comes_back_while_fading_is_brightened_from_there() -> None:
    animator, both = Animator(100, "linear"), scene("ab")
    animator.step(both, 0)
    animator.step(scene("a"), 0)
    animator.step(scene("a"), 60 * MS)
    back = animator.step(both, 60 * MS)
    assert opacity(back, "b") == pytest.approx(0.4)
    assert opacity(animator.step(both, 110 * MS), "b") == pytest.approx(0.7)


def test_facts_that_move_nobody_are_drawn_at_once() -> None:
    animator, still = Animator(100), scene("ab")
    assert animator.step(still, 0) is still
    louder = replace(still, tiles=tuple(replace(tile, border=1.0, muted=True) for tile in still.tiles))
    assert animator.step(louder, MS) is louder
    goal = scene("abc")
    animator.step(goal, 2 * MS)
    named = replace(goal, tiles=tuple(replace(tile, label="!") for tile in goal.tiles), banner="x")
    drawn = animator.step(named, 50 * MS)
    assert {tile.label for tile in drawn.tiles} == {"!"}
    assert drawn.banner == "x"


def test_who_keeps_their_place_does_not_stir_while_others_move() -> None:
    left, right = Tile(TileKey("a"), Box(0, 0, 300, 300)), Tile(TileKey("b"), Box(320, 0, 300, 300))
    animator = Animator(100)
    animator.step(Scene(CANVAS, (left, right)), 0)
    goal = Scene(CANVAS, (left, replace(right, box=Box(320, 40, 300, 300))))
    animator.step(goal, 0)
    assert animator.step(goal, 30 * MS).tiles[0] is left


@pytest.mark.parametrize("ms", [0, 250])
def test_the_first_scene_and_another_canvas_are_shown_at_once(ms: int) -> None:
    animator = Animator(ms)
    assert animator.step(first := scene("abc"), 0) is first
    larger = arrange(LayoutSpec("grid"), [Member(TileKey("a"), "a")], Size(1280, 720), None)
    assert animator.step(larger, 0) is larger
    if not ms:
        assert animator.step(again := replace(larger, tiles=()), 1) is again


def test_somebody_in_two_tiles_is_not_animated() -> None:
    animator = Animator(100)
    animator.step(scene("ab"), 0)
    twice = Scene(CANVAS, (Tile(TileKey("a"), Box(0, 0, 100, 100)), Tile(TileKey("a"), Box(200, 0, 100, 100))))
    assert animator.step(twice, 0) is twice


def test_a_clock_that_steps_back_does_not_throw_people_about() -> None:
    animator, goal = Animator(100), scene("ba")
    animator.step(scene("ab"), 1000 * MS)
    first = animator.step(goal, 1000 * MS)
    assert boxes(animator.step(goal, 0)) == boxes(first)


@pytest.mark.parametrize("ease", EASES)
def test_easing_goes_from_start_to_end_and_never_back(ease: Ease) -> None:
    way = [eased(step / 50, ease) for step in range(51)]
    assert way[0] == 0
    assert way[-1] == 1
    assert way == sorted(way)
    if ease != "linear":
        assert (way[10] < 0.2) == ease.startswith("in")
        assert (way[40] > 0.8) == ease.endswith("out")


@given(st.tuples(evens, evens, evens, evens), st.tuples(evens, evens, evens, evens), st.floats(0, 1))
@settings(max_examples=100, deadline=None)
def test_a_box_on_its_way_lies_between_both_ends(
    start: tuple[int, int, int, int], goal: tuple[int, int, int, int], part: float
) -> None:
    canvas = Size(1000, 1000)
    first, last = (Box(x, y, width + 2, height + 2) for x, y, width, height in (start, goal))
    moved = between(first, last, part, canvas)
    assert moved.even
    assert min(first.x, last.x) <= moved.x <= max(first.x, last.x)
    assert min(first.bottom, last.bottom) <= moved.bottom <= max(first.bottom, last.bottom)
    assert between(first, last, 0, canvas) == first
    assert between(first, last, 1, canvas) == last


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="ms"):
        Animator(-1)
    with pytest.raises(ValueError, match="bouncy"):
        Animator(100, "bouncy")  # type: ignore[arg-type]  # what a caller without types might pass
