"""The mixes of a room, tick by tick: each group's, encoded by its own ``Listening`` and sent by its own fan-out."""

from collections.abc import Iterable, Mapping

from mcu.room.listening import Listening
from mcu.room.noise import NoiseSuppression
from mcu.room.snapshot import RoomSnapshot, SoundGroup, SoundInput
from mcu.room.voices import Heard
from mcu.rtc.downlink import Downlink
from mcu.rtc.sender import AudioFanout
from mixer.announcer import Announcer
from mixer.auto_gain import AutoGain
from mixer.faders import MAX_GAIN, NO_GAINS, Faders
from mixer.groups import GroupMixer
from mixer.levels import SILENT
from mixer.placement import Placement
from mixer.sound import Mixed


class _Roll:
    """What of a snapshot stays as it is from tick to tick: everybody's group, and the people of each."""

    def __init__(self, sounds: tuple[SoundInput, ...]) -> None:
        self.sounds = sounds
        self.members = {source.participant: source.group for source in sounds}
        self.spared = frozenset(source.participant for source in sounds if not source.noisy)
        names = dict.fromkeys(self.members.values())
        self.by_group = {name: tuple(source for source in sounds if source.group == name) for name in names}


class Mixing:
    """Belongs to the sound thread. The event loop makes a group's fan-out and stops naming it; the thread makes its
    encoders, moves its listeners, and closes both once nobody names it any more.

    A listener changes fan-outs between two ticks, on this thread: no tick is sent twice, none is missed.
    """

    def __init__(
        self,
        *,
        bitrate_bps: int,
        music: bool = False,
        auto_gain: bool = False,
        stereo: bool = False,
        noise: NoiseSuppression | None = None,
    ) -> None:
        self._bitrate_bps = bitrate_bps
        self._music = music
        self._noise = noise
        self._auto_gain = AutoGain() if auto_gain else None
        self._faders = Faders()
        self._placement = Placement() if stereo else None
        self._mixer = GroupMixer(channels=2 if stereo else 1)
        self.announcer = Announcer()
        self._groups: dict[str, SoundGroup] = {}
        self._listenings: dict[str, Listening] = {}
        self._served: dict[str, tuple[AudioFanout, Downlink]] = {}
        self._served_sounds: tuple[SoundInput, ...] = ()
        self._served_groups: dict[str, SoundGroup] = {}
        self._roll = _Roll(())
        self._past_encodes = 0

    @property
    def encodes(self) -> int:
        """Opus packets made since the beginning."""
        return self._past_encodes + sum(listening.encodes for listening in tuple(self._listenings.values()))

    def play(
        self, room: RoomSnapshot, heard: Heard, time_ns: int, pans: Mapping[str, float] = NO_GAINS
    ) -> Mapping[str, Mixed]:
        """Mixes and sends the tick that begins at ``time_ns``, room time; the mixes by the group's name. ``pans``:
        where everybody stands, from −1, left, to 1.
        """
        if room.sounds is not self._roll.sounds:
            self._roll = _Roll(room.sounds)
        members = self._roll.members
        if self._noise is not None:
            heard = self._noise.clean(heard, members.keys(), self._roll.spared)
        contributed = self._faders.contribute(heard.inputs, self._gains(heard, members))
        if self._placement is not None:
            contributed = self._placement.place(contributed, pans)
        hears = {group.name: group.hears for group in room.groups}
        overlays = self.announcer.overlays(room.announcements, hears.keys())
        mixed = self._mixer.mix(contributed, members, hears, overlays)
        self._open(room.groups)
        self._serve(room.sounds, mixed.moved)
        for group in room.groups:
            listeners = self._roll.by_group.get(group.name, ())
            self._listenings[group.name].send(listeners, mixed.mixes[group.name], time_ns)
        self._close_others({group.name for group in room.groups})
        return mixed.mixes

    def close(self) -> None:
        """Frees the encoders. Idempotent."""
        self._close_others(set())

    def _gains(self, heard: Heard, present: Iterable[str]) -> Mapping[str, float]:
        if self._auto_gain is None:
            return heard.gains
        levels = {who: heard.levels_dbov[who] if who in heard.inputs else float(-SILENT) for who in present}
        factors = self._auto_gain.update(levels)
        return {who: min(MAX_GAIN, gain * factors[who]) for who, gain in heard.gains.items()}

    def _open(self, groups: tuple[SoundGroup, ...]) -> None:
        for group in groups:
            former = self._groups.get(group.name)
            if former is None or former.fanout is not group.fanout:
                if former is not None:
                    self._end(group.name)
                self._listenings[group.name] = Listening(group.fanout, bitrate_bps=self._bitrate_bps, music=self._music)
            self._groups[group.name] = group

    def _serve(self, sounds: tuple[SoundInput, ...], moved: Mapping[str, tuple[str, str]]) -> None:
        """Lets everybody hear their group from this tick on."""
        if not moved and sounds is self._served_sounds and self._served_groups == self._groups:
            return
        self._served_sounds, self._served_groups = sounds, dict(self._groups)
        served: dict[str, tuple[AudioFanout, Downlink]] = {}
        for source in sounds:
            group = self._groups.get(source.group)
            if group is None or source.downlink is None:
                continue
            served[source.participant] = (group.fanout, source.downlink)
            if self._served.get(source.participant) != served[source.participant]:
                group.fanout.add(source.downlink)
        for who, (origin, to) in moved.items():
            if who in served and origin in self._listenings and to in self._listenings:
                self._listenings[origin].hand_over(served[who][1], self._listenings[to])
        self._served = served

    def _close_others(self, names: set[str]) -> None:
        for name in self._groups.keys() - names:
            self._end(name)

    def _end(self, name: str) -> None:
        del self._groups[name]
        listening = self._listenings.pop(name)
        self._past_encodes += listening.encodes
        listening.close()
