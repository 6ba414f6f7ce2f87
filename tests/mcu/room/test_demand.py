"""What a tile asks of its source: enough to fill it, more at once, less only after a while."""

from hypothesis import given, settings
from hypothesis import strategies as st

from mcu.clock import NS_PER_MS, NS_PER_S
from mcu.room.demand import DOWN_HOLD_NS, LARGEST, Need, SteadyNeed, most, need_of, shape_of, wish
from mixer.geometry import Box, Size
from mixer.scaling import box_within, crop_to_cover
from mixer.scene import Fit, Tile, TileKey

CAMERA, SCREEN = TileKey("ada"), TileKey("ada", "screen")
WIDE, SQUARE = Size(16, 9), Size(1, 1)


def tile(width: int, height: int, fit: Fit = "cover", key: TileKey = CAMERA) -> Tile:
    return Tile(key, Box(0, 0, width, height), fit)


@given(
    box=st.tuples(st.integers(50, 640), st.integers(50, 360)).map(lambda sides: (sides[0] * 2, sides[1] * 2)),
    shape=st.sampled_from([Size(16, 9), Size(9, 16), Size(4, 3), Size(640, 480), Size(1, 1)]),
    fit=st.sampled_from(["cover", "contain"]),
)
@settings(max_examples=100, deadline=None)
def test_what_is_asked_for_fills_the_tile_and_is_no_larger_than_it_has_to_be(
    box: tuple[int, int], shape: Size, fit: Fit
) -> None:
    need = need_of(tile(*box, fit), shape, 25)
    sent, target = Size(need.width, need.height), Size(*box)
    assert sent.width % 2 == sent.height % 2 == 0
    if min(sent.width, sent.height) <= 92 or max(sent.width, sent.height) >= LARGEST.width:
        return
    if min(sent.width, sent.height) >= LARGEST.height:
        return
    if fit == "cover":
        shown = crop_to_cover(sent, target)
        assert shown.width >= target.width
        assert shown.height >= target.height
        assert min(shown.width - target.width, shown.height - target.height) <= 2
    else:
        shown = box_within(sent, target.box)
        assert abs(shown.width - sent.width) <= 2
        assert abs(shown.height - sent.height) <= 2


def test_a_portrait_camera_in_a_wide_tile_is_asked_for_what_the_tile_cuts_off_as_well() -> None:
    assert need_of(tile(320, 180), Size(360, 640), 25) == Need(320, 570, 25)
    assert need_of(tile(320, 180, "contain"), Size(360, 640), 25) == Need(102, 180, 25)


def test_tiny_and_huge_tiles_stay_within_what_encoders_like() -> None:
    assert need_of(tile(40, 22), WIDE, 25) == Need(160, 90, 25)
    assert need_of(tile(3840, 2160), WIDE, 60) == Need(1920, 1080, 30)
    assert need_of(tile(2000, 2000), SQUARE, 25) == Need(1080, 1080, 25)


def test_a_screen_is_asked_for_few_pictures() -> None:
    assert need_of(tile(1280, 720, "contain", SCREEN), WIDE, 25).fps == 15


def test_bits_follow_the_size() -> None:
    thumb, half, whole = (wish(Need(w, h, 25), "camera") for w, h in ((320, 180), (640, 360), (1280, 720)))
    assert (thumb.kbps, half.kbps, whole.kbps) == (212, 600, 1697)
    assert wish(Need(640, 360, 10), "camera").kbps < half.kbps < wish(Need(640, 360, 25), "screen").kbps


def test_what_a_sender_rounds_does_not_change_its_shape() -> None:
    """What is sent follows the wish, and the wish what is sent: that must come to rest."""
    shape, wishes = WIDE, []
    for rounding in (2, 4, 2, 4, 2, 4):
        need = need_of(tile(152, 86), shape, 25)
        wishes.append(need)
        shape = shape_of(shape, Size(need.width + rounding, need.height))
    assert set(wishes) == {Need(160, 90, 25)}
    assert shape_of(WIDE, Size(640, 480)) == Size(640, 480)
    assert shape_of(WIDE, Size(360, 640)) == Size(360, 640)


def test_the_larger_of_two_tiles_counts() -> None:
    assert most(Need(320, 180, 25), Need(160, 90, 30)) == Need(320, 180, 30)


LARGE, SMALL = Need(960, 540, 25), Need(320, 180, 25)


def test_more_is_asked_for_at_once() -> None:
    steady = SteadyNeed()
    assert steady.update(SMALL, 0) == SMALL
    assert steady.update(LARGE, 1) == LARGE


def test_less_is_asked_for_when_it_was_enough_for_the_whole_hold() -> None:
    steady = SteadyNeed()
    steady.update(LARGE, 0)
    assert steady.update(SMALL, 10) == LARGE
    assert steady.update(SMALL, 9 + DOWN_HOLD_NS) == LARGE
    assert steady.update(SMALL, 10 + DOWN_HOLD_NS) == SMALL


def test_after_the_hold_the_most_that_was_needed_meanwhile_is_asked_for() -> None:
    steady, middle = SteadyNeed(), Need(640, 360, 25)
    steady.update(LARGE, 0)
    steady.update(SMALL, 0)
    steady.update(middle, DOWN_HOLD_NS // 2)
    assert steady.update(SMALL, DOWN_HOLD_NS) == middle


def test_nothing_is_asked_for_when_nobody_saw_it_for_the_whole_hold_and_something_again_at_once() -> None:
    steady = SteadyNeed()
    steady.update(SMALL, 0)
    assert steady.update(None, 10) == SMALL
    assert steady.update(None, 10 + DOWN_HOLD_NS) is None
    assert steady.update(SMALL, 11 + DOWN_HOLD_NS) == SMALL


def test_a_speaker_who_comes_and_goes_on_the_stage_changes_nothing() -> None:
    steady, asked = SteadyNeed(), set()
    for second in range(60):
        asked.add(steady.update(LARGE if second % 2 == 0 else SMALL, second * NS_PER_S))
    assert asked == {LARGE}


def test_a_tile_that_trembles_changes_nothing() -> None:
    steady = SteadyNeed()
    needs = [need_of(tile(600 + step % 40, 340), WIDE, 25) for step in range(400)]
    asked = [steady.update(need, step * 100 * NS_PER_MS) for step, need in enumerate(needs)]
    assert len(set(asked[40:])) == 1
