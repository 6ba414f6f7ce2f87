"""Whole pictures against those that somebody looked at and found right."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mixer.compositor import Compositor
from tests.mixer.stills import GOLDEN, STILLS, drawn

BLOCK_PX = 10

NOTICEABLE = 6
"""Levels, of 255, that the mean of a block may be off: versions of OpenCV round and hint differently. A missing letter
or mark is several times that.
"""


@pytest.fixture(scope="module")
def compositor() -> Compositor:
    return Compositor()


def worst_block(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    height, width, _ = first.shape
    difference = first.astype(np.float32) - second
    blocks = difference.reshape(height // BLOCK_PX, BLOCK_PX, width // BLOCK_PX, BLOCK_PX, 3)
    return float(np.abs(blocks.mean((1, 3))).max())


@pytest.mark.parametrize("name", STILLS)
def test_a_picture_looks_as_it_did_when_it_was_found_right(compositor: Compositor, name: str) -> None:
    golden = cv2.imread(str(GOLDEN / f"{name}.png"))
    assert golden is not None
    now = drawn(STILLS[name](), compositor)
    assert now.shape == golden.shape
    assert worst_block(now, np.asarray(golden, np.uint8)) < NOTICEABLE


def test_a_missing_mark_would_be_noticed(compositor: Compositor) -> None:
    golden = np.asarray(cv2.imread(str(GOLDEN / "meeting.png")), np.uint8)
    scene, pictures, decor = STILLS["meeting"]()
    first, *others = scene.tiles
    for lesser in (
        replace(first, border=0.0),
        replace(first, label=None),
        replace(first, label="Bea Souza"),
        replace(first, hand=True),
        replace(first, muted=True),
    ):
        changed = (lesser, *others)
        now = drawn((replace(scene, tiles=changed), pictures, decor), compositor)
        assert worst_block(now, golden) > NOTICEABLE, lesser


def test_golden_pictures_stay_few_and_small() -> None:
    files = list(GOLDEN.iterdir())
    assert len(files) == len(STILLS) <= 6
    assert all(file.stat().st_size < 60_000 for file in files)
