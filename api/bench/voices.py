"""Recorded voices to measure with."""

from pathlib import Path
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray

from api.bench.harness import BenchFailed
from mcu.frames import SAMPLES_PER_TICK

VOICES: Final = Path(__file__).parents[2] / "samples" / "media"


def voice(number: int, ticks: int) -> NDArray[np.int16]:
    """One of the recorded voices, from another place each time: int16 of shape (ticks, 960), 48 kHz."""
    paths = sorted(VOICES.glob("*.ogg"))
    if not paths:
        raise BenchFailed(f"no voices in {VOICES}")
    resampler = av.AudioResampler(format="s16", layout="mono", rate=48_000)
    with av.open(str(paths[number % len(paths)])) as container:
        parts = [part.to_ndarray()[0] for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    samples = np.roll(np.concatenate(parts).astype(np.int16), -number * 48_000)
    return np.resize(samples, (ticks, SAMPLES_PER_TICK))
