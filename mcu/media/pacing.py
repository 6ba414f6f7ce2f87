"""Brings a delay to where it should be by playing a little faster or slower."""

import numpy as np

from mcu.clock import NS_PER_MS, NS_PER_S
from mcu.frames import AUDIO_CLOCK_HZ, SAMPLES_PER_TICK
from mcu.media.opus import Samples

CORRECT_LATE_FROM_NS = 8 * NS_PER_MS
CORRECT_EARLY_FROM_NS = 3 * NS_PER_MS
CORRECT_UNTIL_NS = 1 * NS_PER_MS
"""A deviation below the first two is left alone; one above is worked on until it is below the third. Being early is
worse: it ends in a hole.
"""

GENTLE_SAMPLES = 5
"""Half a per cent a chunk: cannot be heard. Takes away 0.1 ms a tick, sixteen times a drift of 300 ppm."""

HASTY_FROM_NS = 20 * NS_PER_MS
HASTY_SAMPLES = 19
"""Two per cent, when there is more to catch up with."""

QUIET_SAMPLES = 240
"""Where nothing is to be heard nobody notices a quarter more or less."""

SMOOTHING = 1 / 8
"""Weight of the newest measurement: a sound thread that wakes up late once must not bend the pitch."""


class Pacer:
    """The smoothed delay of one stream and what to do about it. One thread."""

    def __init__(self) -> None:
        self.delay_ns = 0.0
        self._correcting = False

    def begin(self, delay_ns: int) -> None:
        """Playing begins with this delay."""
        self.delay_ns = float(delay_ns)
        self._correcting = False

    def correction(self, delay_ns: int, target_ns: int, *, quiet: bool) -> int:
        """How many samples more (when too late) or fewer than 960 to take for the next chunk."""
        self.delay_ns += (delay_ns - self.delay_ns) * SMOOTHING
        deviation_ns = self.delay_ns - target_ns
        size_ns = abs(deviation_ns)
        from_ns = CORRECT_LATE_FROM_NS if deviation_ns > 0 else CORRECT_EARLY_FROM_NS
        self._correcting = size_ns > (CORRECT_UNTIL_NS if self._correcting else from_ns)
        if not self._correcting:
            return 0
        most = QUIET_SAMPLES if quiet else HASTY_SAMPLES if size_ns > HASTY_FROM_NS else GENTLE_SAMPLES
        samples = min(most, int(size_ns * AUDIO_CLOCK_HZ / NS_PER_S))
        correction = samples if deviation_ns > 0 else -samples
        self.delay_ns -= correction * NS_PER_S / AUDIO_CLOCK_HZ
        return correction


def resampled(chunk: Samples) -> Samples:
    """A chunk of at least two samples stretched or squeezed to 960; its first and last sample stay, so neighbours fit.

    Cubic (Catmull and Rom's): what straight lines would add to the upper part of a voice could be heard.
    """
    if chunk.size == SAMPLES_PER_TICK:
        return chunk
    places = np.linspace(0, chunk.size - 1, SAMPLES_PER_TICK)
    base = np.minimum(places.astype(np.intp), chunk.size - 2)
    t = places - base
    known = np.empty(chunk.size + 2)
    known[1:-1] = chunk
    known[0], known[-1] = 2 * known[1] - known[2], 2 * known[-2] - known[-3]
    before, here, there, after = (known[base + step] for step in range(4))
    bend = 2 * before - 5 * here + 4 * there - after + t * (3 * (here - there) + after - before)
    curve = here + 0.5 * t * (there - before + t * bend)
    stretched: Samples = np.rint(np.clip(curve, -32_768, 32_767)).astype(np.int16)
    return stretched
