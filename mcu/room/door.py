"""Who may come into the room: its lock, its password, its lobby, and the settings of them."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from pydantic import ValidationError

from mcu.clock import Clock
from mcu.errors import Conflict, Forbidden, Locked, TooMany
from mcu.flood import Bucket
from mcu.passwords import password_fits
from mcu.protocol import access as a
from mcu.protocol import commands as c
from mcu.protocol.merge import invalid
from mcu.protocol.models import RoomInfo, RoomSpec
from mcu.room.attendance import Attendance
from mcu.room.lobby import Knock, Lobby

log = structlog.get_logger()

WRONG_PASSWORDS_PER_S = 0.5
WRONG_PASSWORDS = 20
"""So many wrong ones at once, then no more than a guess in two seconds: eight random letters hold for ages."""

MAX_SOURCES = 1000
"""So many addresses are remembered that guessed wrong; who guessed last is forgotten last."""

HASHING_AT_ONCE = 2


class Door:
    """On the event loop. ``spec`` is the room's as it is now; ``on_change`` is told of a new one.

    The lock, the password and the lobby are for newcomers: whoever resumes, replaces themselves or has a token that
    ``passes`` goes by.
    """

    def __init__(
        self,
        spec: RoomSpec,
        attendance: Attendance,
        lobby: Lobby,
        clock: Clock,
        *,
        on_change: Callable[[a.RoomChanges], None],
        info: Callable[[], RoomInfo],
    ) -> None:
        self.spec = spec
        self._attendance = attendance
        self._lobby = lobby
        self._on_change = on_change
        self._info = info
        self._clock = clock
        self._guesses: OrderedDict[str | None, Bucket] = OrderedDict()
        self._hashing = asyncio.Semaphore(HASHING_AT_ONCE)
        self.handlers: Mapping[type[Any], Callable[[Any], Awaitable[c.Reply]]] = {a.UpdateRoom: self._update}

    async def enter(self, command: c.Join) -> Knock | None:
        """None: they may come in. A knock that is ``admitted``: they may, under its id. Else they wait.

        Raises Locked, Forbidden (``password_required``, ``wrong_password``, ``denied``), TooMany or Conflict.
        """
        if command.admission is not None:
            return self._lobby.returning(command.admission)
        if command.passes or self._attendance.knows(command):
            return None
        self._check_lock()
        await self._check_password(command.password, command.source)
        self._check_lock()  # it may have been turned meanwhile
        if not self.spec.lobby or (command.role != "participant" and not self._moderated):
            return None
        self._attendance.check_capacity()
        return self._lobby.knock(command)

    async def _update(self, command: a.UpdateRoom) -> RoomInfo:
        try:
            spec = command.changes.applied_to(self.spec)
        except ValidationError as error:
            raise invalid(error) from None
        if spec.topology != self.spec.topology and self._attendance.people:
            raise Conflict("the topology can only change while nobody is in the room", code="room_in_use")
        if spec != self.spec:
            self.spec = spec
            if not spec.lobby:
                self._lobby.admit_all()
            self._on_change(command.changes)
        return self._info()

    def _check_lock(self) -> None:
        if self.spec.locked:
            raise Locked("the room is locked: ask somebody inside to open it")

    async def _check_password(self, password: str | None, source: str | None) -> None:
        hashed = self.spec.password_hash
        if hashed is None:
            return
        if password is None:
            raise Forbidden("this room has a password", code="password_required", field="password")
        async with self._hashing:
            guesses = self._guesses.get(source)
            if guesses is not None and guesses.empty:
                raise TooMany("too many wrong passwords: wait a moment", retry_after_s=2)
            fits = await asyncio.to_thread(password_fits, password, hashed)
            if not fits:
                self._guessed_wrong(source)
                log.info("wrong_password", room=self.spec.name)
                raise Forbidden("this is not the room's password", code="wrong_password", field="password")

    def _guessed_wrong(self, source: str | None) -> None:
        """Counted for each address by itself: else one who guesses would keep everybody out."""
        guesses = self._guesses.setdefault(source, Bucket(WRONG_PASSWORDS_PER_S, WRONG_PASSWORDS, self._clock))
        guesses.take()
        self._guesses.move_to_end(source)
        if len(self._guesses) > MAX_SOURCES:
            self._guesses.popitem(last=False)

    @property
    def _moderated(self) -> bool:
        """Somebody is here who could let others in. On a server without keys everybody comes as a moderator: the first
        of them must not wait for ever.
        """
        return any(person.moderates for person in self._attendance.people)
