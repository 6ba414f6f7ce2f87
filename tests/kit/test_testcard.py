"""The test card itself: what is written can be read back."""

import cv2
import numpy as np
import pytest

from tests.kit.testcard import Rgb, code_of, draw, hue_distance, hue_of, tone_level


@pytest.mark.parametrize("hue", [0, 40, 120, 200, 280, 350])
def test_hue_survives_chroma_subsampling_and_scaling(hue: float) -> None:
    small: Rgb = np.asarray(cv2.resize(draw(hue, 5), (160, 90)), np.uint8)
    yuv = cv2.cvtColor(small[:90, :160], cv2.COLOR_RGB2YUV_I420)
    seen = hue_of(np.asarray(cv2.cvtColor(yuv, cv2.COLOR_YUV2RGB_I420), np.uint8))
    assert seen is not None
    assert hue_distance(seen, hue) < 8


def test_grey_has_no_hue() -> None:
    assert hue_of(np.full((90, 160, 3), 128, np.uint8)) is None


@pytest.mark.parametrize("number", [0, 1, 21, 42, 63])
def test_code_survives_scaling(number: int) -> None:
    picture: Rgb = np.asarray(cv2.resize(draw(90, number), (212, 120)), np.uint8)
    assert code_of(picture) == number


def test_tone_level_tells_tones_apart() -> None:
    t = np.arange(48_000) / 48_000
    samples = (0.25 * np.sin(2 * np.pi * 440 * t)).astype(np.float32)
    assert tone_level(samples, 440) == pytest.approx(0.25, rel=0.01)
    assert tone_level(samples, 554) < 1e-4
