"""Is a tone there, and how loud? Measured in sound as it was received or recorded."""

import numpy as np
import numpy.typing as npt

SAMPLE_RATE_HZ = 48_000
SILENCE_DBFS = -120.0

Samples = npt.NDArray[np.int16]
"""Mono, 48 kHz."""


def tone_dbfs(samples: Samples, frequency_hz: float) -> float:
    """The level of one frequency: 0 for a sine of full scale, −6 for half of it; −120 at the least.

    A Goertzel filter in closed form: the sound against a Hann-windowed complex sine, so that a tone two or more bins
    (100 Hz in 40 ms of sound) away doesn't count. Wants at least ten periods.
    """
    if len(samples) < 10 * SAMPLE_RATE_HZ / frequency_hz:
        raise ValueError(f"{len(samples)} samples are too few to find {frequency_hz} Hz in")
    window = np.hanning(len(samples))
    phase = 2.0 * np.pi * frequency_hz / SAMPLE_RATE_HZ * np.arange(len(samples))
    amplitude = 2.0 * np.abs(np.sum(samples * window * np.exp(-1j * phase))) / np.sum(window)
    return decibels(amplitude / 32767.0)


def level_dbfs(samples: Samples) -> float:
    """The whole sound's root mean square, on the scale where a full-scale sine has −3."""
    if not len(samples):
        return SILENCE_DBFS
    return decibels(float(np.sqrt(np.mean(np.square(samples.astype(np.float64))))) / 32767.0)


def hears(samples: Samples, frequency_hz: float, floor_dbfs: float = -45.0) -> bool:
    """Whether a tone stands out: louder than ``floor_dbfs``, and at least 10 dB above its neighbourhood."""
    there = tone_dbfs(samples, frequency_hz)
    beside = max(tone_dbfs(samples, frequency_hz * ratio) for ratio in (0.8, 1.25))
    return there > floor_dbfs and there > beside + 10.0


def onsets_s(samples: Samples, frequency_hz: float, floor_dbfs: float = -30.0, step_s: float = 0.005) -> list[float]:
    """When a tone sets in, in seconds from the first sample, to about ``step_s``."""
    step = int(step_s * SAMPLE_RATE_HZ)
    span = max(step, int(10 * SAMPLE_RATE_HZ / frequency_hz) + 1)
    starts: list[float] = []
    sounding = False
    for begin in range(0, len(samples) - span, step):
        now = tone_dbfs(samples[begin : begin + span], frequency_hz) > floor_dbfs
        if now and not sounding:
            starts.append((begin + span / 2) / SAMPLE_RATE_HZ)
        sounding = now
    return starts


def decibels(ratio: float) -> float:
    return max(SILENCE_DBFS, 20.0 * float(np.log10(max(ratio, 1e-6))))
