"""The groups of a room: who is in which, what each listens in on, and the fan-out of each."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from mcu.errors import Conflict
from mcu.protocol import commands as c
from mcu.protocol import events as e
from mcu.protocol.groups import MAX_GROUPS, GroupInfo, GroupList, GroupSpec, ListGroups, SetGroup
from mcu.room.attendance import Attendance
from mcu.room.events import Events
from mcu.room.snapshot import NO_GROUP, SoundGroup
from mcu.room.views import Views
from mcu.rtc import OutgoingIdentity
from mcu.rtc.sender import AudioFanout


class Groups:
    """A group is there while somebody is in it, a view shows it, or something is said of it. On the event loop.

    Fan-outs are made here; the sound thread lets go of one when no snapshot names it any more. ``on_change`` is told
    after every change of what is heard.
    """

    def __init__(
        self,
        identity: OutgoingIdentity,
        attendance: Attendance,
        views: Views,
        events: Events,
        *,
        on_change: Callable[[], None],
    ) -> None:
        self._identity = identity
        self._attendance = attendance
        self._views = views
        self._events = events
        self._on_change = on_change
        self._specs: dict[str, GroupSpec] = {}
        self._fanouts: dict[str, AudioFanout] = {}
        self.handlers: Mapping[type[Any], Callable[[Any], Awaitable[c.Reply]]] = {
            ListGroups: self._list,
            SetGroup: self._set,
        }

    @property
    def names(self) -> tuple[str, ...]:
        bound = (view.spec.group for view in self._views)
        members = (person.group for person in self._attendance.people)
        used = (*members, *(name for name in bound if name is not None), *self._specs)
        return tuple(dict.fromkeys((NO_GROUP, *used)))

    @property
    def snapshot(self) -> tuple[SoundGroup, ...]:
        """What the sound thread mixes."""
        names = self.names
        self._fanouts = {name: self._fanouts.get(name) or AudioFanout(self._identity) for name in names}
        return tuple(SoundGroup(name, self._fanouts[name], self._factors(name)) for name in names)

    def members_beside(self, participant: str) -> frozenset[str] | None:
        """Who is in the group of ``participant``; None when they are in none."""
        name = self._attendance.participant(participant).group
        if name == NO_GROUP:
            return None
        return frozenset(person.id for person in self._attendance.people if person.group == name)

    def claim(self, name: str | None) -> None:
        """Makes sure that there may be such a group. Raises Conflict (``too_many_groups``)."""
        if name is not None and name not in self.names and len(self.names) >= MAX_GROUPS:
            raise Conflict(f"a room has at most {MAX_GROUPS} groups: empty one first", code="too_many_groups")

    def _factors(self, name: str) -> dict[str, float]:
        spec = self._specs.get(name)
        return {} if spec is None else {other: 10 ** (level_db / 20) for other, level_db in spec.hears.items()}

    async def _list(self, _: ListGroups) -> GroupList:
        return GroupList(groups=tuple(self._info(name) for name in self.names))

    async def _set(self, command: SetGroup) -> GroupInfo:
        self.claim(command.group)
        former = self._specs.pop(command.group, GroupSpec())
        if command.spec != GroupSpec():
            self._specs[command.group] = command.spec
        info = self._info(command.group)
        if command.spec != former:
            self._on_change()
            self._events.emit(e.GroupChanged(group=info))
        return info

    def _info(self, name: str) -> GroupInfo:
        members = tuple(person.id for person in self._attendance.visible if person.group == name)
        return GroupInfo(name=name, members=members, hears=self._specs.get(name, GroupSpec()).hears)
