"""Everybody hears everybody but themselves, exactly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mixer.levels import SILENT, dbfs, dbov, level, rfc6464
from mixer.sound import MAX_GAIN, Mixed, SoundMixer, mix_minus

Chunk = NDArray[np.int16]

# Not harmonics of each other, nor are their sums and differences.
TONES_HZ = {"ada": 317.0, "bo": 463.0, "cy": 719.0, "di": 1151.0}


def noise(seed: int, amplitude: int) -> Chunk:
    samples = np.random.default_rng(seed).integers(-amplitude, amplitude, 960, endpoint=True)
    return samples.clip(-32768, 32767).astype(np.int16)


def tone(hz: float, tick: int, amplitude: float = 2_000.0) -> Chunk:
    at = (np.arange(960) + tick * 960) / 48_000
    return np.rint(amplitude * np.sin(2 * np.pi * hz * at)).astype(np.int16)


def heard(chunks: list[Chunk], hz: float) -> float:
    """The amplitude of a tone within a signal."""
    signal = np.concatenate(chunks).astype(np.float64) * np.hanning(960 * len(chunks))
    at = np.arange(signal.size) / 48_000
    return float(abs(np.dot(signal, np.exp(-2j * np.pi * hz * at)))) * 4 / signal.size


@given(
    amplitudes=st.lists(st.integers(0, 32_768), max_size=8),
    gains=st.lists(st.floats(0.0, MAX_GAIN), min_size=8, max_size=8),
    seed=st.integers(0, 1_000),
)
@settings(max_examples=100, deadline=None)
def test_a_mix_is_exactly_the_sum_of_the_others(amplitudes: list[int], gains: list[float], seed: int) -> None:
    inputs = {f"p{n}": noise(seed + n, amplitude) for n, amplitude in enumerate(amplitudes)}
    factors = {f"p{n}": gains[n] for n in range(len(amplitudes)) if n % 2}
    sums = mix_minus(inputs, factors)

    def total(names: list[str]) -> NDArray[np.int64]:
        parts = [np.rint(inputs[who].astype(np.float64) * factors.get(who, 1.0)).astype(np.int64) for who in names]
        return np.sum(parts, axis=0, dtype=np.int64) if parts else np.zeros(960, np.int64)

    assert set(sums.without) == set(inputs)
    assert np.array_equal(sums.everyone, total(list(inputs)))
    for who, without in sums.without.items():
        assert np.array_equal(without, total([other for other in inputs if other != who]))


def talk(ticks: int, gains: dict[str, float]) -> list[Mixed]:
    mixer = SoundMixer()
    return [mixer.mix({who: tone(hz, tick) for who, hz in TONES_HZ.items()}, gains) for tick in range(ticks)]


def test_nobody_hears_themselves_and_everybody_hears_the_others() -> None:
    mixed = talk(25, {"ada": 1.7, "bo": 0.3})
    for listener in TONES_HZ:
        mine = [tick.without[listener] for tick in mixed]
        for speaker, hz in TONES_HZ.items():
            amplitude = 2_000 * {"ada": 1.7, "bo": 0.3}.get(speaker, 1.0)
            if speaker == listener:
                # 0.1 % of one's own voice would show here.
                assert heard(mine, hz) < 0.001 * amplitude
            else:
                assert heard(mine, hz) == pytest.approx(amplitude, rel=0.01)
    for speaker, hz in TONES_HZ.items():
        assert heard([tick.everyone for tick in mixed], hz) > 500, speaker


def test_quiet_mixes_reach_the_listeners_bit_for_bit() -> None:
    for tick in talk(3, {}):
        assert np.array_equal(tick.everyone, tick.sums.everyone)
        for who, without in tick.without.items():
            assert without.dtype == np.int16
            assert np.array_equal(without, tick.sums.without[who])


def test_ten_people_shouting_wrap_nowhere() -> None:
    mixer = SoundMixer()
    shout = np.full(960, 32_767, np.int16)
    mixed = mixer.mix({f"p{n}": shout for n in range(10)})
    assert mixed.sums.everyone.max() == 327_670
    assert mixed.everyone.min() >= 0
    assert all(without.min() >= 0 for without in mixed.without.values())


def test_a_single_voice_at_full_scale_is_left_alone() -> None:
    loud = np.where(np.arange(960) % 96 < 48, 32_767, -32_768).astype(np.int16)
    mixed = SoundMixer().mix({"ada": loud})
    assert np.array_equal(mixed.everyone, loud)
    assert not mixed.without["ada"].any()


def test_an_empty_room_is_silent() -> None:
    mixed = SoundMixer().mix({})
    assert mixed.everyone.shape == (960,)
    assert not mixed.everyone.any()
    assert mixed.without == {}


def test_limiters_go_with_their_contributors() -> None:
    mixer = SoundMixer()
    for tick in range(100):
        mixer.mix({f"p{tick}": noise(tick, 100), "ada": noise(1, 100)})
        assert mixer.contributors == 2
    mixer.mix({})
    assert mixer.contributors == 0


def test_somebody_who_begins_to_speak_keeps_the_gain_they_heard() -> None:
    mixer = SoundMixer()
    loud = {f"p{n}": tone(300 + 37 * n, 0, 30_000) for n in range(4)}
    before = mixer.mix(loud)
    after = mixer.mix({**loud, "ada": np.zeros(960, np.int16)})
    assert before.everyone.max() <= 32_767
    # Ada adds nothing, so her mix and everybody's are one and the same signal.
    assert np.array_equal(after.without["ada"], after.everyone)


@pytest.mark.parametrize(
    ("chunk", "gain"),
    [
        (np.zeros(480, np.int16), 1.0),
        (np.zeros(960, np.int32), 1.0),
        (np.zeros((960, 1), np.int16), 1.0),
        (np.zeros(960, np.int16), -0.1),
        (np.zeros(960, np.int16), float("nan")),
        (np.zeros(960, np.int16), float("inf")),
    ],
)
def test_what_is_no_chunk_is_refused(chunk: Chunk, gain: float) -> None:
    with pytest.raises(ValueError, match="ada"):
        mix_minus({"ada": chunk}, {"ada": gain})


def test_levels_are_those_of_the_standards() -> None:
    square = np.full(960, 32_767, np.int16)
    sine = tone(1_000, 0, 32_767)
    assert dbov(square) == pytest.approx(0.0, abs=0.01)
    assert dbov(sine) == pytest.approx(-3.01, abs=0.01)
    assert dbfs(sine) == pytest.approx(0.0, abs=0.01)
    assert level(tone(1_000, 0, 3_276.7)) == 23
    assert level(np.zeros(960, np.int16)) == SILENT
    assert level(np.zeros(0, np.int16)) == SILENT
    assert (rfc6464(3.0), rfc6464(-0.4), rfc6464(-300.0)) == (0, 0, SILENT)
