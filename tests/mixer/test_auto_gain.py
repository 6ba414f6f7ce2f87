"""Quiet voices come up, loud ones go down, slowly; nothing moves in pauses, and nothing pumps."""

from collections.abc import Iterable

import numpy as np
import pytest

from mixer.auto_gain import MAX_CHANGE_DB, TARGET_DBOV, AutoGain
from mixer.levels import dbov
from tests.kit.speech import recorded

TICKS_A_SECOND = 50


def speech(level_dbov: float, name: str = "ada", repeats: int = 4) -> list[float]:
    """The levels, tick by tick, of half a minute of recorded speech whose active part is about this loud."""
    chunks = recorded(name).reshape(-1, 960)
    levels = np.array([dbov(chunk) for chunk in chunks])
    active = levels[levels > levels.max() - 30]
    loudness = 10 * np.log10(np.mean(10 ** (active / 10)))
    return [max(-127.0, float(level)) for level in levels + level_dbov - loudness] * repeats


def gains_db(levels: Iterable[float]) -> list[float]:
    gain = AutoGain()
    return [20 * float(np.log10(gain.update({"ada": level})["ada"])) for level in levels]


@pytest.mark.parametrize("level_dbov", [-34.0, -17.0])
@pytest.mark.parametrize("name", ["ada", "minjun"])
def test_every_voice_ends_near_the_same_loudness(level_dbov: float, name: str) -> None:
    assert gains_db(speech(level_dbov, name))[-1] == pytest.approx(TARGET_DBOV - level_dbov, abs=2.5)


def test_the_gain_is_bounded() -> None:
    assert gains_db(speech(-50.0, repeats=6))[-1] == pytest.approx(MAX_CHANGE_DB, abs=0.6)
    assert gains_db(speech(-3.0, repeats=6))[-1] == pytest.approx(-MAX_CHANGE_DB, abs=0.6)


def test_it_moves_slowly_and_does_not_pump() -> None:
    gains = np.array(gains_db(speech(-36.0)))
    assert np.abs(np.diff(gains)).max() <= 0.061
    settled = gains[15 * TICKS_A_SECOND :]
    assert settled.max() - settled.min() < 1.5
    spectrum = np.abs(np.fft.rfft(settled - settled.mean())) * 2 / settled.size
    syllables = (frequencies := np.fft.rfftfreq(settled.size, 1 / TICKS_A_SECOND)) > 2.0
    assert frequencies.max() > 10
    assert spectrum[syllables].max() < 0.1


def test_pauses_and_noise_turn_nothing_up() -> None:
    loud = speech(-20.0)
    gains = gains_db([*loud, *[-127.0] * 500, *[-60.0] * 500, *[-48.0] * 1_500])
    assert gains[-1] == gains[len(loud) - 1]
    assert set(gains_db([-45.0 - 3 * (n % 2) for n in range(3_000)])) == {0.0}


def test_a_voice_that_is_about_right_is_left_alone() -> None:
    assert set(gains_db(speech(TARGET_DBOV + 0.5))) == {0.0}


def test_each_has_their_own_and_who_leaves_is_forgotten() -> None:
    gain = AutoGain()
    for quiet, loud in zip(speech(-40.0), speech(-16.0), strict=True):
        factors = gain.update({"ada": quiet, "bo": loud})
    assert factors["ada"] > 2.0
    assert factors["bo"] < 0.5
    gain.update({"bo": -127.0})
    assert gain.update({"ada": -127.0, "bo": -127.0})["ada"] == 1.0
