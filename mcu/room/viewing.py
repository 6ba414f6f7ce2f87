"""What may be asked about a room's views: make, change and remove them, watch one, and ask why a tile is black."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog

from mcu.chores import Chores
from mcu.clock import Clock
from mcu.errors import Conflict, Forbidden
from mcu.protocol import commands as c
from mcu.protocol import events as e
from mcu.protocol.models import ParticipantInfo, ViewSpec
from mcu.room.attendance import Attendance
from mcu.room.broadcasts import Broadcasts
from mcu.room.connections import Connections
from mcu.room.events import Events
from mcu.room.groups import Groups
from mcu.room.health import health_of
from mcu.room.participant import Participant
from mcu.room.recordings import Recordings
from mcu.room.view import View
from mcu.room.views import MAIN, Views

log = structlog.get_logger()

_LIVE = {"background"}
"""What of a view may change while it is being recorded."""


class Viewing:
    """Carries out the commands on views. On the event loop. ``on_change`` is told after every change of a view."""

    def __init__(
        self,
        room: str,
        clock: Clock,
        views: Views,
        attendance: Attendance,
        connections: Connections,
        recordings: Recordings,
        broadcasts: Broadcasts,
        groups: Groups,
        events: Events,
        *,
        on_change: Callable[[], None],
    ) -> None:
        self._log = log.bind(room=room)
        self._clock = clock
        self._views = views
        self._attendance = attendance
        self._connections = connections
        self._recordings = recordings
        self._broadcasts = broadcasts
        self._groups = groups
        self._chores = Chores("viewing")
        self._events = events
        self._on_change = on_change
        self.handlers: Mapping[type[Any], Callable[[Any], Awaitable[c.Reply]]] = {
            c.ListViews: self._list,
            c.CreateView: self._create,
            c.UpdateView: self._update,
            c.DeleteView: self._delete,
            c.WatchView: self._watch,
            c.GetTileHealth: self._health,
        }

    def follow_groups(self) -> None:
        """Whoever has not chosen a view sees that of their group, if it has one, and ``main`` if not. Nobody stays in
        the view of a group that they are not in.
        """
        for person in self._attendance.people:
            if person.view_chosen and _may_watch(person, self._views.get(person.view)):
                continue
            person.view_chosen = False
            view = next((view for view in self._views if view.spec.group == person.group), self._views.main)
            if person.view != view.name:
                self._assign(person, view)
                self._chores.start(self._connections.watch(person))

    async def close(self) -> None:
        await self._chores.close()

    async def _list(self, _: c.ListViews) -> c.ViewList:
        return c.ViewList(views=self._views.specs)

    async def _create(self, command: c.CreateView) -> ViewSpec:
        self._groups.claim(command.spec.group)
        view = self._views.create(command.spec)
        self._on_change()
        self.follow_groups()
        self._log.info("view_created", view=view.name)
        return view.spec

    async def _update(self, command: c.UpdateView) -> ViewSpec:
        view = self._views.get(command.view)
        spec = command.changes.applied_to(view.spec)
        if spec != view.spec:
            self._groups.claim(spec.group)
            if self._recordings.active_in(view.name) and _differing(spec, view.spec) - _LIVE:
                raise Conflict("this view is being recorded: stop the recording before you change its shape")
            if self._broadcasts.active_in(view.name) and _differing(spec, view.spec) - _LIVE:
                raise Conflict("this view is being sent out: stop its outputs before you change its shape")
            await self._views.change(view, spec)
            self._on_change()
            self.follow_groups()
            self._log.info("view_changed", view=view.name, width=spec.width, height=spec.height, fps=spec.fps)
        return view.spec

    async def _delete(self, command: c.DeleteView) -> c.Done:
        view = self._views.get(command.view)
        if self._recordings.active_in(view.name):
            raise Conflict("this view is being recorded: stop the recording before you delete it")
        if self._broadcasts.active_in(view.name):
            raise Conflict("this view is being sent out: stop its outputs before you delete it")
        if view is self._views.main:
            raise Conflict(f"the view {MAIN!r} can't be deleted: every room has it")
        for person in self._attendance.people:
            if person.view == view.name:
                person.view_chosen = False
                self._assign(person, self._views.main)
        await self._views.delete(view)
        self._on_change()
        self.follow_groups()
        self._log.info("view_deleted", view=view.name)
        return c.Done()

    async def _watch(self, command: c.WatchView) -> ParticipantInfo:
        person = self._attendance.participant(command.participant)
        view = self._views.get(command.view)
        if not _may_watch(person, view):
            raise Forbidden(f"the view {view.name!r} is for the members of its group")
        person.view_chosen = True
        if person.view != view.name:
            self._assign(person, view)
            await self._connections.watch(person)
        return person.info

    def _assign(self, person: Participant, view: View) -> None:
        """Another view is theirs: they are told so, and where everybody stands in it."""
        self._attendance.watches(person, view.name)
        self._events.emit(e.Tiles(to=person.id, tiles=view.composite.tile_map))

    async def _health(self, command: c.GetTileHealth) -> c.TileHealthList:
        view = self._views.get(command.view)
        standings, now_ns = view.composite.standings, self._clock.now_ns()
        tiles = []
        for person in self._attendance.people:
            for source in person.pictures:
                standing = standings.get(source.key)
                state, since_ns = (standing.state, standing.since_ns) if standing else (None, None)
                tiles.append(health_of(person, source, state=state, since_ns=since_ns, now_ns=now_ns))
        return c.TileHealthList(view=view.name, tiles=tuple(tiles))


def _may_watch(person: Participant, view: View) -> bool:
    return view.spec.group in (None, person.group) or person.role != "participant"


def _differing(one: ViewSpec, other: ViewSpec) -> set[str]:
    return {name for name in ViewSpec.model_fields if getattr(one, name) != getattr(other, name)}
