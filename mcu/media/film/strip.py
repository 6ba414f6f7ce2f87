"""What was decoded ahead of its time: samples by their number, pictures by the instant they are due. Not locked."""

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mcu.media.decoding import DecodedPicture
from mixer.timeline import SOUND_HZ

Samples = NDArray[np.int16]

SOUND_AHEAD: Final = SOUND_HZ
"""Samples. A decoder that is at a large picture for long must not silence the film."""

MOST_SHOTS: Final = 12
"""Ahead: nearly half a second of an ordinary film."""
MOST_SHOT_BYTES: Final = 64 * 1024 * 1024
FEWEST_SHOTS: Final = 2


class SoundStrip:
    """Mono at 48 kHz, with holes where nothing was written. ``end`` is the number of the sample after the last one."""

    def __init__(self) -> None:
        self.end = 0
        self._pieces: deque[tuple[int, Samples]] = deque()

    def clear(self, end: int = 0) -> None:
        self._pieces.clear()
        self.end = end

    def write(self, first: int, pcm: Samples) -> None:
        """What overlaps with what is there already is left out."""
        late = self.end - first
        if late > 0:
            first, pcm = self.end, pcm[late:]
        if pcm.size:
            self._pieces.append((first, pcm))
            self.end = first + pcm.size

    def read(self, first: int, count: int) -> Samples | None:
        """``count`` samples from ``first`` on, holes as silence; None where all of it is one."""
        chunk: Samples | None = None
        for begin, pcm in self._pieces:
            low, high = max(first, begin), min(first + count, begin + pcm.size)
            if low < high:
                if chunk is None:
                    chunk = np.zeros(count, np.int16)
                chunk[low - first : high - first] = pcm[low - begin : high - begin]
        return chunk

    def forget(self, before: int) -> None:
        while self._pieces and self._pieces[0][0] + self._pieces[0][1].size <= before:
            self._pieces.popleft()

    def cut(self, at: int) -> None:
        """Nothing from ``at`` on."""
        while self._pieces and self._pieces[-1][0] >= at:
            self._pieces.pop()
        if self._pieces:
            begin, pcm = self._pieces[-1]
            self._pieces[-1] = begin, pcm[: at - begin]
        self.end = min(self.end, at)


@dataclass(frozen=True, slots=True)
class Shot:
    """``due_ns`` in the film's own time."""

    due_ns: int
    picture: DecodedPicture

    @property
    def octets(self) -> int:
        return sum(plane.nbytes for plane in self.picture.picture.planes)


class ShotStrip:
    """Pictures in the order they are due. The one that is shown stays until another is."""

    def __init__(self) -> None:
        self._shots: deque[Shot] = deque()

    def clear(self) -> None:
        self._shots.clear()

    def add(self, shot: Shot) -> None:
        self._shots.append(shot)

    def at(self, time_ns: int) -> DecodedPicture | None:
        """The newest that is due."""
        return next((shot.picture for shot in reversed(self._shots) if shot.due_ns <= time_ns), None)

    @property
    def first(self) -> DecodedPicture | None:
        return self._shots[0].picture if self._shots else None

    def next_due_ns(self, time_ns: int) -> int | None:
        return next((shot.due_ns for shot in self._shots if shot.due_ns > time_ns), None)

    def forget(self, time_ns: int) -> None:
        """Those that another has followed already."""
        while len(self._shots) > 1 and self._shots[1].due_ns <= time_ns:
            self._shots.popleft()

    def cut(self, at_ns: int) -> None:
        """None that is due from then on."""
        while self._shots and self._shots[-1].due_ns >= at_ns:
            self._shots.pop()

    def full(self, time_ns: int) -> bool:
        ahead = [shot for shot in self._shots if shot.due_ns > time_ns]
        enough = len(ahead) >= MOST_SHOTS or sum(shot.octets for shot in ahead) >= MOST_SHOT_BYTES
        return enough and len(ahead) >= FEWEST_SHOTS

    def __len__(self) -> int:
        return len(self._shots)
