"""No gain steps, and nobody ends with a click."""

import numpy as np
import pytest
from numpy.typing import NDArray

from mixer.faders import Faders

Chunk = NDArray[np.int16]

FULL = np.full(960, 10_000, np.int16)
"""A constant: each sample tells the gain it got."""


def settled(who: str = "ada", gain: float = 1.0) -> Faders:
    faders = Faders()
    for _ in range(2):
        faders.contribute({who: FULL}, {who: gain})
    return faders


def largest_step(chunks: list[NDArray[np.int32]]) -> int:
    return int(np.abs(np.diff(np.concatenate(chunks))).max())


def test_a_steady_voice_passes_bit_for_bit() -> None:
    assert np.array_equal(settled().contribute({"ada": FULL})["ada"], FULL)
    assert settled(gain=2.0).contribute({"ada": FULL}, {"ada": 2.0})["ada"][0] == 20_000


def test_a_gain_goes_to_its_new_value_in_a_straight_line() -> None:
    faders = settled()
    chunks = [faders.contribute({"ada": FULL}, {"ada": gain})["ada"] for gain in (1.0, 4.0, 4.0, 0.0, 0.0)]
    assert [chunk[-1] for chunk in chunks] == [10_000, 40_000, 40_000, 0, 0]
    assert largest_step(chunks) <= 40_000 / 960 + 1


def test_who_has_faded_out_leaves_no_echo() -> None:
    faders = settled()
    faded = np.rint(FULL * np.linspace(1.0, 0.0, 960)).astype(np.int16)
    assert np.array_equal(faders.contribute({"ada": faded})["ada"], faded)
    assert faders.contribute({}) == {}


def test_who_is_cut_ends_within_a_tick_without_an_edge() -> None:
    faders = Faders()
    wave = np.rint(10_000 * np.sin(2 * np.pi * 440 * np.arange(4 * 960) / 48_000)).astype(np.int16).reshape(-1, 960)
    chunks = [faders.contribute({"ada": chunk})["ada"] for chunk in wave[:3]]
    tail = faders.contribute({}).pop("ada")
    assert faders.contribute({}) == {}
    # 440 Hz at this loudness never moves by more than 576 from sample to sample.
    assert largest_step([*chunks, tail, np.zeros(960, np.int32)]) <= 590
    assert abs(int(tail[-1])) < 20
    assert np.abs(tail[:480]).max() > 4_000


def test_others_are_untouched_by_a_fade() -> None:
    faders = Faders()
    for _ in range(2):
        faders.contribute({"ada": FULL, "bo": FULL})
    faded = faders.contribute({"ada": FULL, "bo": FULL}, {"bo": 0.5})
    assert np.array_equal(faded["ada"], FULL)


@pytest.mark.parametrize("gain", [-0.1, 16.5, float("nan")])
def test_what_is_no_gain_is_refused(gain: float) -> None:
    with pytest.raises(ValueError, match="ada"):
        Faders().contribute({"ada": FULL}, {"ada": gain})
