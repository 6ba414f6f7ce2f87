"""A chunk that is stretched or squeezed sounds the same."""

import numpy as np
import pytest

from mcu.media.pacing import GENTLE_SAMPLES, HASTY_SAMPLES, resampled


@pytest.mark.parametrize("hz", [200, 1_000, 4_000, 7_000])
@pytest.mark.parametrize("more", [GENTLE_SAMPLES, -GENTLE_SAMPLES, HASTY_SAMPLES, -HASTY_SAMPLES])
def test_what_stretching_adds_is_far_below_the_voice(hz: float, more: int) -> None:
    size = 960 + more
    chunk = np.rint(8_000 * np.sin(2 * np.pi * hz * np.arange(size) / 48_000)).astype(np.int16)
    places = np.linspace(0, size - 1, 960)
    ideal = 8_000 * np.sin(2 * np.pi * hz * places / 48_000)
    error = resampled(chunk) - ideal
    below_db = 10 * np.log10(np.mean(ideal**2) / np.mean(error**2))
    assert below_db > (30 if hz > 5_000 else 40)


@pytest.mark.parametrize("size", [2, 720, 955, 960, 1_200])
def test_the_ends_stay_where_they_are_and_nothing_wraps(size: int) -> None:
    loud = np.where(np.arange(size) % 7 < 3, 32_767, -32_768).astype(np.int16)
    stretched = resampled(loud)
    assert stretched.shape == (960,)
    assert stretched.dtype == np.int16
    assert (stretched[0], stretched[-1]) == (loud[0], loud[-1])
    # Between two samples at full scale the curve may bend, but never to the other side.
    assert np.mean(np.abs(stretched.astype(int))) > 15_000
