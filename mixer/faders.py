"""Everybody's fader: gains that never step, and voices that never end with a click.

A gain goes to a new value in a straight line over one chunk. Whoever is gone of a sudden, in the middle of a sound,
ends with one more chunk: their last one played backwards, which goes on where that ended, on its way down to nothing.
Those who have been faded out (``mcu/room/voices.py``) are left as they are.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from mixer.timeline import SOUND_TICK_SAMPLES

MAX_GAIN = 16.0
"""24 dB. With it 4096 people at full scale fit into an int32."""

NO_GAINS: Mapping[str, float] = MappingProxyType({})

Samples = NDArray[np.int32]
Ramp = NDArray[np.float64]


def ramp(before: float, after: float) -> Ramp:
    """The factors of one chunk on its way from ``before`` to ``after``: float64 (960,), the last one is ``after``."""
    return np.linspace(before, after, SOUND_TICK_SAMPLES + 1)[1:]


UP = ramp(0.0, 1.0)
DOWN = 1.0 - UP


def times(samples: NDArray[np.int16] | Samples, factor: float | Ramp) -> Samples:
    """``samples``, of one channel or two, times ``factor``, rounded to int32; a new array."""
    if samples.ndim == 2 and isinstance(factor, np.ndarray):
        factor = factor[:, None]
    scaled: Samples = np.rint(samples * factor).astype(np.int32)
    return scaled


def checked(who: str, chunk: NDArray[np.int16], gain: float) -> None:
    """Raises ``ValueError`` for what is no chunk, int16 of shape (960,), and for a gain out of range."""
    if chunk.shape != (SOUND_TICK_SAMPLES,) or chunk.dtype != np.int16:
        raise ValueError(f"{who}: a chunk is int16 of shape (960,), not {chunk.dtype} of {chunk.shape}")
    if not 0.0 <= gain <= MAX_GAIN:
        raise ValueError(f"{who}: a gain is 0 to {MAX_GAIN:g}, not {gain}")


ENDED = 0.05
"""A chunk whose last millisecond is below this part of its peak has come to its end by itself."""
_LAST_SAMPLES = 48


class Faders:
    """The faders of a room. One thread."""

    def __init__(self) -> None:
        self._gains: dict[str, float] = {}
        self._last: dict[str, Samples] = {}

    def contribute(
        self, inputs: Mapping[str, NDArray[np.int16]], gains: Mapping[str, float] = NO_GAINS
    ) -> dict[str, Samples]:
        """What each puts into the mix in this tick: int32 of shape (960,), new arrays.

        ``inputs``: a chunk of int16 (960,) of each who is heard; ``gains``: factors 0 to 16, 1 if missing. Whoever was
        cut off with the tick before is in the answer once more. Raises ``ValueError`` as ``checked`` does.
        """
        faded: dict[str, Samples] = {}
        for who, chunk in inputs.items():
            gain = gains.get(who, 1.0)
            checked(who, chunk, gain)
            faded[who] = self._faded(chunk, self._gains.get(who, gain), gain)
        cut = {who: last for who, last in self._last.items() if who not in inputs and not _ended(last)}
        tails = {who: times(last[::-1], DOWN) for who, last in cut.items()}
        self._last = dict(faded)
        self._gains = {who: gains.get(who, 1.0) for who in inputs}
        return faded | tails

    @staticmethod
    def _faded(chunk: NDArray[np.int16], before: float, gain: float) -> Samples:
        if before != gain:
            return times(chunk, ramp(before, gain))
        return chunk.astype(np.int32) if gain == 1.0 else times(chunk, gain)


def _ended(samples: Samples) -> bool:
    return bool(np.abs(samples[-_LAST_SAMPLES:]).max() <= ENDED * np.abs(samples).max())
