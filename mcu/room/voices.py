"""Who is heard in a tick: everybody's microphone in, the samples that enter the mix and everybody's level out.

Clients tell how loud each packet is (RFC 6464), so everybody's level is known before their sound is due and without
decoding it. Only the loudest are decoded; the others are parked in their playouts, where their packets wait as long as
if they were heard: who begins to speak is decoded from the first packet of it on. Who doesn't tell their level has to
be decoded to be known. What somebody contributes begins and ends with a ramp, so no change clicks.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcu.frames import SAMPLES_PER_TICK
from mcu.room.snapshot import SoundInput
from mixer.levels import SILENT, dbov
from mixer.loudest import Loudest

_RISING = np.minimum(1.0, np.arange(SAMPLES_PER_TICK) / 240)
"""5 ms: short enough for the first sound of a syllable."""

_FALLING = np.linspace(1.0, 0.0, SAMPLES_PER_TICK)


@dataclass(frozen=True, slots=True)
class Heard:
    """One tick. ``inputs``: a chunk of int16 (960,) of each who contributes; ``gains``: their factors.
    ``levels_dbov`` has everybody who is present, −127 for those who send nothing or are muted.
    """

    inputs: Mapping[str, NDArray[np.int16]]
    gains: Mapping[str, float]
    levels_dbov: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class VoicesStatistics:
    """Of the last tick: how many microphones were ``decoded`` and how many ``parked``."""

    decoded: int
    parked: int


class Voices:
    """Everybody's voice, tick by tick; of each group at most ``max_speakers`` (3 to 8) are mixed, and one or two more
    while they fade out. Belongs to the sound thread.
    """

    def __init__(self, max_speakers: int) -> None:
        self._max_speakers = max_speakers
        self._loudest: dict[str, Loudest] = {}
        """By group: who whispers in one is not drowned by those who shout in another."""
        self._mixed: Set[str] = frozenset()
        self.statistics = VoicesStatistics(0, 0)

    def collect(self, sounds: tuple[SoundInput, ...], time_ns: int, *, mixed: bool = True) -> Heard:
        """What is heard in the 20 ms that begin at ``time_ns``, room time. Not ``mixed``: nothing, only the levels are
        wanted.
        """
        levels, decoded = self._levels(sounds, time_ns)
        chosen = self._choose(sounds, levels, time_ns) if mixed else frozenset()
        inputs: dict[str, NDArray[np.int16]] = {}
        gains: dict[str, float] = {}
        parked = 0
        for source in sounds:
            who = source.participant
            if who not in chosen and who not in self._mixed:
                if who not in decoded:
                    source.playout.park(time_ns)
                    parked += 1
                continue
            pcm = decoded[who] if who in decoded else source.playout.pull(time_ns)
            levels[who] = source.playout.level_dbov if _heard(source) else float(-SILENT)
            if pcm is not None:
                inputs[who] = self._faded(pcm, was=who in self._mixed, stays=who in chosen)
                gains[who] = source.gain
        self._mixed = chosen
        self.statistics = VoicesStatistics(len(sounds) - parked, parked)
        return Heard(inputs, gains, levels)

    def _choose(self, sounds: tuple[SoundInput, ...], levels: Mapping[str, float], time_ns: int) -> Set[str]:
        groups: dict[str, dict[str, float]] = {}
        for source in sounds:
            members = groups.setdefault(source.group, {})
            if _heard(source):
                members[source.participant] = levels[source.participant]
        self._loudest = {group: self._loudest.get(group) or Loudest(self._max_speakers) for group in groups}
        return frozenset().union(*(self._loudest[group].choose(of, time_ns) for group, of in groups.items()))

    @staticmethod
    def _levels(
        sounds: tuple[SoundInput, ...], time_ns: int
    ) -> tuple[dict[str, float], dict[str, NDArray[np.int16] | None]]:
        """Everybody's level, and the sound of those who had to be decoded to know it."""
        levels: dict[str, float] = {}
        decoded: dict[str, NDArray[np.int16] | None] = {}
        for source in sounds:
            who = source.participant
            levels[who] = float(-SILENT)
            if not _heard(source):
                continue
            claimed_dbov = source.playout.look(time_ns)
            if claimed_dbov is None:
                pcm = decoded[who] = source.playout.pull(time_ns)
                claimed_dbov = float(-SILENT) if pcm is None else dbov(pcm)
            levels[who] = claimed_dbov
        return levels, decoded

    @staticmethod
    def _faded(pcm: NDArray[np.int16], *, was: bool, stays: bool) -> NDArray[np.int16]:
        if was and stays:
            return pcm
        faded: NDArray[np.int16] = np.rint(pcm * (_FALLING if not stays else _RISING)).astype(np.int16)
        return faded


def _heard(source: SoundInput) -> bool:
    return source.heard and source.gain > 0.0
