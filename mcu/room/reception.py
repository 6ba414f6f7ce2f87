"""How people come into a room, and what becomes of it when its owner goes."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from mcu.clock import Clock
from mcu.errors import Conflict, NoCapacity, NotFound
from mcu.protocol import access as a
from mcu.protocol import commands as c
from mcu.protocol import events as e
from mcu.protocol.models import ParticipantInfo, RoomInfo, RoomSpec
from mcu.room.attendance import Attendance, Reason
from mcu.room.door import Door
from mcu.room.events import Events
from mcu.room.groups import Groups
from mcu.room.lobby import Lobby
from mcu.room.ownership import Ownership
from mcu.room.participant import Participant
from mcu.room.views import Views

RETRY_AFTER_S = 15


class Reception:
    """Carries out joins, and the commands on the door, the lobby and roles. On the event loop. ``info()`` is the room's
    of this moment; ``follow_groups()`` shows people the view of the group they are in now.
    """

    def __init__(
        self,
        spec: RoomSpec,
        attendance: Attendance,
        views: Views,
        groups: Groups,
        events: Events,
        clock: Clock,
        *,
        info: Callable[[], RoomInfo],
        follow_groups: Callable[[], None],
    ) -> None:
        self.finished = False
        """The owner's leaving ended the room: it waits to be closed, and nobody comes in any more."""
        self._attendance = attendance
        self._views = views
        self._groups = groups
        self._events = events
        self._info = info
        self._follow_groups = follow_groups
        self._lobby = Lobby(attendance, events, clock)
        self._door = Door(spec, attendance, self._lobby, clock, on_change=self._changed, info=info)
        self._ownership = Ownership(lambda: self.spec)
        self.handlers: Mapping[type[Any], Callable[[Any], Awaitable[c.Reply]]] = {
            c.Join: self._join,
            c.UpdateParticipant: self._update_participant,
            **self._lobby.handlers,
            **self._door.handlers,
        }

    @property
    def spec(self) -> RoomSpec:
        """The room as it is now."""
        return self._door.spec

    @property
    def owner(self) -> str | None:
        return self._ownership.owner

    @property
    def empty_since_ns(self) -> int | None:
        """Since when nobody has been here, nor before the door; None while somebody is."""
        inside_ns, outside_ns = self._attendance.empty_since_ns, self._lobby.empty_since_ns
        return None if inside_ns is None or outside_ns is None else max(inside_ns, outside_ns)

    def left(self, participant: Participant, reason: Reason) -> None:
        """News from ``Attendance``."""
        if reason in ("replaced", "room_closed"):
            return
        owner = self.owner
        outcome, heir = self._ownership.left(participant, self._attendance.persons)
        if heir is not None:
            self._attendance.promote(heir)
            self._lobby.tell()
        self.finished = self.finished or outcome == "over"
        if self.owner != owner:
            self._events.emit(e.RoomUpdated(room=self._info()))

    async def _join(self, command: c.Join) -> c.Joined | a.Waiting:
        if self.finished:
            raise NotFound("this room has been closed", code="no_such_room")
        followed = self._attendance.participant(command.follows) if command.follows is not None else None
        if followed is not None and followed.hidden:
            raise NotFound("nobody here has this id: list the participants to see them", code="no_such_participant")
        if followed is not None and followed.film is not None:
            raise Conflict("a file that is played has no stream of its own: watch a view that shows it")
        self._groups.claim(command.group)
        knock = await self._door.enter(command)
        if knock is not None and not knock.admitted:
            return a.Waiting(waiting=knock.info, admission=knock.admission)
        if not command.newcomers and not self._attendance.knows(command):
            raise NoCapacity("the server is busy: try again later", retry_after_s=RETRY_AFTER_S)
        participant, resumed = await self._attendance.join(command, knock.info.id if knock else None)
        if knock is not None:
            self._lobby.leave(knock)
        if self._ownership.came(participant):
            self._events.emit(e.RoomUpdated(room=self._info()))
        self._follow_groups()
        return c.Joined(
            participant=participant.info,
            resume_token=participant.resume_token,
            room=self._info(),
            participants=self._attendance.infos,
            tiles=self._views.get(participant.view).composite.tile_map,
            resumed=resumed,
        )

    async def _update_participant(self, command: c.UpdateParticipant) -> ParticipantInfo:
        self._groups.claim(command.group)
        info = self._attendance.update(command)
        if command.role is not None:
            self._lobby.tell()
        if command.group is not None:
            self._follow_groups()
            info = self._attendance.participant(command.participant).info
        return info

    def _changed(self, changes: a.RoomChanges) -> None:
        if "owner" in changes.model_fields_set:
            self._ownership.named_anew()
        self._events.emit(e.RoomUpdated(room=self._info()))
