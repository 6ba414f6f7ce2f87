"""Blocks of sound laid out on one unbroken line of samples: what is missing becomes silence, never a jump."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mcu.clock import NS_PER_S
from mcu.frames import AUDIO_CLOCK_HZ

Sound = NDArray[np.int16]

SNAP_SAMPLES: Final = 480
"""A block less than 10 ms off its place is joined to the one before it: a tick that ran late is no hole in the sound.
What adds up beyond that is put right with silence or a cut, so sound and picture stay within 10 ms."""


class Soundtrack:
    """int16 mono samples at 48 kHz from room time ``origin_ns`` on, passed to ``emit`` in blocks of ``block`` samples.

    Holds less than one block. Not for two threads at once; what ``emit`` raises goes through to the caller.
    """

    def __init__(self, origin_ns: int, block: int, emit: Callable[[Sound], None]) -> None:
        self._origin_ns = origin_ns
        self._block = block
        self._emit = emit
        self._waiting = np.zeros(0, np.int16)
        self._position = 0
        self._end: int | None = None
        self._loose = False
        self._silence = 0

    @property
    def silence(self) -> int:
        """How many samples stand in for sound that didn't come."""
        return self._silence

    def add(self, pcm: Sound, time_ns: int) -> None:
        """Adds a block whose first sample sounds at ``time_ns``. What lies before the origin, or where there is sound
        or silence already, is cut off; a hole before it becomes silence.
        """
        gap = self._sample_at(time_ns) - self._position
        if self._loose and abs(gap) <= SNAP_SAMPLES:
            gap = 0
        self._append_silence(gap)
        self._append(pcm[max(-gap, 0) :])
        self._loose = self._loose or -gap < len(pcm)

    def pad_to(self, time_ns: int) -> None:
        """Adds silence up to a room time, if the sound doesn't reach it yet."""
        self._append_silence(self._sample_at(time_ns) - self._position)

    def cut(self, time_ns: int) -> None:
        """Takes nothing from this room time on, until ``join``."""
        self._end = max(self._sample_at(time_ns), self._position)

    def join(self, cut_ns: int, time_ns: int) -> None:
        """What sounds at ``time_ns`` follows what sounded before ``cut_ns``; what lies between is left out. Exact to
        the sample, and without a sum of roundings: both streams of a file can be cut so any number of times.
        """
        self._end = None
        self.pad_to(cut_ns)
        self._origin_ns += time_ns - cut_ns
        self._loose = False

    def finish(self) -> None:
        """Emits what is left, as one last, shorter block."""
        if len(self._waiting):
            self._emit(self._waiting)
            self._waiting = np.zeros(0, np.int16)

    def _sample_at(self, time_ns: int) -> int:
        return ((time_ns - self._origin_ns) * AUDIO_CLOCK_HZ + NS_PER_S // 2) // NS_PER_S

    def _append_silence(self, samples: int) -> None:
        if self._end is not None:
            samples = min(samples, self._end - self._position)
        while samples > 0:  # a second at a time: memory stays bounded however long the hole
            step = min(samples, AUDIO_CLOCK_HZ)
            self._silence += step
            self._append(np.zeros(step, np.int16))
            samples -= step

    def _append(self, pcm: Sound) -> None:
        if self._end is not None:
            pcm = pcm[: self._end - self._position]
        waiting = np.concatenate((self._waiting, pcm))
        whole = len(waiting) - len(waiting) % self._block
        self._position += len(pcm)
        self._waiting = waiting[whole:]
        for start in range(0, whole, self._block):
            self._emit(waiting[start : start + self._block])
