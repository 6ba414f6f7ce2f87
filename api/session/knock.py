"""Somebody who waits before a room's door."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

from api.auth import Principal
from api.session.asking import unsubscribe
from api.session.session import Session
from mcu.bans import Bans
from mcu.engine.engine import RoomHandle
from mcu.errors import Forbidden, McuError, NoCapacity, NotFound
from mcu.protocol.access import StopWaiting, Waiting
from mcu.protocol.commands import Join, Joined, Reply
from mcu.protocol.events import Event

Refusal = Callable[[], AbstractAsyncContextManager[NoCapacity | None]]
"""Why the server takes nobody new at this moment; None: it does, and keeps a place until the block ends."""


LOBBY: Final = "this room has a lobby: wait until you are let in"


def told_to_wait() -> Forbidden:
    """What somebody who waits is told in a dialect that knows nothing between a yes and a no."""
    return Forbidden(LOBBY, code="lobby")


Find = Callable[[], Awaitable[RoomHandle | None]]
"""The room as it is open now, perhaps in another process than before."""

MOVES: Final = 3
"""So often in a row a room is looked for elsewhere before somebody is told to join again."""


def nobody_is_refused() -> AbstractAsyncContextManager[NoCapacity | None]:
    return contextlib.nullcontext()


async def ask_in(handle: RoomHandle, join: Join, refusal: Refusal) -> Reply:
    """Asks the room to let somebody in. A full server takes only those back who are in the room already, which the
    room knows best. Raises ``NoCapacity`` or what the room answers.
    """
    async with refusal() as full:
        try:
            return await handle.call(join.model_copy(update={"newcomers": full is None}))
        except NoCapacity:
            if full is None:
                raise
            raise full from None


class Knock:
    """A stay in the lobby. ``admitted`` ends it, or ``stop``. It goes on by itself where the room does: who waits has
    a place in the line, and nothing to come back with.
    """

    def __init__(
        self,
        handle: RoomHandle,
        principal: Principal,
        bans: Bans,
        join: Join,
        waiting: Waiting,
        refusal: Refusal,
        find: Find,
    ) -> None:
        self._handle = handle
        self._find = find
        self._refusal = refusal
        self._principal = principal
        self._bans = bans
        self._join = join.model_copy(update={"admission": waiting.admission})
        self.info = waiting.waiting
        self.room = handle.name

    async def admitted(self) -> Session:
        """Waits until a moderator decides. Raises ``Forbidden`` (``denied``), ``NotFound`` when the room was closed,
        ``NoCapacity`` when it can't be opened elsewhere or the server is full by now, or what a join raises.
        """
        moves = 0
        while True:
            events = self._handle.events(self.info.id)
            try:
                # The decision may have come before the subscription: so ask first.
                answer = await ask_in(self._handle, self._join, self._refusal)
                if isinstance(answer, Joined):
                    return await Session.begin(self._handle, self._principal, self._bans, answer)
                moves = 0
                await self._decided(events)
            except NotFound as gone:
                moves += 1
                if gone.error_code != "no_such_room" or moves > MOVES:
                    raise
                self._handle = await self._found()
            finally:
                await unsubscribe(events)

    async def _found(self) -> RoomHandle:
        handle = await self._find()
        if handle is None:
            raise NotFound("the room was closed", code="no_such_room")
        return handle

    async def _decided(self, events: AsyncIterator[Event]) -> None:
        """Returns when there is something to ask again. Raises ``Forbidden`` (``denied``), or ``NotFound`` when the
        room is not here any more.
        """
        async for event in events:
            if event.type == "admitted":
                return
            if event.type == "denied":
                raise Forbidden(event.reason, code="denied")
            if event.type in ("moved", "room_closed"):
                raise NotFound("the room was closed, or goes on elsewhere", code="no_such_room")

    async def stop(self) -> None:
        """They wait no more. Idempotent."""
        stop = StopWaiting(participant=self.info.id, admission=self._join.admission or "")
        with contextlib.suppress(McuError):  # the room went first
            try:
                await self._handle.call(stop)
            except McuError:
                # Where it goes on they would wait for ever.
                await (await self._found()).call(stop)
