"""What all views of a room share at one instant: who is there, and which picture of each is due."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from mcu.clock import Clock
from mcu.media.decoding import DecodedPicture
from mcu.room.banner import BannerLines
from mcu.room.plugin_run import PluginRun
from mcu.room.snapshot import PictureInput, RoomSnapshot, SpeechState
from mixer.decor import Decor
from mixer.layouts.arrange import LayoutSpec, Member
from mixer.picture import Picture
from mixer.scene import TileKey


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """One instant of a room, as each of its views draws it. A source without a picture has its avatar in its tile.
    ``wall_ahead_ns`` and room time make the wall clock's time.
    """

    now_ns: int
    sources: Mapping[TileKey, PictureInput]
    members: tuple[Member, ...]
    pictures: Mapping[TileKey, Picture]
    dominant: str | None
    layouts: Mapping[str, LayoutSpec]
    plugins: Mapping[str, PluginRun] = field(default_factory=dict)
    banners: Mapping[str, BannerLines] = field(default_factory=dict)
    wall_ahead_ns: int = 0
    decors: Mapping[str, Decor] = field(default_factory=dict)
    forwarded: frozenset[TileKey] = frozenset()
    """Sources that are seen without being decoded here: they have no picture, and no avatar either."""

    def of(self, group: str | None) -> tuple[tuple[Member, ...], str | None]:
        """The members of a group, and who of them has the floor: where it is somebody else's, who spoke last."""
        if group is None:
            return self.members, self.dominant
        members = tuple(member for member in self.members if self.sources[member.key].group == group)
        if any(member.key.participant == self.dominant for member in members):
            return members, self.dominant
        last = max(members, key=lambda member: member.last_spoke_ns, default=None)
        return members, last.key.participant if last is not None and last.last_spoke_ns else None


class _Roll:
    """What of a snapshot stays as it is from tick to tick: most of a crowd shows nothing and says nothing."""

    def __init__(self, sources: tuple[PictureInput, ...]) -> None:
        self.sources = sources
        self.by_key = {source.key: source for source in sources}
        self.shown = tuple((place, source) for place, source in enumerate(sources) if source.shown)
        self.still = [_member(source, False, SpeechState()) for source in sources]
        self.places: dict[str, list[int]] = {}
        for place, source in enumerate(sources):
            self.places.setdefault(source.key.participant, []).append(place)

    def members(self, live: Collection[TileKey], speech: SpeechState) -> tuple[Member, ...]:
        members = self.still.copy()
        lively = {place for place, source in self.shown if source.key in live}
        for who in speech.last_spoke_ns.keys() | speech.border.keys():
            lively.update(self.places.get(who, ()))
        for place in lively:
            source = self.sources[place]
            members[place] = _member(source, source.key in live, speech)
        return tuple(members)


class Selection:
    """Chooses the pictures of a tick, once for all views. On the picture thread only."""

    def __init__(self, clock: Clock, stale_after_ns: int) -> None:
        self._clock = clock
        self._stale_after_ns = stale_after_ns
        self._shown: dict[TileKey, DecodedPicture] = {}
        self._roll = _Roll(())

    def clear(self) -> None:
        """Keeps no picture any more."""
        self._shown = {}

    def at(
        self,
        snapshot: RoomSnapshot,
        speech: SpeechState,
        horizon_ns: int,
        forwarded: frozenset[TileKey] = frozenset(),
    ) -> Moment:
        """The room with the pictures that are due until ``horizon_ns`` of room time. Of ``forwarded`` sources it is
        enough that frames arrive.
        """
        now_ns = self._clock.now_ns()
        wall_ahead_ns = self._clock.wall_ns() - now_ns
        if snapshot.pictures is not self._roll.sources:
            self._roll = _Roll(snapshot.pictures)
        pictures: dict[TileKey, Picture] = {}
        received: set[TileKey] = set()
        for _, source in self._roll.shown:
            newest = source.decoding.latest.peek()
            if newest is not None and now_ns - newest.arrived_ns < self._stale_after_ns:
                pictures[source.key] = self._due(source, newest, horizon_ns).picture
            elif source.key in forwarded and self._arrives(source, now_ns):
                received.add(source.key)
        self._shown = {key: shown for key, shown in self._shown.items() if key in pictures}
        return Moment(
            now_ns,
            self._roll.by_key,
            self._roll.members(pictures.keys() | received, speech),
            pictures,
            speech.dominant,
            snapshot.layouts,
            snapshot.plugins,
            snapshot.banners,
            wall_ahead_ns,
            snapshot.decors,
            frozenset(received),
        )

    def _arrives(self, source: PictureInput, now_ns: int) -> bool:
        arrived_ns = source.decoding.arrived_ns
        return arrived_ns is not None and now_ns - arrived_ns < self._stale_after_ns

    def _due(self, source: PictureInput, newest: DecodedPicture, horizon_ns: int) -> DecodedPicture:
        """The picture in step with its owner's voice, and never an older one than before."""
        due = newest
        if source.lipsync is not None:
            due = source.decoding.picture_at(horizon_ns, source.lipsync.due_ns) or newest
        last = self._shown.get(source.key)
        if last is not None and last.generation > due.generation:
            return last
        self._shown[source.key] = due
        return due


def _member(source: PictureInput, live: bool, speech: SpeechState) -> Member:
    who = source.key.participant
    return Member(
        key=source.key,
        name=source.name,
        live=live,
        muted=source.muted,
        reconnecting=source.reconnecting,
        speaking=speech.border.get(who, 0.0) if source.key.source == "camera" else 0.0,
        last_spoke_ns=speech.last_spoke_ns.get(who, 0),
        role=source.role,
        attributes=source.attributes,
        hand=source.hand,
    )
