"""JSON merge patches as RFC 7396 has them, and the layouts they make."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcu.errors import Unprocessable
from mcu.protocol.layout import Layout, Transition
from mcu.protocol.merge import MAX_DEPTH, merge_patch, patched

LEAVES = st.none() | st.booleans() | st.integers(-5, 5) | st.text("abc", max_size=2)
NAMES = st.sampled_from("abc")
DOCUMENTS = st.recursive(
    LEAVES | st.lists(LEAVES, max_size=2), lambda inner: st.dictionaries(NAMES, inner, max_size=3), max_leaves=8
)
OBJECTS = st.dictionaries(NAMES, DOCUMENTS, max_size=3)


def reference(target: Any, patch: Any) -> Any:
    """MergePatch, line by line as in section 2 of the RFC."""
    if isinstance(patch, dict):
        if not isinstance(target, dict):
            target = {}
        for name, value in patch.items():
            if value is None:
                if name in target:
                    del target[name]
            else:
                target[name] = reference(target.get(name), value)
        return target
    return patch


# RFC 7396, appendix A.
EXAMPLES: list[tuple[Any, Any, Any]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("target", "patch", "result"), EXAMPLES)
def test_the_examples_of_the_rfc(target: Any, patch: Any, result: Any) -> None:
    assert merge_patch(target, patch) == result


@settings(max_examples=100, deadline=None)
@given(DOCUMENTS, DOCUMENTS)
def test_a_merge_is_the_one_of_the_rfc_and_changes_no_argument(target: Any, patch: Any) -> None:
    before = copy.deepcopy((target, patch))
    assert merge_patch(target, patch) == reference(copy.deepcopy(target), copy.deepcopy(patch))
    assert (target, patch) == before


@settings(max_examples=50, deadline=None)
@given(DOCUMENTS, OBJECTS)
def test_merging_twice_is_merging_once(target: Any, patch: dict[str, Any]) -> None:
    once = merge_patch(target, patch)
    assert merge_patch(once, patch) == once


def test_a_patch_too_deep_for_any_layout() -> None:
    patch: dict[str, Any] = {}
    for _ in range(MAX_DEPTH - 1):
        patch = {"a": patch}
    assert merge_patch({}, patch) == patch
    with pytest.raises(ValueError, match="too deeply"):
        merge_patch({}, {"a": patch})


FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "preset": st.sampled_from(["grid", "speaker", "spotlight"]),
    "fit": st.sampled_from(["cover", "contain"]),
    "gap": st.integers(0, 64),
    "max_tiles": st.integers(1, 49),
    "labels": st.booleans(),
    "on_screen_share": st.sampled_from(["presentation", "grid", None]),
    "background": st.sampled_from(["#000000", "#ffFFff"]),
    "pinned": st.sampled_from(["ada", None]),
    "margin": st.sampled_from([0, 16, None]),
    "transition": st.fixed_dictionaries(
        {}, optional={"ms": st.integers(0, 10_000), "ease": st.sampled_from(["linear", "out"])}
    ),
}
PATCHES = st.fixed_dictionaries({}, optional=FIELDS)


@settings(max_examples=100, deadline=None)
@given(PATCHES, PATCHES)
def test_a_patch_resets_nothing_that_it_does_not_name(start: dict[str, Any], patch: dict[str, Any]) -> None:
    layout = Layout.model_validate(start)
    merged = patched(layout, patch).model_dump(mode="json")
    assert merged == reference(layout.model_dump(mode="json"), patch) | {
        name: None for name, value in patch.items() if value is None
    }


def test_a_patch_of_a_part_of_a_part() -> None:
    layout = patched(Layout(), {"transition": {"ms": 0}, "preset": "pip"})
    assert patched(layout, {"transition": {"ease": "out"}}).transition == Transition(ms=0, ease="out")
    assert patched(layout, {"transition": {"ms": None}}).transition == Transition()
    assert patched(layout, {"transition": None}) == Layout(preset="pip")


@pytest.mark.parametrize(
    ("patch", "field"), [({"gap": 99}, "gap"), ({"colour": 1}, "colour"), ({"labels": {}}, "labels")]
)
def test_a_patch_that_makes_no_layout_names_its_field(patch: dict[str, Any], field: str) -> None:
    with pytest.raises(Unprocessable) as caught:
        patched(Layout(), patch)
    assert caught.value.field == field
