"""Too loud never wraps, never clips and never pumps; quiet passes untouched."""

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mixer.limiter import Limiter
from tests.kit.speech import recorded

Total = NDArray[np.int32]


def tone(amplitude: float, tick: int, hz: float = 331.0) -> Total:
    at = (np.arange(960) + tick * 960) / 48_000
    return np.rint(amplitude * np.sin(2 * np.pi * hz * at)).astype(np.int32)


@given(
    amplitudes=st.lists(
        st.sampled_from([0, 100, 20_000, 32_767, 40_000, 300_000, 60_000_000]), min_size=1, max_size=12
    ),
    seed=st.integers(0, 10_000),
)
@settings(max_examples=100, deadline=None)
def test_nothing_ever_wraps_or_turns_over(amplitudes: list[int], seed: int) -> None:
    limiter = Limiter()
    random = np.random.default_rng(seed)
    for amplitude in amplitudes:
        total = random.integers(-amplitude // 4, amplitude // 4, 960, endpoint=True).astype(np.int32)
        total[random.integers(0, 960)] = amplitude * random.choice([-1, 1])
        limited = limiter.limit(total)
        assert limited.dtype == np.int16
        # A wrapped sample has the other sign, an overshooting one would have wrapped.
        assert (limited.astype(np.int64) * total >= 0).all()
        assert (np.abs(limited.astype(np.int64)) <= np.abs(total.astype(np.int64))).all()


def test_no_sample_is_flattened() -> None:
    for tick in range(10):
        limited = Limiter().limit(tone(100_000, tick))
        # Clipping shows as neighbours at the same extreme.
        extreme = np.abs(limited.astype(np.int32)) >= 32_766
        assert extreme.sum() <= 24


def test_quiet_passes_bit_for_bit() -> None:
    limiter = Limiter()
    for tick in range(50):
        total = tone(32_767, tick)
        assert np.array_equal(limiter.limit(total), total)
    edge = np.array([-32_768, 32_767] * 480, np.int32)
    assert np.array_equal(limiter.limit(edge), edge)


def test_the_gain_never_steps_between_chunks() -> None:
    limiter = Limiter()
    end = 1.0
    for amplitude in (20_000, 60_000, 60_000, 20_000, *([20_000] * 60), 45_000, 20_000):
        # A constant makes the gain visible in every sample; the first 100 are quiet, as speech has no edges.
        total = np.full(960, amplitude, np.int32)
        total[:100] = 20_000
        limited = limiter.limit(total)
        gains = limited / total
        assert abs(gains[0] - end) < 0.02
        assert np.abs(np.diff(gains)).max() < 0.02
        end = float(gains[-1])


def test_the_gain_holds_through_syllables_and_comes_back_slowly() -> None:
    limiter = Limiter()
    limiter.limit(tone(65_534, 0))
    assert limiter.scale < 0.51
    loud = limiter.scale
    for tick in range(1, 101):
        # A loud syllable every 300 ms.
        limiter.limit(tone(65_534, 0) if tick % 15 == 0 else tone(2_000, tick))
        assert limiter.scale == loud
    scales = []
    for tick in range(200):
        limiter.limit(tone(2_000, tick))
        scales.append(limiter.scale)
    assert all(after <= before * 1.01 for before, after in pairwise([loud, *scales]))
    assert scales[-1] == 1.0
    quiet = tone(2_000, 7)
    assert np.array_equal(limiter.limit(quiet), quiet)


def test_three_people_at_once_are_limited_without_pumping() -> None:
    """Pumping is a gain that follows syllables, 2 to 10 times a second; from about 1 dB on it is heard."""
    voices = [recorded(name).astype(np.int32) for name in ("ada", "julia", "minjun")]
    samples = min(voice.size for voice in voices) // 960 * 960
    total = 4 * np.sum([voice[:samples] for voice in voices], axis=0).reshape(-1, 960)
    limiter, gains_db = Limiter(), []
    for chunk in total:
        limiter.limit(chunk.astype(np.int32))
        gains_db.append(20 * np.log10(limiter.scale))
    settled = np.array(gains_db[50:])
    assert settled.min() < -10
    spectrum = np.abs(np.fft.rfft(settled - settled.mean())) * 2 / settled.size
    rate_hz = np.fft.rfftfreq(settled.size, 0.02)
    assert spectrum[(rate_hz >= 2) & (rate_hz <= 10)].max() < 0.4
