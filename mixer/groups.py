"""The sound of a room whose people are in groups: one mix for each group, and for each who speaks theirs without them.

Members of a group hear their own group, and those groups it listens in on, scaled. A group's mix is its own sum plus
the scaled sums of the others; since nobody is in two groups, taking one's own samples out of the own sum is exact
whatever is added. Only who changes groups is in two, for one tick: they fade out of one and into the other, and so does
what they hear.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mixer.faders import DOWN, UP, Ramp, Samples, ramp, times
from mixer.sound import Mixed, SoundMixer, Sums
from mixer.timeline import SOUND_TICK_SAMPLES

Hears = Mapping[str, float]
"""The groups that a group listens in on, and the factor of each, 0 to 16."""


@dataclass(frozen=True, slots=True, eq=False)
class Overlay:
    """What is put over a group's mix in one tick: ``duck`` scales the people (a factor, or float64 (960,)), and
    ``samples``, int32 (960,), are added.
    """

    samples: Samples | None = None
    duck: float | Ramp = 1.0

    def over(self, total: Samples) -> Samples:
        ducked = total if isinstance(self.duck, float) and self.duck == 1.0 else times(total, self.duck)
        if self.samples is None:
            return ducked
        return ducked + (self.samples if total.ndim == 1 else self.samples[:, None])


@dataclass(frozen=True, slots=True, eq=False)
class GroupMixes:
    """One tick. ``mixes`` by the group's name; ``moved``: who changed, from which group to which. Theirs is among
    ``without`` of the new one in this tick, whether they contribute or not.
    """

    mixes: Mapping[str, Mixed]
    moved: Mapping[str, tuple[str, str]] = field(default_factory=dict)


class GroupMixer:
    """The mixes of one room, whose limiters, memberships and relations go on from tick to tick. One thread.

    With two ``channels`` every array of samples here has the shape (960, 2), but for those of overlays.
    """

    def __init__(self, channels: int = 1) -> None:
        self._silence = np.zeros(SOUND_TICK_SAMPLES if channels == 1 else (SOUND_TICK_SAMPLES, channels), np.int32)
        self._mixers: dict[str, SoundMixer] = {}
        self._members: dict[str, str] = {}
        self._levels: dict[tuple[str, str], float] = {}

    def mix(
        self,
        contributed: Mapping[str, Samples],
        members: Mapping[str, str],
        groups: Mapping[str, Hears],
        overlays: Mapping[str, Overlay] | None = None,
    ) -> GroupMixes:
        """Mixes one tick. ``contributed``: int32 (960,) of each who does; ``members``: everybody's group, of those who
        only listen too; ``groups``: all there are, and what each listens in on.

        A group that isn't among ``groups`` is heard by nobody. Who has left is faded out where they were.
        """
        former, moved = self._members, {}
        if members != former:
            moved = {who: (former[who], to) for who, to in members.items() if former.get(who, to) != to}
        tick = _Tick(self._parts(contributed, members, moved), self._factors(groups), self._silence)
        mixes: dict[str, Mixed] = {}
        for group in groups.keys() | {origin for origin, _ in moved.values() if origin in self._mixers}:
            crossing = {who for who, way in moved.items() if group in way}
            mixer = self._mixers.setdefault(group, SoundMixer())
            sums = tick.sums(group, crossing)
            overlay = (overlays or {}).get(group)
            mixes[group] = mixer.limit(sums if overlay is None else _overlaid(sums, overlay))
        for who, (origin, to) in moved.items():
            if origin in mixes and to in mixes:
                mixes[to] = _crossed(who, mixes[origin], mixes[to])
        self._mixers = {group: mixer for group, mixer in self._mixers.items() if group in groups}
        if members != former:
            self._members = dict(members)
        return GroupMixes({group: mixes[group] for group in groups}, moved)

    def _parts(
        self, contributed: Mapping[str, Samples], members: Mapping[str, str], moved: Mapping[str, tuple[str, str]]
    ) -> dict[str, dict[str, Samples]]:
        """Who puts what into which group."""
        parts: dict[str, dict[str, Samples]] = {}
        for who, samples in contributed.items():
            if who in moved:
                origin, to = moved[who]
                parts.setdefault(origin, {})[who] = times(samples, DOWN)
                parts.setdefault(to, {})[who] = times(samples, UP)
            else:
                group = members.get(who, self._members.get(who))
                if group is not None:
                    parts.setdefault(group, {})[who] = samples
        return parts

    def _factors(self, groups: Mapping[str, Hears]) -> dict[str, dict[str, float | Ramp]]:
        """What each group hears of others in this tick: on its way, where that has changed."""
        wanted = {(group, other): factor for group, hears in groups.items() for other, factor in hears.items()}
        factors: dict[str, dict[str, float | Ramp]] = {}
        for way in wanted.keys() | self._levels.keys():
            before, after = self._levels.get(way, 0.0), wanted.get(way, 0.0)
            group, other = way
            if group != other:
                factors.setdefault(group, {})[other] = after if before == after else ramp(before, after)
        self._levels = wanted
        return factors


class _Tick:
    """The sums of one tick before limiting."""

    def __init__(
        self,
        parts: Mapping[str, Mapping[str, Samples]],
        factors: Mapping[str, Mapping[str, float | Ramp]],
        silence: Samples,
    ) -> None:
        self._parts = parts
        self._factors = factors
        self._silence = silence
        self._own = {group: _total(ours.values(), silence) for group, ours in parts.items()}

    def sums(self, group: str, crossing: set[str]) -> Sums:
        """Of one group: ``without`` for its contributors and for those who cross its border."""
        parts = self._parts.get(group, {})
        everyone = self._heard(group)
        without = {who: everyone - samples for who, samples in parts.items() if who not in crossing}
        without |= {who: self._heard(group, who) for who in crossing}
        return Sums(everyone, without)

    def _heard(self, group: str, without: str | None = None) -> Samples:
        """What a group hears, one person left out wherever they are."""
        total = self._without(group, without)
        for other, factor in self._factors.get(group, {}).items():
            if other in self._own:
                total = total + times(self._without(other, without), factor)
        return total

    def _without(self, group: str, who: str | None) -> Samples:
        own = self._own.get(group)
        if own is None:
            return self._silence
        part = self._parts[group].get(who) if who is not None else None
        return own if part is None else own - part


def _total(parts: Iterable[Samples], silence: Samples) -> Samples:
    total = silence.copy()
    for samples in parts:
        total += samples
    return total


def _overlaid(sums: Sums, overlay: Overlay) -> Sums:
    return Sums(overlay.over(sums.everyone), {who: overlay.over(total) for who, total in sums.without.items()})


def _crossed(who: str, origin: Mixed, to: Mixed) -> Mixed:
    """The new group's mixes, with that of somebody who comes from ``origin`` fading from there."""
    before, after = origin.without[who], to.without[who]
    down, up = (DOWN, UP) if before.ndim == 1 else (DOWN[:, None], UP[:, None])
    crossing: NDArray[np.int16] = np.rint(before * down + after * up).astype(np.int16)
    return Mixed(to.everyone, {**to.without, who: crossing}, to.sums)
