"""Everybody's sound, and for each who contributes to it everybody's but their own.

The sum is made once, in int32; a contributor's mix is that sum minus exactly the samples they put in: after gain,
same tick, no threshold in between. So nobody can hear themselves, however loud or quiet they are, and a room costs one
subtraction a contributor and not one addition a pair.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixer.faders import MAX_GAIN, NO_GAINS, checked, times
from mixer.limiter import Limiter
from mixer.timeline import SOUND_TICK_SAMPLES

__all__ = ["MAX_GAIN", "Mixed", "SoundMixer", "Sums", "mix_minus"]


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """One tick before limiting: int32, shape (960,). ``without`` has a key for each contributor."""

    everyone: NDArray[np.int32]
    without: Mapping[str, NDArray[np.int32]]


@dataclass(frozen=True, slots=True, eq=False)
class Mixed:
    """One tick, ready to encode: int16, shape (960,), or (960, 2) in a room with places. ``everyone`` is for those who
    contributed nothing and for recorders; ``without`` has a mix of their own for each contributor. ``sums`` is the same
    before limiting.
    """

    everyone: NDArray[np.int16]
    without: Mapping[str, NDArray[np.int16]]
    sums: Sums


def mix_minus(inputs: Mapping[str, NDArray[np.int16]], gains: Mapping[str, float] = NO_GAINS) -> Sums:
    """Sums one tick. ``inputs``: a chunk of int16 (960,) per contributor; ``gains``: factors 0 to 16, 1 if missing.

    Raises ``ValueError`` for a chunk of another shape or type and for a gain out of range.
    """
    contributed = {who: _amplified(who, chunk, gains.get(who, 1.0)) for who, chunk in inputs.items()}
    everyone = np.zeros(SOUND_TICK_SAMPLES, np.int32)
    for samples in contributed.values():
        everyone += samples
    return Sums(everyone, {who: everyone - samples for who, samples in contributed.items()})


def _amplified(who: str, chunk: NDArray[np.int16], gain: float) -> NDArray[np.int32]:
    """The samples as they enter the sum: rounded here, once, so that taking them out again is exact."""
    checked(who, chunk, gain)
    return chunk.astype(np.int32) if gain == 1.0 else times(chunk, gain)


class SoundMixer:
    """The sound of one room: sums, and the limiters whose gain goes on from tick to tick. One thread.

    Somebody who begins to contribute gets a limiter that goes on from everybody's, which is what they heard until
    then; it is freed with the first tick they contribute nothing to.
    """

    def __init__(self) -> None:
        self._everyone = Limiter()
        self._without: dict[str, Limiter] = {}

    def mix(self, inputs: Mapping[str, NDArray[np.int16]], gains: Mapping[str, float] = NO_GAINS) -> Mixed:
        """Mixes one tick of 20 ms. Arguments and errors as for ``mix_minus``; an input may be reused afterwards."""
        return self.limit(mix_minus(inputs, gains))

    def limit(self, sums: Sums) -> Mixed:
        """The next tick, from its sums."""
        self._without = {who: self._without.get(who) or self._everyone.follower() for who in sums.without}
        everyone = self._everyone.limit(sums.everyone)
        without = {who: self._without[who].limit(total) for who, total in sums.without.items()}
        return Mixed(everyone, without, sums)

    @property
    def contributors(self) -> int:
        """How many have a limiter of their own just now."""
        return len(self._without)
