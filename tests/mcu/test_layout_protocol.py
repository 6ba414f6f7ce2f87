"""The layout resource: what is understood, kept as it was written, and refused with the path of its field."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from mcu.protocol.layout import Layout, layout_schema
from mcu.room.layout_spec import layout_spec
from mixer.geometry import Box, Size
from mixer.layouts import arrange
from tests.mixer.people import people

INTERVIEW: dict[str, Any] = {
    "variants": [
        {"max": 1, "regions": [{"id": "all", "box": ["0", "0", "1", "1"]}]},
        {
            "regions": [
                {
                    "id": "stage",
                    "box": ["0", "0", "3/4", "1"],
                    "z": 0,
                    "fit": "contain",
                    "pick": {"first": ["pinned", "screen", "active_speaker"], "hold_ms": 2000},
                },
                {
                    "id": "side",
                    "box": ["3/4", 0, 0.25, "1.0"],
                    "fit": "cover",
                    "align": ["1/2", 0],
                    "grid": {"columns": 1, "rows": 4, "exclude": []},
                    "pick": {"match": "role:guest", "order": "recent_speech", "overflow": "page", "page_ms": 10000},
                },
            ]
        },
    ],
    "at": "2026-12-24T18:00:00Z",
    "transition": {"ms": 250, "ease": "in_out"},
}


def region(**fields: Any) -> dict[str, Any]:
    return {"id": "a", "box": [0, 0, 1, 1], **fields}


def with_regions(*regions: dict[str, Any]) -> dict[str, Any]:
    return {"variants": [{"regions": list(regions)}]}


def faults(data: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as caught:
        Layout.model_validate(data)
    return [(".".join(map(str, error["loc"])), error["msg"]) for error in caught.value.errors()]


def contains(answer: Any, sent: Any) -> bool:
    """What was sent is in the answer as it was sent; the answer may say more."""
    if isinstance(sent, dict):
        return all(key in answer and contains(answer[key], value) for key, value in sent.items())
    if isinstance(sent, list):
        return len(answer) == len(sent) and all(contains(*pair) for pair in zip(answer, sent, strict=True))
    return type(answer) is type(sent) and bool(answer == sent)


def test_a_layout_comes_back_as_it_was_put() -> None:
    layout = Layout.model_validate(INTERVIEW)
    assert contains(json.loads(layout.model_dump_json()), INTERVIEW)
    assert Layout.model_validate_json(layout.model_dump_json()) == layout
    assert Layout.model_validate(layout.model_dump()) == layout


def test_the_layout_in_the_readme_is_one() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```json\n(\{\"variants.*?)```", readme, re.DOTALL)
    assert Layout.model_validate_json(example).variants


def test_a_merge_takes_a_layout_from_preset_to_custom_and_back() -> None:
    custom = Layout.model_validate(Layout(preset="sidebar", gap=3).model_dump() | INTERVIEW)
    back = Layout.model_validate(custom.model_dump() | {"variants": None})
    assert (custom.variants is not None, back.variants, back.preset, back.gap) == (True, None, "sidebar", 3)


@pytest.mark.parametrize(
    ("alias", "preset"),
    [
        ("bestFit", "grid"),
        ("horizontalPresentation", "speaker"),
        ("verticalPresentation", "sidebar"),
        ("pip", "pip"),
        ("strip", "strip"),
    ],
)
def test_names_of_other_systems_are_understood(alias: str, preset: str) -> None:
    layout = Layout.model_validate({"preset": alias, "on_screen_share": alias})
    assert (layout.preset, layout.on_screen_share) == (preset, preset)


def test_now_is_a_time_and_a_time_needs_its_zone() -> None:
    assert Layout.model_validate({"at": "now"}).at is None
    assert faults({"at": "2026-12-24T18:00:00"})[0][0] == "at"


@pytest.mark.parametrize(
    ("data", "field", "reason"),
    [
        ({"preset": "spiral"}, "preset", "'grid'"),
        ({"colour": "red"}, "colour", "Extra"),
        ({"transition": {"ms": -1}}, "transition.ms", "greater"),
        ({"transition": {"ease": "bounce"}}, "transition.ease", "linear"),
        ({"align": "middle"}, "align", "top-left"),
        ({"align": [0.5, 2]}, "align", "between 0 and 1"),
        ({"variants": []}, "variants", "at least one"),
        ({"variants": [{"regions": []}]}, "variants.0.regions", "at least one"),
        ({"variants": [{"regions": [region()]}] * 17}, "variants", "16"),
        (with_regions(*[region()] * 33), "variants.0.regions", "32"),
        ({"variants": [{"min": 3, "max": 2, "regions": [region()]}]}, "variants.0.max", "less than min"),
        ({"variants": [{"regions": [region()]}] * 2}, "variants.1", "never chosen"),
        (with_regions(region(colour=1)), "variants.0.regions.0.colour", "Extra"),
        (with_regions(region(id="")), "variants.0.regions.0.id", "pattern"),
        (with_regions(region(), region(z=1)), "variants.0.regions.1.id", "another region"),
        (with_regions(region(box=[0, 0, 1])), "variants.0.regions.0.box.3", "required"),
        (with_regions(region(box=[0, 0, 1, "4/3"])), "variants.0.regions.0.box.3", "between 0 and 1"),
        (with_regions(region(box=[0, 0, 1, "1/0"])), "variants.0.regions.0.box.3", "number"),
        (with_regions(region(box=[0, 0, 1, float("nan")])), "variants.0.regions.0.box.3", "number"),
        (with_regions(region(box=[0, 0, 1, True])), "variants.0.regions.0.box.3", "fraction"),
        (with_regions(region(box=["a" * 9999, 0, 1, 1])), "variants.0.regions.0.box.0", "fraction"),
        (with_regions(region(box=["1/2", 0, "2/3", 1])), "variants.0.regions.0.box", "width ends at 7/6"),
        (with_regions(region(box=[0, 0.5, 1, 0.75])), "variants.0.regions.0.box", "height ends at 5/4"),
        (with_regions(region(box=[0, 0, 0, 1])), "variants.0.regions.0.box", "too small"),
        (with_regions(region(box=[0, 0, "1/21", 1])), "variants.0.regions.0.box", "16 pixels"),
        (
            with_regions(region(box=[0, 0, "2/3", 1]), region(id="b", box=["1/3", 0, "1/3", 1])),
            "variants.0.regions.1.box",
            "overlaps region 'a'",
        ),
        (with_regions(region(z=101)), "variants.0.regions.0.z", "100"),
        (with_regions(region(grid={"columns": 9, "rows": 8})), "variants.0.regions.0.grid", "64 cells"),
        (with_regions(region(grid={"columns": 0, "rows": 8})), "variants.0.regions.0.grid.columns", "greater"),
        (
            with_regions(region(grid={"columns": 2, "rows": 2, "exclude": [0, 4]})),
            "variants.0.regions.0.grid.exclude.1",
            "no cell 4",
        ),
        (
            with_regions(region(grid={"columns": 1, "rows": 2, "exclude": [0, 1]})),
            "variants.0.regions.0.grid.exclude",
            "no cell for anybody",
        ),
        (with_regions(region(grid={"columns": 2})), "variants.0.regions.0.grid.rows", "or neither"),
        (with_regions(region(grid={"rows": 2})), "variants.0.regions.0.grid.columns", "or neither"),
        (with_regions(region(grid={"columns": 2, "rows": 2, "max": 3})), "variants.0.regions.0.grid.max", "cells"),
        (with_regions(region(grid={"exclude": [0]})), "variants.0.regions.0.grid.exclude", "not known"),
        (with_regions(region(grid={"max": 65})), "variants.0.regions.0.grid.max", "64"),
        (
            with_regions(region(box=[0, 0, "1/8", 1], grid={"max": 12})),
            "variants.0.regions.0.grid.max",
            "room for, which is 11",
        ),
        (
            with_regions(region(grid={"max": 2}, pick={"reserve": ["x", "y", "z"]})),
            "variants.0.regions.0.pick.reserve",
            "which is 2",
        ),
        (
            with_regions(region(box=[0, 0, 1, "1/4"], grid={"columns": 1, "rows": 4})),
            "variants.0.regions.0.grid",
            "height of 1/16",
        ),
        (with_regions(region(pick={"match": "guest"})), "variants.0.regions.0.pick.match", "role:"),
        (with_regions(region(pick={"match": "role:" + "x" * 200})), "variants.0.regions.0.pick.match", "128"),
        (with_regions(region(pick={"first": ["loudest"]})), "variants.0.regions.0.pick.first.0", "active_speaker"),
        (with_regions(region(pick={"overflow": "shrink"})), "variants.0.regions.0.pick.overflow", "page"),
        (with_regions(region(pick={"page_ms": 10})), "variants.0.regions.0.pick.page_ms", "1000"),
        (with_regions(region(pick={"reserve": ["x", "y"]})), "variants.0.regions.0.pick.reserve", "which is 1"),
        (
            with_regions(
                region(box=[0, 0, "1/2", 1], pick={"reserve": ["x"]}),
                region(id="b", box=["1/2", 0, "1/2", 1], pick={"reserve": ["x"]}),
            ),
            "variants.0.regions.1.pick.reserve",
            "another region",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_its_field_and_the_reason(
    data: dict[str, Any], field: str, reason: str
) -> None:
    found = faults(data)
    assert len(found) == 1
    assert found[0][0] == field
    assert reason in found[0][1]


def test_regions_may_overlap_in_depth_and_touch_in_the_plane() -> None:
    Layout.model_validate(with_regions(region(), region(id="b", z=1, box=["2/3", "2/3", "1/3", "1/3"])))
    Layout.model_validate(with_regions(*[region(id=f"r{n}", box=[f"{n}/3", 0, "1/3", 1]) for n in range(3)]))


def test_a_variant_is_reached_when_any_count_is_left_to_it() -> None:
    shape = {"regions": [region()]}
    Layout.model_validate({"variants": [{"max": 3, **shape}, {"min": 5, **shape}, {"min": 2, "max": 4, **shape}]})
    data = {"variants": [{"max": 3, **shape}, {"min": 4, "max": 9, **shape}, {"min": 2, "max": 6, **shape}]}
    assert faults(data)[0][0] == "variants.2"


def test_the_mixer_gets_exactly_what_was_written() -> None:
    spec = layout_spec(Layout.model_validate(INTERVIEW))
    assert spec.custom is not None
    _, side = spec.custom.variants[1].regions
    assert (side.align, side.fit, side.places) == ((0.5, 0.0), "cover", 4)
    assert (side.pick.match, side.pick.order, side.pick.overflow, side.pick.page_ms) == (
        "role:guest",
        "recent_speech",
        "page",
        10_000,
    )
    tiles = arrange(spec, people(3), Size(1280, 720), "p2").tiles
    assert [(tile.key.participant, tile.box, tile.fit) for tile in tiles] == [("p2", Box(0, 0, 960, 720), "contain")]


def test_a_grid_without_rows_and_columns_holds_as_many_as_have_room() -> None:
    def places(box: list[Any], grid: dict[str, Any]) -> int:
        spec = layout_spec(Layout.model_validate(with_regions(region(box=box, grid=grid))))
        assert spec.custom is not None
        return len(arrange(spec, people(40), Size(1280, 720), None).tiles)

    assert places([0, 0, 1, 1], {}) == 16
    assert places([0, 0, 1, 1], {"max": 25, "gap": 0}) == 25
    assert places([0, 0, "1/8", 1], {}) == 11
    assert places([0, 0, "1/16", 1], {}) == 1
    layout = Layout.model_validate(with_regions(region(grid={"rows": None, "max": 4})))
    assert Layout.model_validate_json(layout.model_dump_json()) == layout


coordinates = st.sampled_from(["0", "1/3", "1/2", "2/3", "1", 0.25, "0.75", 1, "1/30"])
regions = st.builds(
    lambda name, box, z, grid: {"id": name, "box": box, "z": z, "grid": grid},
    st.sampled_from("abcdef"),
    st.lists(coordinates, min_size=4, max_size=4),
    st.integers(0, 2),
    st.none()
    | st.builds(lambda columns, rows: {"columns": columns, "rows": rows}, st.integers(1, 9), st.integers(1, 9))
    | st.builds(lambda most, gap: {"max": most, "gap": gap}, st.none() | st.integers(1, 40), st.sampled_from([0, 64])),
)


@given(
    wanted=st.lists(regions, min_size=1, max_size=4),
    canvas=st.sampled_from([Size(64, 64), Size(320, 180), Size(1280, 720), Size(90, 160)]),
    count=st.integers(0, 20),
)
@settings(max_examples=100, deadline=None)
def test_whatever_is_accepted_can_be_drawn(wanted: list[dict[str, Any]], canvas: Size, count: int) -> None:
    try:
        layout = Layout.model_validate(with_regions(*wanted))
    except ValidationError:
        return
    scene = arrange(layout_spec(layout), people(count), canvas, None)
    assert all(canvas.box.contains(tile.box) and min(tile.box.width, tile.box.height) >= 2 for tile in scene.tiles)


def test_the_schema_says_what_a_layout_may_be() -> None:
    schema = layout_schema()
    assert schema["$schema"].endswith("2020-12/schema")
    presets, plugins = schema["properties"]["preset"]["anyOf"]
    assert presets["enum"][:3] == ["grid", "speaker", "sidebar"]
    assert plugins["pattern"].startswith("^plugin:")
    box = schema["$defs"]["Region"]["properties"]["box"]["prefixItems"][0]
    assert {"type": "number", "minimum": 0, "maximum": 1} in box["anyOf"]
    assert "bottom-right" in schema["properties"]["align"]["anyOf"][0]["enum"]
    assert json.loads(json.dumps(schema)) == schema
