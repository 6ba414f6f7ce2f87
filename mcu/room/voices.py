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


SHUT_EVERY_TICKS = 8
"""Of those who are muted, whatever their client still sends, an eighth is looked after in each tick."""


class _Roll:
    """What of a snapshot stays as it is from tick to tick: most of a crowd is muted, and is not asked each time."""

    def __init__(self, sounds: tuple[SoundInput, ...]) -> None:
        self.sounds = sounds
        self.by_name = {source.participant: source for source in sounds}
        self.heard = tuple(source for source in sounds if _heard(source))
        self.shut = tuple(source for source in sounds if not _heard(source))
        self.silence = dict.fromkeys(self.by_name, float(-SILENT))
        self.members: dict[str, list[str]] = {source.group: [] for source in sounds}
        """Of each group those who may be heard."""
        for source in self.heard:
            self.members[source.group].append(source.participant)


class Voices:
    """Everybody's voice, tick by tick; of each group at most ``max_speakers`` (3 to 8) are mixed, and one or two more
    while they fade out. Belongs to the sound thread.
    """

    def __init__(self, max_speakers: int) -> None:
        self._max_speakers = max_speakers
        self._roll = _Roll(())
        self._turn = 0
        self._loudest: dict[str, Loudest] = {}
        """By group: who whispers in one is not drowned by those who shout in another."""
        self._mixed: Set[str] = frozenset()
        self._decoded: Set[str] = frozenset()
        self.statistics = VoicesStatistics(0, 0)

    def collect(self, sounds: tuple[SoundInput, ...], time_ns: int, *, mixed: bool = True) -> Heard:
        """What is heard in the 20 ms that begin at ``time_ns``, room time. Not ``mixed``: nothing, only the levels are
        wanted.
        """
        if sounds is not self._roll.sounds:
            self._roll = _Roll(sounds)
        roll = self._roll
        levels = dict(roll.silence)
        decoded = self._measure(roll.heard, levels, time_ns)
        chosen = self._choose(roll, levels, time_ns) if mixed else frozenset()
        inputs: dict[str, NDArray[np.int16]] = {}
        gains: dict[str, float] = {}
        for who in chosen | self._mixed:
            source = roll.by_name.get(who)
            if source is None:
                continue
            if who not in decoded:
                decoded[who] = source.playout.pull(time_ns)
            pcm = decoded[who]
            levels[who] = source.playout.level_dbov if _heard(source) else float(-SILENT)
            if pcm is not None:
                inputs[who] = self._faded(pcm, was=who in self._mixed, stays=who in chosen)
                gains[who] = source.gain
        self._park(roll, decoded, time_ns)
        self._mixed = chosen
        self.statistics = VoicesStatistics(len(decoded), len(sounds) - len(decoded))
        return Heard(inputs, gains, levels)

    def _park(self, roll: _Roll, decoded: Mapping[str, object], time_ns: int) -> None:
        """Lets the tick of everybody else pass."""
        self._turn = (self._turn + 1) % SHUT_EVERY_TICKS
        just_shut = [source for who in self._decoded if (source := roll.by_name.get(who)) and not _heard(source)]
        for source in (*roll.heard, *just_shut, *roll.shut[self._turn :: SHUT_EVERY_TICKS]):
            if source.participant not in decoded:
                source.playout.park(time_ns)
        self._decoded = frozenset(decoded)

    def _choose(self, roll: _Roll, levels: Mapping[str, float], time_ns: int) -> Set[str]:
        self._loudest = {group: self._loudest.get(group) or Loudest(self._max_speakers) for group in roll.members}
        return frozenset().union(
            *(
                self._loudest[group].choose({who: levels[who] for who in members}, time_ns)
                for group, members in roll.members.items()
            )
        )

    @staticmethod
    def _measure(
        sounds: tuple[SoundInput, ...], levels: dict[str, float], time_ns: int
    ) -> dict[str, NDArray[np.int16] | None]:
        """Puts everybody's level into ``levels``; the sound of those who had to be decoded to know it."""
        decoded: dict[str, NDArray[np.int16] | None] = {}
        for source in sounds:
            who = source.participant
            claimed_dbov = source.playout.look(time_ns)
            if claimed_dbov is None:
                pcm = decoded[who] = source.playout.pull(time_ns)
                claimed_dbov = float(-SILENT) if pcm is None else dbov(pcm)
            levels[who] = claimed_dbov
        return decoded

    @staticmethod
    def _faded(pcm: NDArray[np.int16], *, was: bool, stays: bool) -> NDArray[np.int16]:
        if was and stays:
            return pcm
        faded: NDArray[np.int16] = np.rint(pcm * (_FALLING if not stays else _RISING)).astype(np.int16)
        return faded


def _heard(source: SoundInput) -> bool:
    return source.heard and source.gain > 0.0
