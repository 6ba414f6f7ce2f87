"""Custom layouts: whom a region takes, how long it keeps them, and where its pixels are."""

from dataclasses import replace
from fractions import Fraction
from itertools import combinations, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixer.geometry import Box, Size
from mixer.layouts import (
    Arrangement,
    AutomaticCells,
    Casting,
    Cells,
    CustomSpec,
    LayoutSpec,
    Member,
    Pick,
    Region,
    Variant,
    arrange,
    arrange_next,
)
from mixer.layouts.custom import boxes
from mixer.scene import TileKey
from tests.mixer.people import box_of, ids, people

F = Fraction
CANVAS = Size(1280, 720)
S = 1_000_000_000
MS = 1_000_000
ALL = F(0), F(0), F(1), F(1)
LEFT, RIGHT = (F(0), F(0), F(3, 4), F(1)), (F(3, 4), F(0), F(1, 4), F(1))


def custom(*regions: Region, **wish: Any) -> LayoutSpec:
    return replace(LayoutSpec(custom=CustomSpec((Variant(regions),))), **wish)


def stage_and_side(**side: Any) -> LayoutSpec:
    return custom(
        Region("side", RIGHT, replace(Pick(hold_ms=0), **side), cells=Cells(1, 4)),
        Region("stage", LEFT, Pick(hold_ms=2000)),
    )


class Show:
    """Ticks of a view, each with the memory of the one before."""

    def __init__(self, spec: LayoutSpec) -> None:
        self.spec = spec
        self.casting = Casting()

    def at(self, now_ns: int, members: list[Member], dominant: str | None = None) -> dict[str, list[str]]:
        """Who is in which region."""
        done = arrange_next(self.spec, members, CANVAS, dominant, now_ns=now_ns, previous=self.casting)
        self.casting = done.casting
        return {
            region: [seat.key.participant for seat in seated.seats] for region, seated in done.casting.regions.items()
        }


def spoken(*spoke_s: int) -> list[Member]:
    return [
        replace(member, last_spoke_ns=spoke * S) for member, spoke in zip(people(len(spoke_s)), spoke_s, strict=True)
    ]


# What is drawn

fractions = st.integers(1, 12).flatmap(lambda whole: st.integers(0, whole).map(lambda part: F(part, whole)))
automatic = st.builds(AutomaticCells, st.integers(1, 20), st.sampled_from([None, 0, 12]))
cells = (st.none() | automatic) | st.builds(
    lambda columns, rows, dropped: Cells(columns, rows, frozenset({dropped} if dropped < columns * rows - 1 else ())),
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(0, 20),
)
picks = st.builds(
    Pick,
    first=st.none()
    | st.lists(st.sampled_from(["pinned", "screen", "active_speaker", "role:host"]), max_size=3).map(tuple),
    hold_ms=st.sampled_from([0, 1000]),
    match=st.sampled_from([None, None, "role:host", "name:*1*", "source:camera"]),
    order=st.sampled_from(["join", "name", "recent_speech"]),
    overflow=st.sampled_from(["hide", "page", "speech"]),
    reserve=st.sampled_from([(), ("p2",)]),
)


@st.composite
def layouts(draw: st.DrawFn) -> LayoutSpec:
    """Columns side by side that share the whole width, and perhaps something in front of them."""
    marks = sorted({F(0), F(1), *draw(st.lists(fractions, max_size=4))})
    edges = [mark for mark, following in zip(marks, [*marks[1:], F(2)], strict=True) if following - mark >= F(1, 12)]
    edges = [F(0), *edges[1:-1], F(1)] if len(edges) > 1 else [F(0), F(1)]
    regions = [
        Region(f"r{number}", (left, F(0), right - left, F(1)), draw(picks), cells=draw(cells))
        for number, (left, right) in enumerate(pairwise(edges))
    ]
    if draw(st.booleans()):
        regions.insert(0, Region("front", (F(1, 3), F(1, 3), F(1, 3), F(1, 2)), draw(picks), z=2))
    return LayoutSpec(custom=CustomSpec((Variant(tuple(regions)),)), gap=draw(st.sampled_from([0, 8, 31])), pinned="p3")


facts = st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=30).map(
    lambda rows: [
        replace(member, last_spoke_ns=spoke * S, role="host" if host else "guest")
        for member, (spoke, host) in zip(people(len(rows), 4), rows, strict=False)
    ]
)
canvases = st.sampled_from([CANVAS, Size(720, 1280), Size(720, 720), Size(320, 180)])


@given(spec=layouts(), members=facts, canvas=canvases, dominant=st.sampled_from([None, "p0", "p5"]))
@settings(max_examples=100, deadline=None)
def test_tiles_are_inside_even_disjoint_and_nobody_is_there_twice(
    spec: LayoutSpec, members: list[Member], canvas: Size, dominant: str | None
) -> None:
    tiles = arrange(spec, members, canvas, dominant).tiles
    assert all(canvas.box.contains(t.box) and t.box.even and min(t.box.width, t.box.height) >= 2 for t in tiles)
    assert not any(a.z == b.z and a.box.overlaps(b.box) for a, b in combinations(tiles, 2))
    assert [tile.z for tile in tiles] == sorted(tile.z for tile in tiles)
    keys = [tile.key for tile in tiles]
    assert len(set(keys)) == len(keys)
    assert set(keys) <= {member.key for member in members}


@given(spec=layouts(), members=facts, leaver=st.integers(0, 29), dominant=st.sampled_from([None, "p0", "p5"]))
@settings(max_examples=100, deadline=None)
def test_a_tick_without_news_changes_nothing(
    spec: LayoutSpec, members: list[Member], leaver: int, dominant: str | None
) -> None:
    def tick(now_ns: int, previous: Casting, present: list[Member]) -> Arrangement:
        return arrange_next(spec, present, CANVAS, dominant, now_ns=now_ns, previous=previous)

    settled = tick(4 * S, tick(0, Casting(), members).casting, members)
    again = tick(4 * S, settled.casting, members)
    assert again == settled
    fewer = [member for number, member in enumerate(members) if number != leaver]
    after = tick(4 * S, settled.casting, fewer)
    assert tick(4 * S, after.casting, fewer) == after


@given(
    members=facts.filter(lambda members: len(members) > 2),
    leaver=st.integers(0, 29),
    dominant=st.sampled_from(["p1", None]),
)
@settings(max_examples=60, deadline=None)
def test_when_somebody_leaves_at_most_one_other_changes_place(
    members: list[Member], leaver: int, dominant: str | None
) -> None:
    spec = custom(Region("all", ALL, Pick(first=()), cells=Cells(6, 6)), on_screen_share=None)
    before = arrange_next(spec, members, CANVAS, dominant, now_ns=S)
    fewer = [member for number, member in enumerate(members) if number != leaver % len(members)]
    after = arrange_next(spec, fewer, CANVAS, dominant, now_ns=2 * S, previous=before.casting)
    places = {tile.key: tile.box for tile in before.scene.tiles}
    assert sum(places[tile.key] != tile.box for tile in after.scene.tiles) <= 1


def test_regions_that_touch_leave_no_seam() -> None:
    thirds = [Region(str(n), (F(n, 3), F(0), F(1, 3), F(1))) for n in range(3)]
    for canvas in (CANVAS, Size(1000, 500), Size(322, 180)):
        left, middle, right = (boxes(region, canvas, 8)[0] for region in thirds)
        assert (left.x, left.right, middle.right, right.right) == (0, middle.x, right.x, canvas.width)


def test_cells_share_their_region_with_a_gap_between_and_none_around() -> None:
    cells = boxes(Region("a", (F(1, 2), F(0), F(1, 2), F(1)), cells=Cells(2, 2, gap=10)), CANVAS, 64)
    assert cells[0] == Box(640, 0, cells[0].width, cells[0].height)
    assert cells[1].x - cells[0].right == cells[2].y - cells[0].bottom == 10
    assert (cells[3].right, cells[3].bottom) == (1280, 720)


@given(
    count=st.integers(0, 25),
    box=st.sampled_from([ALL, LEFT, RIGHT, (F(1, 3), F(1, 4), F(1, 3), F(1, 2)), (F(0), F(3, 4), F(1), F(1, 4))]),
    canvas=canvases,
    gap=st.sampled_from([0, 8, 20]),
)
@settings(max_examples=100, deadline=None)
def test_automatic_cells_are_equal_and_larger_than_any_fixed_ones(count: int, box: Any, canvas: Size, gap: int) -> None:
    """The last row stands in the middle of the others; nobody could be larger in as many columns as you like."""
    region = Region("auto", box, Pick(first=()), cells=AutomaticCells(20, gap))
    places = [tile.box for tile in arrange(custom(region), people(count), canvas, None).tiles]
    (whole,) = boxes(replace(region, cells=None), canvas, 0)
    shown = min(count, 20)
    assert len(places) == shown
    if shown < 2:
        assert places == [whole] * shown
        return
    (size,) = {(one.width, one.height) for one in places}
    rows = [[one for one in places if one.y == y] for y in sorted({one.y for one in places})]
    assert all(len(row) == len(rows[0]) for row in rows[:-1])
    assert len(rows[-1]) <= len(rows[0])
    for row in rows:
        assert abs((row[0].x - whole.x) - (whole.right - row[-1].right)) <= 2
    for columns in range(1, shown + 1):
        across = (whole.width - gap * (columns - 1)) // columns
        down = (whole.height - gap * (-(-shown // columns) - 1)) // -(-shown // columns)
        assert size[0] + 4 >= min(across, down * 16 / 9)


def test_an_automatic_region_is_a_grid_as_the_preset_is() -> None:
    for count in range(1, 17):
        preset = arrange(LayoutSpec(margin=0), people(count), CANVAS, None)
        region = Region("all", ALL, Pick(first=()), cells=AutomaticCells(16))
        assert [tile.box for tile in arrange(custom(region), people(count), CANVAS, None).tiles] == [
            tile.box for tile in preset.tiles
        ]


def test_a_gap_too_wide_for_its_region_gives_way() -> None:
    narrow = boxes(Region("a", (F(0), F(0), F(1, 8), F(1)), cells=Cells(2, 8)), Size(320, 180), 64)
    assert all(box.width >= 2 and box.height >= 2 for box in narrow)


def test_a_region_without_pixels_is_refused() -> None:
    with pytest.raises(ValueError, match="no pixels"):
        boxes(Region("thread", (F(0), F(0), F(1, 9999), F(1))), CANVAS, 0)


def test_excluded_cells_stay_empty() -> None:
    spec = custom(Region("ring", ALL, cells=Cells(3, 3, frozenset({4}))))
    scene = arrange(spec, people(9), CANVAS, None)
    middle = Box(600, 300, 80, 80)
    assert len(scene.tiles) == 8
    assert not any(tile.box.overlaps(middle) for tile in scene.tiles)


def test_the_first_variant_that_fits_is_taken_and_the_last_when_none_does() -> None:
    one = Variant((Region("one", ALL),), most=1)
    pair = Variant((Region("pair", ALL, cells=Cells(2, 1)),), fewest=2, most=2)
    spec = LayoutSpec(custom=CustomSpec((one, pair)))
    assert [len(arrange(spec, people(count), CANVAS, None).tiles) for count in range(5)] == [0, 1, 2, 2, 2]


def test_fit_and_alignment_are_those_of_the_region() -> None:
    spec = custom(
        Region("a", LEFT, fit="contain", align=(0.5, 0.0)), Region("b", RIGHT, cells=Cells(1, 2)), align=(1.0, 1.0)
    )
    first, *others = arrange(spec, people(2, 0), CANVAS, None).tiles
    assert (first.key.source, first.fit, first.align) == ("screen", "contain", (0.5, 0.0))
    assert [(tile.fit, tile.align) for tile in others] == [("cover", (0.5, 0.5))] * 2


def test_what_is_in_front_is_drawn_last() -> None:
    scene = arrange(custom(Region("front", RIGHT, z=5), Region("back", ALL, z=-1)), people(2), CANVAS, "p1")
    assert [tile.z for tile in scene.tiles] == [-1, 5]
    assert box_of(scene, "p1") == boxes(Region("", RIGHT), CANVAS, 0)[0]


# Who is picked


def test_a_pin_beats_a_screen_and_a_screen_the_speaker_wherever_the_stage_is_listed() -> None:
    members = people(4, 2)
    assert Show(stage_and_side()).at(0, members, "p1")["stage"] == ["p2"]
    assert Show(replace(stage_and_side(), pinned="p3")).at(0, members, "p1")["stage"] == ["p3"]
    assert Show(stage_and_side()).at(0, people(4), "p1") == {"stage": ["p1"], "side": ["p0", "p2", "p3"]}


def test_a_lone_person_is_on_the_stage() -> None:
    assert Show(stage_and_side()).at(0, people(1)) == {"stage": ["p0"], "side": []}


def test_roles_names_ids_sources_and_attributes_select() -> None:
    members = [
        Member(TileKey("a"), "Interpreter 1", role="guest"),
        Member(TileKey("b"), "Ada", role="Moderator", attributes={"team": "blue"}),
        Member(TileKey("b", "screen"), "Ada", role="Moderator"),
        Member(TileKey("c"), "ИННА", role="guest"),
    ]
    found = {
        "role:moder*": ["b", "b"],
        "name:inter*": ["a"],
        "name:инн?": ["c"],
        "id:c": ["c"],
        "source:screen": ["b"],
        "attr:team=bl*": ["b"],
        "attr:colour=*": [],
        "shoe:size": [],
    }
    for selector, expected in found.items():
        spec = custom(Region("all", ALL, Pick(match=selector), cells=Cells(2, 2)), on_screen_share=None)
        assert ids(arrange(spec, members, CANVAS, None)) == expected, selector


def test_a_selector_among_the_first_prefers_without_excluding() -> None:
    members = [replace(member, role="host" if number == 2 else "") for number, member in enumerate(people(4))]
    spec = custom(Region("stage", ALL, Pick(first=("role:host", "active_speaker"))))
    assert ids(arrange(spec, members, CANVAS, "p1")) == ["p2"]
    assert ids(arrange(spec, people(4), CANVAS, "p1")) == ["p1"]


def test_a_reserved_place_yields_to_nobody_and_is_lent_meanwhile() -> None:
    spec = custom(
        Region("stage", LEFT), Region("sign", RIGHT, Pick(reserve=("p3",), first=())), pinned="p3", on_screen_share=None
    )
    show = Show(spec)
    assert show.at(0, people(3), "p0") == {"stage": ["p0"], "sign": ["p1"]}
    assert show.at(S, people(5, 3), "p0") == {"stage": ["p3"], "sign": ["p3"]}, "their screen, and themselves"
    assert show.at(9 * S, people(5), "p4")["sign"] == ["p3"]


def test_whoever_has_a_reserved_place_takes_it_back_from_those_it_was_lent_to() -> None:
    show = Show(custom(Region("all", ALL, Pick(reserve=("p2",)), cells=Cells(3, 1))))
    assert show.at(0, people(2))["all"] == ["p0", "p1"]
    assert show.at(S, people(3))["all"] == ["p2", "p1", "p0"], "p1 need not move"


def test_the_pin_of_somebody_who_shares_shows_their_screen() -> None:
    spec = custom(Region("stage", ALL, Pick(first=("pinned",))), pinned="p1", on_screen_share=None)
    assert arrange(spec, people(3, 1), CANVAS, None).tiles[0].key == TileKey("p1", "screen")


def test_a_change_settles_within_one_tick() -> None:
    pager = Region("pager", RIGHT, Pick(first=("pinned",), overflow="page", page_ms=1000))
    show = Show(custom(pager, Region("talk", LEFT, Pick(first=("active_speaker",), hold_ms=0), cells=Cells(2, 1))))
    members = people(4)
    show.at(0, members)
    show.at(1, [member for member in members if member.key.participant != "p1"])
    settled = show.casting
    show.at(1, [member for member in members if member.key.participant != "p1"])
    assert show.casting == settled


def test_a_stage_keeps_its_speaker_for_the_hold_and_through_silence() -> None:
    show, members = Show(stage_and_side()), people(4)
    assert show.at(0, members, "p1")["stage"] == ["p1"]
    assert show.at(1999 * MS, members, "p2")["stage"] == ["p1"]
    assert show.at(2000 * MS, members, "p2")["stage"] == ["p2"]
    assert show.at(60 * S, members, None)["stage"] == ["p2"]
    assert show.at(61 * S, [members[0], members[1], members[3]], None)["stage"] == ["p0"]


def test_a_pin_and_a_screen_do_not_wait_for_the_hold() -> None:
    show = Show(stage_and_side())
    show.at(0, people(4), "p1")
    assert show.at(1, people(4, 0), "p1")["stage"] == ["p0"]
    show.spec = replace(show.spec, pinned="p3")
    assert show.at(2, people(4, 0), "p1")["stage"] == ["p3"]


# When too many come


def test_hide_shows_the_first_of_the_order_and_pins() -> None:
    named = [replace(member, name=name) for member, name in zip(people(4), ["Zoe", "ada", "Émile", "Bob"], strict=True)]
    spec = custom(Region("two", ALL, Pick(overflow="hide", order="name"), cells=Cells(2, 1)))
    assert ids(arrange(spec, named, CANVAS, "p0")) == ["p1", "p3"]
    assert ids(arrange(replace(spec, pinned="p0"), named, CANVAS, None)) == ["p1", "p0"]


def test_speech_replaces_only_the_one_unheard_for_longest() -> None:
    show = Show(custom(Region("all", ALL, Pick(hold_ms=0), cells=Cells(2, 2))))
    assert show.at(0, spoken(5, 1, 4, 3, 0, 0))["all"] == ["p0", "p1", "p2", "p3"]
    assert show.at(7 * S, spoken(5, 1, 4, 3, 0, 7), "p5")["all"] == ["p0", "p5", "p2", "p3"]
    assert show.at(8 * S, spoken(5, 8, 4, 3, 0, 7), "p1")["all"] == ["p0", "p5", "p2", "p1"]


def test_speech_waits_for_the_hold() -> None:
    show = Show(custom(Region("all", ALL, Pick(hold_ms=3000), cells=Cells(2, 1))))
    assert show.at(0, spoken(0, 0, 0))["all"] == ["p0", "p1"]
    assert show.at(2 * S, spoken(0, 0, 2), "p2")["all"] == ["p0", "p1"]
    assert show.at(3 * S, spoken(0, 0, 2), "p2")["all"] == ["p0", "p2"]


def test_recent_speech_orders_newcomers_and_moves_nobody_else() -> None:
    show = Show(custom(Region("all", ALL, Pick(hold_ms=0, order="recent_speech"), cells=Cells(2, 2))))
    assert show.at(0, spoken(1, 3, 2))["all"] == ["p1", "p2", "p0"]
    assert show.at(9 * S, spoken(9, 3, 2, 8), "p0")["all"] == ["p1", "p2", "p0", "p3"]


def test_pages_turn_in_time_and_show_everybody() -> None:
    show = Show(custom(Region("all", ALL, Pick(overflow="page", page_ms=5000), cells=Cells(2, 1))))
    members = people(5)
    assert show.at(100 * S, members)["all"] == ["p0", "p1"]
    assert show.at(104_999 * MS, members, "p4")["all"] == ["p0", "p1"]
    assert show.at(105 * S, members)["all"] == ["p2", "p3"]
    assert show.at(110 * S, members)["all"] == ["p3", "p4"], "the last page is full too"
    assert show.at(115 * S, members)["all"] == ["p0", "p1"]
    assert show.at(126 * S, members)["all"] == ["p3", "p4"], "a long pause turns as many pages as it took"


def test_the_first_page_is_up_for_its_whole_time_when_the_region_fills() -> None:
    show = Show(custom(Region("all", ALL, Pick(overflow="page", page_ms=5000), cells=Cells(2, 1))))
    assert show.at(0, people(2))["all"] == ["p0", "p1"]
    assert show.at(7 * S, people(3))["all"] == ["p0", "p1"]
    assert show.at(11 * S, people(3))["all"] == ["p0", "p1"]
    assert show.at(12 * S, people(3))["all"] == ["p1", "p2"]


def test_a_pager_keeps_its_reserved_place() -> None:
    show = Show(custom(Region("all", ALL, Pick(overflow="page", page_ms=1000, reserve=("p4",)), cells=Cells(2, 1))))
    rounds = [show.at(second * S, people(5))["all"] for second in range(4)]
    assert rounds == [["p4", "p0"], ["p4", "p1"], ["p4", "p2"], ["p4", "p3"]]


# Screens


def test_a_custom_layout_without_a_place_for_screens_gives_way_to_a_preset() -> None:
    spec = custom(Region("all", ALL, Pick(first=()), cells=Cells(3, 3)))
    shared = arrange(spec, people(4, 1), CANVAS, None)
    assert shared == arrange(LayoutSpec(), people(4, 1), CANVAS, None)
    assert len(arrange(replace(spec, on_screen_share=None), people(4, 1), CANVAS, None).tiles) == 5
    assert ids(arrange(spec, people(4), CANVAS, None)) == ["p0", "p1", "p2", "p3"]


def test_a_custom_layout_with_a_place_for_screens_stays() -> None:
    scene = arrange(stage_and_side(), people(3, 1), CANVAS, "p0")
    assert box_of(scene, "p1", "screen") == Box(0, 0, 960, 720)
    assert box_of(scene, "p1").x >= 960
