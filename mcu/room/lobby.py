"""Those who wait before a room's door until a moderator lets them in."""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from mcu.clock import NS_PER_S, Clock
from mcu.errors import Conflict, Forbidden, NotFound
from mcu.protocol import access as a
from mcu.protocol import commands as c
from mcu.protocol import events as e
from mcu.room.attendance import Attendance
from mcu.room.events import Events


@dataclass(slots=True)
class Knock:
    info: a.WaitingInfo
    admission: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    admitted: bool = False


class Lobby:
    """Carries out the commands on those who wait. On the event loop. Moderators hear of every change."""

    def __init__(self, attendance: Attendance, events: Events, clock: Clock) -> None:
        self.empty_since_ns: int | None = clock.now_ns()
        self._attendance = attendance
        self._events = events
        self._clock = clock
        self._knocks: dict[str, Knock] = {}
        self.handlers: Mapping[type[Any], Callable[[Any], Awaitable[c.Reply]]] = {
            a.ListWaiting: self._list,
            a.Admit: self._admit,
            a.StopWaiting: self._stop,
            a.TellBans: self._tell_bans,
            a.RestoreLobby: self._restore,
        }

    @property
    def standing(self) -> a.WaitingList:
        return a.WaitingList(waiting=tuple(knock.info for knock in self._knocks.values() if not knock.admitted))

    def knock(self, command: c.Join) -> Knock:
        """Somebody waits from now on; a second knock of the same identity replaces the first. Raises Conflict when too
        many wait.
        """
        who = command.identity or secrets.token_hex(6)
        if who in self._knocks:
            self._turn_away(self._knocks[who], "replaced")
        if len(self._knocks) >= a.MAX_WAITING:
            raise Conflict("too many people wait already: try again later", code="lobby_full")
        now = datetime.fromtimestamp(self._clock.wall_ns() / NS_PER_S, UTC)
        knock = Knock(a.WaitingInfo(id=who, name=command.name, attributes=command.attributes, since=now))
        self._knocks[who] = knock
        self.empty_since_ns = None
        self.tell()
        return knock

    def returning(self, admission: str) -> Knock:
        """Whose ``admission`` this is. Raises Forbidden when they wait no more."""
        for knock in self._knocks.values():
            if secrets.compare_digest(knock.admission.encode(), admission.encode()):
                return knock
        raise Forbidden("you were not let in", code="denied")

    def leave(self, knock: Knock) -> None:
        """They are in, or have gone."""
        self._forget(knock)
        if not knock.admitted:
            self.tell()

    def admit_all(self) -> None:
        waiting = [knock for knock in self._knocks.values() if not knock.admitted]
        for knock in waiting:
            self._let_in(knock)
        if waiting:
            self.tell()

    def tell(self) -> None:
        """Says to moderators who waits."""
        waiting = self.standing.waiting
        for person in self._attendance.people:
            if person.moderates:
                self._events.emit(e.LobbyChanged(to=person.id, waiting=waiting))

    async def _tell_bans(self, _: a.TellBans) -> c.Done:
        for person in self._attendance.people:
            if person.moderates:
                self._events.emit(e.BansChanged(to=person.id))
        return c.Done()

    async def _list(self, _: a.ListWaiting) -> a.WaitingList:
        return self.standing

    async def _admit(self, command: a.Admit) -> a.WaitingList:
        if command.participant is None:
            chosen = [knock for knock in self._knocks.values() if not knock.admitted]
        else:
            knock = self._knocks.get(command.participant)
            if knock is None or knock.admitted:
                raise NotFound("nobody with this id waits", code="no_such_participant", field="participant")
            chosen = [knock]
        for knock in chosen:
            if command.admit:
                self._let_in(knock)
            else:
                self._turn_away(knock, command.reason)
        self.tell()
        return self.standing

    async def _stop(self, command: a.StopWaiting) -> c.Done:
        knock = self._knocks.get(command.participant)
        if knock is not None and secrets.compare_digest(knock.admission.encode(), command.admission.encode()):
            self.leave(knock)
        return c.Done()

    async def _restore(self, command: a.RestoreLobby) -> c.Done:
        for waiter in command.waiters:
            knock = Knock(waiter.waiting, waiter.admission, waiter.admitted)
            self._knocks.setdefault(knock.info.id, knock)
            self.empty_since_ns = None
        self.tell()
        return c.Done()

    def _forget(self, knock: Knock) -> None:
        if self._knocks.get(knock.info.id) is knock:
            del self._knocks[knock.info.id]
            if not self._knocks:
                self.empty_since_ns = self._clock.now_ns()

    def _let_in(self, knock: Knock) -> None:
        knock.admitted = True
        self._events.emit(e.Admitted(to=knock.info.id))

    def _turn_away(self, knock: Knock, reason: str) -> None:
        self._forget(knock)
        self._events.emit(e.Denied(to=knock.info.id, reason=reason))
