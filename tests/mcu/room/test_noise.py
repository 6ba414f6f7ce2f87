"""Noise goes, speech stays, and nobody's voice ends or begins with an edge because of it."""

import builtins
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mcu.errors import Unprocessable
from mcu.room.noise import NoiseSuppression
from mcu.room.voices import Heard
from mixer.faders import Faders
from mixer.levels import dbov
from tests.kit.speech import noise, recorded, tone

Chunks = NDArray[np.int16]


def cleaned(sound: Chunks) -> Chunks:
    suppression = NoiseSuppression()
    return np.concatenate(
        [suppression.clean(Heard({"ada": chunk}, {"ada": 1.0}, {}), {"ada"}).inputs["ada"] for chunk in chunks(sound)]
    )


def chunks(sound: Chunks) -> Chunks:
    return sound[: sound.size // 960 * 960].reshape(-1, 960)


def power_db(sound: Chunks, where: NDArray[np.bool_]) -> float:
    return 10 * float(np.log10(np.mean([10 ** (dbov(chunk) / 10) for chunk in chunks(sound)[where]])))


def test_noise_goes_and_speech_stays() -> None:
    voice = np.tile(recorded("ada"), 2)
    hiss = noise(-45.0, voice.size / 48_000)[: voice.size]
    noisy = (voice.astype(np.int32) + hiss).clip(-32_768, 32_767).astype(np.int16)
    out = np.roll(cleaned(noisy), -340)
    levels = np.array([dbov(chunk) for chunk in chunks(voice)])
    half = np.arange(levels.size) > levels.size // 2
    speech, gaps = half & (levels > levels.max() - 20), half & (levels < -80)
    assert gaps.sum() > 10
    assert power_db(noisy, gaps) - power_db(out, gaps) > 10
    assert power_db(out, speech) == pytest.approx(power_db(noisy, speech), abs=1.0)


def test_what_is_held_back_is_handed_out_when_a_voice_ends_and_not_when_it_begins_again() -> None:
    """A tone that the room cuts with a fade, as for a mute, and lets in again."""
    suppression, faders = NoiseSuppression(), Faders()
    sound = chunks(tone(440.0, 3.0)).copy()
    sound[60] = np.rint(sound[60] * np.linspace(1.0, 0.0, 960))
    sound[100] = np.rint(sound[100] * np.minimum(1.0, np.arange(960) / 240))
    out = []
    for number, chunk in enumerate(sound):
        there = number <= 60 or number >= 100
        heard = Heard({"ada": chunk} if there else {}, {"ada": 0.5} if there else {}, {})
        after = suppression.clean(heard, {"ada"})
        out.append(faders.contribute(after.inputs, after.gains).get("ada", np.zeros(960, np.int32)))
    steps = np.abs(np.diff(np.concatenate(out)[960 * 30 :]))
    # 440 Hz at half of 3000 moves by 86 from sample to sample.
    assert steps.max() < 130
    assert not np.concatenate(out[63:100]).any()


def test_who_leaves_is_forgotten() -> None:
    suppression = NoiseSuppression()
    for number in range(20):
        who = f"p{number}"
        after = suppression.clean(Heard({who: np.zeros(960, np.int16)}, {who: 1.0}, {}), {who})
        assert set(after.inputs) == {who}


def test_without_the_extra_a_room_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "pywebrtc_audio":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(Unprocessable, match="noise") as refused:
        NoiseSuppression()
    assert refused.value.field == "noise_suppression"


def test_who_is_spared_is_left_as_they_are() -> None:
    """A film's music is no noise, and waits for nobody."""
    suppression = NoiseSuppression()
    song = chunks(noise(-20.0, 1.0))
    for chunk in song:
        heard = Heard({"ada": chunk, "film": chunk}, {"ada": 1.0, "film": 1.0}, {})
        after = suppression.clean(heard, {"ada", "film"}, {"film"})
        assert after.inputs["film"] is chunk
    assert dbov(after.inputs["ada"]) < dbov(chunk) - 6
    assert suppression.clean(Heard({}, {}, {}), {"ada", "film"}, {"film"}).inputs.keys() == {"ada"}
