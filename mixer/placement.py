"""Where voices stand between left and right: where their tiles do.

Constant power (a cosine and a sine of the same angle), so that a voice is as loud at the side as in the middle. In the
middle each channel has the voice at its own level; folded to one channel it is that level again, at the side 3 dB less.
A tile that moves takes its voice along at a bounded pace: what jumps is heard, what walks isn't.
"""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mixer.faders import Samples
from mixer.timeline import SOUND_TICK_SAMPLES

WIDTH = 0.8
"""How far to the side the edge of the canvas is. A voice in one ear alone is tiring."""

STEP = 0.05
"""A tick; from one side to the other in 0.6 s."""

Gains = NDArray[np.float64]


def gains_at(pan: float) -> Gains:
    """The factors of left and right, float64 (2,), for ``pan`` from −1, left, to 1."""
    angle = (WIDTH * min(1.0, max(-1.0, pan)) + 1.0) * math.pi / 4
    return math.sqrt(2.0) * np.array([math.cos(angle), math.sin(angle)])


class Placement:
    """The places of a room's speakers. One thread."""

    def __init__(self) -> None:
        self._pans: dict[str, float] = {}

    def place(self, voices: Mapping[str, Samples], wanted: Mapping[str, float]) -> dict[str, Samples]:
        """``voices``, int32 (960,), as int32 (960, 2). ``wanted``: where each shall be; in the middle if missing.

        Who begins is there at once; who is somewhere else is on the way.
        """
        placed: dict[str, Samples] = {}
        pans: dict[str, float] = {}
        for who, samples in voices.items():
            target = wanted.get(who, 0.0)
            before = self._pans.get(who, target)
            after = pans[who] = min(before + STEP, max(before - STEP, target))
            gains = gains_at(after)
            if before != after:
                way = np.linspace(0.0, 1.0, SOUND_TICK_SAMPLES + 1)[1:, None]
                gains = gains_at(before) * (1.0 - way) + gains * way
            placed[who] = np.rint(samples[:, None] * gains).astype(np.int32)
        self._pans = pans
        return placed


def folded(chunk: NDArray[np.int16]) -> NDArray[np.int16]:
    """One channel, int16 (960,), of one or two."""
    if chunk.ndim == 1:
        return chunk
    mono: NDArray[np.int16] = ((chunk[:, 0].astype(np.int32) + chunk[:, 1]) >> 1).astype(np.int16)
    return mono
