"""The ears of the tests: they hear what is there, and nothing else."""

import numpy as np
import pytest

from client.sources import Beep, Silence, Tone
from tests.kit.tones import SILENCE_DBFS, Samples, hears, level_dbfs, onsets_s, tone_dbfs


async def sound(source: Tone | Silence | Beep, ticks: int = 25) -> Samples:
    return np.concatenate([await source.sound(index) for index in range(ticks)])


async def test_a_tone_is_measured_at_its_level() -> None:
    for level, expected_dbfs in ((1.0, 0.0), (0.5, -6.02), (0.1, -20.0)):
        assert tone_dbfs(await sound(Tone(440, level)), 440) == pytest.approx(expected_dbfs, abs=0.1)
    assert level_dbfs(await sound(Tone(440, 1.0))) == pytest.approx(-3.01, abs=0.05)


async def test_tones_of_a_room_are_told_apart() -> None:
    frequencies = (440, 620, 880, 1250)
    for absent in frequencies:
        present = [frequency for frequency in frequencies if frequency != absent]
        mix = np.sum([await sound(Tone(frequency, 0.2)) for frequency in present], axis=0).astype(np.int16)
        assert [frequency for frequency in frequencies if hears(mix, frequency)] == present


async def test_silence_and_noise_are_no_tone() -> None:
    assert level_dbfs(await sound(Silence())) == SILENCE_DBFS
    assert not hears(await sound(Silence()), 440)
    noise = np.random.default_rng(1).normal(0, 3000, 24_000).astype(np.int16)
    assert not hears(noise, 440)


async def test_beeps_set_in_at_each_second() -> None:
    assert onsets_s(await sound(Beep(1000), 150), 1000) == pytest.approx([0.005, 1.0, 2.0], abs=0.012)


def test_too_little_sound_is_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        tone_dbfs(np.zeros(480, np.int16), 440)
