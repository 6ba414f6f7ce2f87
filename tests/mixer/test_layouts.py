"""Where people stand: on every canvas, in every preset, whoever comes and goes."""

from itertools import combinations
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixer.geometry import Box, Size
from mixer.layouts import LayoutSpec, Member, Preset, arrange
from mixer.layouts.grid import grid
from mixer.scene import TileKey
from tests.mixer.people import box_of, ids, people

LANDSCAPE = Size(1280, 720)
PRESETS = get_args(Preset)

sizes = st.builds(
    lambda width, height: Size(width * 2, height * 2), st.integers(60, 960), st.integers(60, 960)
) | st.sampled_from([Size(1280, 720), Size(720, 1280), Size(720, 720), Size(320, 180), Size(1920, 1080)])
specs = st.builds(
    LayoutSpec,
    preset=st.sampled_from(PRESETS),
    fit=st.sampled_from(["cover", "contain"]),
    gap=st.integers(0, 64),
    max_tiles=st.integers(1, 49),
    on_screen_share=st.sampled_from([None, *PRESETS]),
    pinned=st.sampled_from([None, "p0", "p3", "p7"]),
)


@given(spec=specs, canvas=sizes, count=st.integers(0, 49), sharing=st.sets(st.integers(0, 5), max_size=2))
@settings(max_examples=100, deadline=None)
def test_tiles_are_inside_disjoint_and_even(spec: LayoutSpec, canvas: Size, count: int, sharing: set[int]) -> None:
    members = people(count, *sharing)
    scene = arrange(spec, members, canvas, "p1", 7)

    boxes = [tile.box for tile in scene.tiles]
    assert all(canvas.box.contains(box) and box.even and box.width >= 2 and box.height >= 2 for box in boxes)
    assert not any(a.z == b.z and a.box.overlaps(b.box) for a, b in combinations(scene.tiles, 2))
    assert [tile.z for tile in scene.tiles] == sorted(tile.z for tile in scene.tiles)
    assert len({tile.key for tile in scene.tiles}) == len(boxes) <= spec.max_tiles
    assert {tile.key for tile in scene.tiles} <= {member.key for member in members}
    assert bool(boxes) == bool(members)
    assert (scene.canvas, scene.layout_seq, scene.background) == (canvas, 7, spec.background)


@given(
    spec=specs,
    canvas=sizes,
    count=st.integers(2, 25),
    leaver=st.integers(0, 24),
    dominant=st.sampled_from([None, "p0", "p2", "p9"]),
)
@settings(max_examples=100, deadline=None)
def test_a_leave_does_not_reorder_the_others(
    spec: LayoutSpec, canvas: Size, count: int, leaver: int, dominant: str | None
) -> None:
    members = people(count)
    del members[leaver % count]

    before = ids(arrange(spec, people(count), canvas, dominant))
    after = ids(arrange(spec, members, canvas, dominant))

    everybody_alike = spec.preset in ("grid", "strip")
    both = set(before) & set(after) if everybody_alike else set(before[1:]) & set(after[1:])
    assert [one for one in before if one in both] == [one for one in after if one in both]
    if everybody_alike:
        assert after == sorted(after, key=lambda participant: int(participant[1:]))


def largest_by_brute_force(area: Box, count: int, gap: int) -> float:
    """The width of the largest 16:9 tile, in fractions of a pixel, over all rows × columns that hold ``count``."""
    best = 0.0
    for columns in range(1, count + 1):
        for rows in range(1, count + 1):
            if columns * rows >= count:
                width = (area.width - (columns - 1) * gap) / columns
                height = (area.height - (rows - 1) * gap) / rows
                best = max(best, min(width, height * 16 / 9))
    return best


@given(canvas=sizes, count=st.integers(1, 49), gap=st.sampled_from([0, 2, 8, 12]))
@settings(max_examples=100, deadline=None)
def test_no_other_rows_and_columns_make_larger_tiles(canvas: Size, count: int, gap: int) -> None:
    best = largest_by_brute_force(canvas.box, count, gap)
    boxes = grid(canvas.box, count, gap)
    if best >= 8:
        assert {(box.width, box.height) for box in boxes} == {(boxes[0].width, boxes[0].height)}
        assert boxes[0].width > best - 4, "even sides cost less than two pixels in each direction"
        assert abs(boxes[0].height - boxes[0].width * 9 / 16) <= 2


@given(canvas=sizes, count=st.integers(1, 49), gap=st.sampled_from([0, 8]))
@settings(max_examples=100, deadline=None)
def test_every_row_is_centred_and_reads_from_left_to_right(canvas: Size, count: int, gap: int) -> None:
    boxes = grid(canvas.box, count, gap)
    assert boxes == sorted(boxes, key=lambda box: (box.y, box.x))
    for y in {box.y for box in boxes}:
        row = [box for box in boxes if box.y == y]
        assert abs(row[0].x - (canvas.width - row[-1].right)) <= 3
    assert abs(boxes[0].y - (canvas.height - boxes[-1].bottom)) <= 3


def test_nine_people_stand_in_three_rows() -> None:
    scene = arrange(LayoutSpec(), people(9), LANDSCAPE, None)
    assert len({tile.box.y for tile in scene.tiles}) == len({tile.box.x for tile in scene.tiles}) == 3


def test_the_last_row_is_centred() -> None:
    boxes = [tile.box for tile in arrange(LayoutSpec(), people(5), LANDSCAPE, None).tiles]
    assert [box.y == boxes[0].y for box in boxes] == [True, True, True, False, False]
    assert boxes[3].x - boxes[0].x == pytest.approx((boxes[1].x - boxes[0].x) / 2, abs=2)


def test_tiles_keep_the_gap_between_them() -> None:
    boxes = [tile.box for tile in arrange(LayoutSpec(gap=20), people(4), LANDSCAPE, None).tiles]
    assert boxes[1].x - boxes[0].right == 20
    assert boxes[2].y - boxes[0].bottom == 20
    assert min(box.y for box in boxes) >= 20


def test_one_person_fills_the_canvas_but_for_a_margin() -> None:
    assert arrange(LayoutSpec(gap=10), people(1), LANDSCAPE, None).tiles[0].box == Box(10, 10, 1260, 700)


def test_on_an_upright_canvas_two_people_stand_one_above_the_other() -> None:
    upper, lower = (tile.box for tile in arrange(LayoutSpec(), people(2), Size(720, 1280), None).tiles)
    assert upper.x == lower.x
    assert upper.bottom < lower.y


def test_the_dominant_speaker_gets_the_stage() -> None:
    scene = arrange(LayoutSpec("speaker"), people(6), LANDSCAPE, "p3")
    stage, *strip = scene.tiles
    assert stage.key.participant == "p3"
    assert all(stage.box.area > 8 * small.box.area for small in strip)
    assert all(stage.box.bottom < small.box.y for small in strip)
    assert [small.key.participant for small in strip] == ["p0", "p1", "p2", "p4", "p5"]


def test_a_pin_beats_a_screen_and_a_screen_beats_the_dominant_speaker() -> None:
    spec = LayoutSpec("speaker", on_screen_share=None)
    screens = arrange(spec, people(4, 2), LANDSCAPE, "p3")
    assert screens.tiles[0].key == TileKey("p2", "screen")
    pinned = arrange(LayoutSpec("speaker", on_screen_share=None, pinned="p1"), people(4, 2), LANDSCAPE, "p3")
    assert pinned.tiles[0].key == TileKey("p1")


def test_the_pin_of_somebody_who_left_is_of_no_effect() -> None:
    spec = LayoutSpec("spotlight", pinned="gone")
    assert ids(arrange(spec, people(3), LANDSCAPE, "p2")) == ["p2"]


def test_spotlight_is_one_tile_on_the_whole_canvas_without_a_border() -> None:
    members = [Member(TileKey("p0"), speaking=1.0)]
    (tile,) = arrange(LayoutSpec("spotlight"), members, LANDSCAPE, "p0").tiles
    assert tile.box == LANDSCAPE.box
    assert tile.border == 0


def test_a_shared_screen_turns_a_grid_into_a_presentation_and_back() -> None:
    shared = arrange(LayoutSpec(), people(4, 0), LANDSCAPE, None)
    screen = shared.tiles[0]
    assert screen.key == TileKey("p0", "screen")
    assert screen.fit == "contain"
    cameras = [tile for tile in shared.tiles if tile.key.source == "camera"]
    assert all(tile.box.x > screen.box.right and tile.fit == "cover" for tile in cameras)
    assert [tile.key.participant for tile in cameras] == ["p0", "p1", "p2", "p3"]

    assert len({tile.box.area for tile in arrange(LayoutSpec(), people(4), LANDSCAPE, None).tiles}) == 1


def test_on_an_upright_canvas_the_cameras_stand_below_the_screen() -> None:
    scene = arrange(LayoutSpec(), people(4, 0), Size(720, 1280), None)
    screen = box_of(scene, "p0", "screen")
    assert screen.width > 650
    assert all(tile.box.y >= screen.bottom for tile in scene.tiles[1:])


def test_a_view_may_ignore_shared_screens() -> None:
    scene = arrange(LayoutSpec(on_screen_share=None), people(3, 0), LANDSCAPE, None)
    assert len({tile.box.area for tile in scene.tiles}) == 1


def test_a_presentation_without_a_screen_is_a_speaker_layout() -> None:
    members = people(5)
    speaker = arrange(LayoutSpec("speaker"), members, LANDSCAPE, "p2")
    assert arrange(LayoutSpec("presentation"), members, LANDSCAPE, "p2") == speaker


def test_when_not_all_fit_the_one_unheard_for_longest_makes_room() -> None:
    spec = LayoutSpec(max_tiles=4)
    members = [
        Member(TileKey(f"p{number}"), last_spoke_ns=spoke) for number, spoke in enumerate([50, 10, 40, 30, 0, 0])
    ]
    assert ids(arrange(spec, members, LANDSCAPE, None)) == ["p0", "p1", "p2", "p3"]
    assert ids(arrange(spec, members, LANDSCAPE, "p5")) == ["p0", "p2", "p3", "p5"]
    members[4] = Member(TileKey("p4"), last_spoke_ns=60)
    assert ids(arrange(spec, members, LANDSCAPE, None)) == ["p0", "p2", "p3", "p4"]


def test_pins_and_screens_are_never_hidden() -> None:
    members = [Member(TileKey(f"p{number}"), last_spoke_ns=100 - number) for number in range(8)]
    members.append(Member(TileKey("p7", "screen")))
    scene = arrange(LayoutSpec(max_tiles=3, pinned="p6", on_screen_share=None), members, LANDSCAPE, "p5")
    assert [(tile.key.participant, tile.key.source) for tile in scene.tiles] == [
        ("p5", "camera"),
        ("p6", "camera"),
        ("p7", "screen"),
    ]


def test_facts_about_people_reach_their_tiles() -> None:
    member = Member(TileKey("a"), "Ana", live=False, muted=True, reconnecting=True, speaking=1.7)
    tile = arrange(LayoutSpec(), [member], LANDSCAPE, None).tiles[0]
    assert (tile.name, tile.label, tile.live, tile.muted, tile.reconnecting) == ("Ana", "Ana", False, True, True)
    assert tile.border == 1.0

    plain = arrange(LayoutSpec(labels=False, highlight_speaker=False), [member], LANDSCAPE, None).tiles[0]
    assert (plain.label, plain.border, plain.name) == (None, 0.0, "Ana")


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(ValueError, match="even"):
        arrange(LayoutSpec(), people(1), Size(641, 360), None)
    with pytest.raises(ValueError, match="fit"):
        arrange(LayoutSpec(), people(9), Size(4, 4), None)
    with pytest.raises(ValueError, match="gap"):
        LayoutSpec(gap=-1)
    with pytest.raises(ValueError, match="one tile"):
        LayoutSpec(max_tiles=0)
