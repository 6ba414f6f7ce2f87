"""What a bad network leaves of speech, against the mix of the same room behind a perfect one."""

import functools

import numpy as np
import pytest

from mcu.frames import AudioPacket
from mcu.media.opus import Samples
from mcu.media.playout_statistics import PlayoutStatistics
from tests.kit.intelligibility import aligned, segmental_snr_db, stoi
from tests.kit.network import Link, Weather
from tests.kit.speech import Microphone, noise, recorded
from tests.mcu.room.soundroom import START_NS, Member, SoundRoom

FIRST_SAMPLE = 3_000
"""Where the comparison begins in the clean mix; the other may be later."""


@functools.cache
def speech() -> Samples:
    return np.concatenate([recorded("ada"), recorded("zoe")])


def mix(weather: Weather, *, fec: bool, seed: int = 1) -> tuple[Samples, PlayoutStatistics]:
    microphone, link = Microphone(expected_loss=0.1 if fec else 0.0), Link[AudioPacket](weather, seed)
    with SoundRoom(Member("ada", link.carry(microphone.packets(speech(), START_NS)))) as room:
        room.play(speech().size / 48_000 + 0.5)
        return room.mix, room.members[0].playout.statistics


@functools.cache
def judged(loss: float, *, fec: bool, seed: int) -> tuple[float, float, float]:
    """Intelligibility, segmental signal-to-noise ratio in dB and concealed share."""
    clean, _ = mix(Weather(), fec=fec)
    heard, counted = mix(Weather(loss=loss, jitter_ms=20, drift_ppm=100), fec=fec, seed=seed)
    clean = clean[FIRST_SAMPLE:]
    heard = aligned(clean, heard)
    return stoi(clean, heard), segmental_snr_db(clean, heard), counted.concealed_samples / counted.played_samples


@pytest.mark.parametrize("seed", [1, 2])
def test_with_copies_speech_stays_intelligible_at_five_per_cent_of_loss(seed: int) -> None:
    intelligibility, snr_db, concealed = judged(0.05, fec=True, seed=seed)
    assert intelligibility >= 0.95
    assert snr_db >= 22.0
    assert concealed <= 0.03


@pytest.mark.parametrize("seed", [1, 2])
def test_without_copies_the_same_network_takes_more_of_it(seed: int) -> None:
    with_copies, without = judged(0.05, fec=True, seed=seed), judged(0.05, fec=False, seed=seed)
    assert without[0] <= with_copies[0] - 0.02
    assert without[1] <= with_copies[1] - 2.0
    assert without[2] >= 2 * with_copies[2]


def test_the_measure_knows_the_same_from_noise() -> None:
    voice = recorded("ada")
    assert stoi(voice, voice) == pytest.approx(1.0, abs=1e-6)
    assert stoi(voice, noise(-20, voice.size / 48_000)) < 0.5
    late = np.concatenate([np.zeros(4_321, np.int16), voice])
    assert segmental_snr_db(voice, aligned(voice, late)) > 30.0
