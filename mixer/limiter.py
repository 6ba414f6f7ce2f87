"""Keeps a sum of voices inside 16 bits without being heard.

One scale factor a chunk, ramped linearly over its samples so that the gain never steps. It goes down inside the very
chunk that is too loud, before the first sample that would not fit, and comes back slowly after a hold: syllables come
every 100 to 300 ms, and a gain that followed them would pump. While nothing is too loud the samples pass unchanged.
"""

import numpy as np
from numpy.typing import NDArray

CEILING = 32_767

HOLD_CHUNKS = 25
"""Chunks (half a second at 20 ms) without a peak before the gain comes back. Longer: steadier, but quiet for longer."""

RELEASE_PER_CHUNK = 10 ** (3 * 0.020 / 20)
"""3 dB a second. Faster is heard as pumping."""


class Limiter:
    """The limiter of one output. ``scale`` is the gain at the end of the last chunk, 0 to 1. One thread."""

    def __init__(self, scale: float = 1.0, held_chunks: int = 0) -> None:
        self.scale = scale
        self._held_chunks = held_chunks

    def limit(self, total: NDArray[np.int32]) -> NDArray[np.int16]:
        """A chunk of int32 sums, (n,) or (n, 2), as int16, none wrapped and none clipped; a new array. Two channels
        have one gain, or a voice would wander when another is loud.
        """
        fits = self._fitting_scale(total)
        before = self.scale
        if fits <= before and fits < 1.0:
            self._held_chunks = HOLD_CHUNKS
        if fits < before:
            self.scale = fits
            return self._scaled(total, self._attack(total, before, fits))
        if before == 1.0:
            return total.astype(np.int16)
        if self._held_chunks:
            self._held_chunks -= 1
            return self._scaled(total, before)
        self.scale = min(1.0, fits, before * RELEASE_PER_CHUNK)
        return self._scaled(total, np.linspace(before, self.scale, len(total)))

    def follower(self) -> "Limiter":
        """A limiter for another output that goes on with this one's gain."""
        return Limiter(self.scale, self._held_chunks)

    @staticmethod
    def _fitting_scale(total: NDArray[np.int32]) -> float:
        if not total.size:
            return 1.0
        peak = max(int(total.max()), -int(total.min()) - 1)
        return 1.0 if peak <= CEILING else CEILING / peak

    @staticmethod
    def _attack(total: NDArray[np.int32], before: float, after: float) -> NDArray[np.float64]:
        """The gain of each sample: down in a straight line, at the bottom with the first sample that needs it."""
        loudest = np.abs(total.astype(np.float64)) if total.ndim == 1 else np.abs(total.astype(np.float64)).max(axis=1)
        needs = loudest * before > CEILING
        first = int(needs.argmax()) if needs.any() else len(total) - 1
        gains = np.full(len(total), after)
        gains[: first + 1] = np.linspace(before, after, first + 2)[1:]
        return gains

    @staticmethod
    def _scaled(total: NDArray[np.int32], gains: NDArray[np.float64] | float) -> NDArray[np.int16]:
        if total.ndim == 2 and isinstance(gains, np.ndarray):
            gains = gains[:, None]
        scaled: NDArray[np.int16] = np.rint(total * gains).astype(np.int16)
        return scaled
