"""Sounds made by arithmetic: plain tones, and the chimes for those who come and go."""

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from mixer.timeline import SOUND_HZ

Pcm = NDArray[np.int16]

EDGE_SAMPLES: Final = 480
"""10 ms in which a sound comes and goes, so that it has no edges."""

CHIME_DBFS: Final = -30.0
"""Quiet: well below a voice, which is around −20."""

CHIME_NOTES_HZ: Final = {"join": (659.26, 880.0), "leave": (880.0, 659.26)}
"""A fourth, upwards for who comes and downwards for who goes: it reads as a question and its answer."""

_NOTE_GAP_S: Final = 0.13
_NOTE_S: Final = 0.45
_DECAY_S: Final = 0.11
_OVERTONE: Final = 0.18


def smoothed(pcm: Pcm) -> Pcm:
    """``pcm`` with its ends faded over 10 ms; a new array."""
    edge = min(EDGE_SAMPLES, pcm.size // 2)
    gains = np.ones(pcm.size)
    if edge:
        gains[:edge] = np.linspace(0.0, 1.0, edge)
        gains[-edge:] = np.linspace(1.0, 0.0, edge)
    return _as_int16(pcm * gains)


def tone(hz: float, duration_ms: int, level_dbfs: float) -> Pcm:
    """A sine with faded ends: int16 (n,) at 48 kHz. ``level_dbfs``: 0 for a sine of full scale."""
    at = np.arange(duration_ms * SOUND_HZ // 1000) / SOUND_HZ
    return smoothed(_as_int16(_amplitude(level_dbfs) * np.sin(2 * np.pi * hz * at)))


def chime(kind: Literal["join", "leave"]) -> Pcm:
    """Two notes like those of a small bell: int16 (n,) at 48 kHz, 0.6 s."""
    whole = np.zeros(round((_NOTE_GAP_S + _NOTE_S) * SOUND_HZ))
    at = np.arange(round(_NOTE_S * SOUND_HZ)) / SOUND_HZ
    for number, hz in enumerate(CHIME_NOTES_HZ[kind]):
        wave = np.sin(2 * np.pi * hz * at) + _OVERTONE * np.sin(2 * np.pi * 2 * hz * at)
        start = round(number * _NOTE_GAP_S * SOUND_HZ)
        whole[start : start + at.size] += wave * np.exp(-at / _DECAY_S) * np.minimum(1.0, at / 0.005)
    return smoothed(_as_int16(whole * _amplitude(CHIME_DBFS)))


def _amplitude(level_dbfs: float) -> float:
    return float(32_767 * 10 ** (level_dbfs / 20))


def _as_int16(samples: NDArray[np.float64]) -> Pcm:
    whole: Pcm = np.rint(samples).astype(np.int16)
    return whole
