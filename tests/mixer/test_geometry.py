"""Boxes and sizes."""

import pytest

from mixer.geometry import Box, Size


def test_a_size_has_at_least_one_pixel() -> None:
    with pytest.raises(ValueError, match="1×1"):
        Size(0, 10)


@pytest.mark.parametrize("box", [Box(1, 0, 2, 2), Box(0, 1, 2, 2), Box(0, 0, 3, 2), Box(0, 0, 2, 3)])
def test_a_box_with_one_odd_edge_is_not_even(box: Box) -> None:
    assert not box.even
    assert Box(2, 4, 6, 8).even


def test_boxes_that_share_an_edge_do_not_overlap() -> None:
    left = Box(0, 0, 10, 10)
    assert not left.overlaps(Box(10, 0, 10, 10))
    assert not left.overlaps(Box(0, 10, 10, 10))
    assert left.overlaps(Box(9, 9, 10, 10))


def test_a_box_contains_itself_and_nothing_larger() -> None:
    box = Size(8, 6).box
    assert box.contains(box)
    assert not box.contains(Box(0, 0, 8, 7))
    assert not box.contains(Box(-1, 0, 4, 4))
