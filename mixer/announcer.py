"""Announcements over a room: sounds that everybody hears while the people are ducked.

The people go down fast, before the first word is over, and come back slowly, as a hand on a fader would; both in
decibels, which is how an even movement sounds even. An announcement that is stopped fades within a tick.
"""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixer.faders import DOWN, Ramp, Samples, times
from mixer.groups import Overlay
from mixer.timeline import SOUND_TICK_SAMPLES

ATTACK_DB_PER_TICK = 3.0
"""15 dB within 100 ms. Faster sounds cut, slower covers the first word."""

RELEASE_DB_PER_TICK = 0.5
"""15 dB in 600 ms. Faster is heard as a jump of the room after each sentence."""


@dataclass(frozen=True, slots=True, eq=False)
class Announcement:
    """``pcm``: int16 (n,), mono at 48 kHz, whose ends are silent. ``group``: who hears it, None for everybody.
    ``duck_db``: how far the people are turned down meanwhile, 0 or below.
    """

    id: str
    pcm: NDArray[np.int16]
    group: str | None = None
    duck_db: float = 0.0

    def reaches(self, group: str) -> bool:
        return self.group in (None, group)


class Announcer:
    """Plays what is wanted, tick by tick. One thread; ``played`` may be read by any."""

    def __init__(self) -> None:
        self.played: Mapping[str, int] = {}
        """Samples played of each, by its id."""
        self._playing: dict[str, Announcement] = {}
        self._ducked_db: dict[str, float] = {}

    def overlays(self, wanted: Iterable[Announcement], groups: Collection[str]) -> dict[str, Overlay]:
        """The next tick, by group; a group without anything to hear is left out. Announcements that are wanted no more
        end with this tick. One that is over is silent until it is wanted no more.
        """
        now = {one.id: one for one in wanted}
        playing = (*now.values(), *(one for name, one in self._playing.items() if name not in now))
        chunks = [(one, self._chunk(one, stops=one.id not in now)) for one in playing]
        sounding = [(one, chunk) for one, chunk in chunks if chunk is not None]
        self.played = {name: self.played.get(name, 0) + SOUND_TICK_SAMPLES for name in now}
        self._playing = now
        overlays: dict[str, Overlay] = {}
        ducked_db: dict[str, float] = {}
        for group in groups:
            heard = [(one, chunk) for one, chunk in sounding if one.reaches(group)]
            wanted_db = min((one.duck_db for one, _ in heard if one.id in now), default=0.0)
            before_db = self._ducked_db.get(group, 0.0)
            after_db = _towards(before_db, wanted_db)
            if after_db < 0.0:
                ducked_db[group] = after_db
            if heard or before_db or after_db:
                overlays[group] = Overlay(_sum([chunk for _, chunk in heard]), _ramp_db(before_db, after_db))
        self._ducked_db = ducked_db
        return overlays

    def over(self, one: Announcement) -> bool:
        """It has been played to its end."""
        return self.played.get(one.id, 0) >= one.pcm.size

    def _chunk(self, one: Announcement, *, stops: bool) -> Samples | None:
        """None when it is over."""
        at = self.played.get(one.id, 0)
        if at >= one.pcm.size:
            return None
        chunk = np.zeros(SOUND_TICK_SAMPLES, np.int32)
        part = one.pcm[at : at + SOUND_TICK_SAMPLES]
        chunk[: part.size] = part
        return times(chunk, DOWN) if stops else chunk


def _towards(before_db: float, wanted_db: float) -> float:
    if wanted_db < before_db:
        return max(wanted_db, before_db - ATTACK_DB_PER_TICK)
    return min(wanted_db, before_db + RELEASE_DB_PER_TICK)


def _ramp_db(before_db: float, after_db: float) -> float | Ramp:
    if before_db == after_db:
        return math.pow(10.0, after_db / 20.0)
    steps: Ramp = np.linspace(before_db, after_db, SOUND_TICK_SAMPLES + 1)[1:]
    return np.power(10.0, steps / 20.0)


def _sum(chunks: list[Samples]) -> Samples | None:
    if not chunks:
        return None
    total = chunks[0].copy()
    for chunk in chunks[1:]:
        total += chunk
    return total
