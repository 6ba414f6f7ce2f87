"""Somebody who waits before a room's door."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
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

Refusal = Callable[[], Awaitable[NoCapacity | None]]
"""Why the server takes nobody new at this moment; None: it does."""


LOBBY: Final = "this room has a lobby: wait until you are let in"


def told_to_wait() -> Forbidden:
    """What somebody who waits is told in a dialect that knows nothing between a yes and a no."""
    return Forbidden(LOBBY, code="lobby")


async def nobody_is_refused() -> NoCapacity | None:
    return None


async def ask_in(handle: RoomHandle, join: Join, refusal: Refusal) -> Reply:
    """Asks the room to let somebody in. A full server takes only those back who are in the room already, which the
    room knows best. Raises ``NoCapacity`` or what the room answers.
    """
    full = await refusal()
    try:
        return await handle.call(join.model_copy(update={"newcomers": full is None}))
    except NoCapacity:
        if full is None:
            raise
        raise full from None


class Knock:
    """A stay in the lobby. ``admitted`` ends it, or ``stop``."""

    def __init__(
        self,
        handle: RoomHandle,
        principal: Principal,
        bans: Bans,
        join: Join,
        waiting: Waiting,
        refusal: Refusal,
    ) -> None:
        self._handle = handle
        self._refusal = refusal
        self._principal = principal
        self._bans = bans
        self._join = join.model_copy(update={"admission": waiting.admission})
        self.info = waiting.waiting
        self.room = handle.name

    async def admitted(self) -> Session:
        """Waits until a moderator decides. Raises ``Forbidden`` (``denied``), ``NotFound`` when the room was closed,
        ``NoCapacity`` when it goes on elsewhere or the server is full by now, or what a join raises.
        """
        while True:
            events = self._handle.events(self.info.id)
            try:
                # The decision may have come before the subscription: so ask first.
                answer = await ask_in(self._handle, self._join, self._refusal)
                if isinstance(answer, Joined):
                    return await Session.begin(self._handle, self._principal, self._bans, answer)
                await self._decided(events)
            finally:
                await unsubscribe(events)

    async def _decided(self, events: AsyncIterator[Event]) -> None:
        """Returns when there is something to ask again."""
        async for event in events:
            if event.type == "admitted":
                return
            if event.type == "denied":
                raise Forbidden(event.reason, code="denied")
            if event.type == "moved":
                raise NoCapacity("the room goes on elsewhere: join again")
            if event.type == "room_closed":
                raise NotFound("the room was closed", code="no_such_room")

    async def stop(self) -> None:
        """They wait no more. Idempotent."""
        with contextlib.suppress(McuError):  # the room went first
            await self._handle.call(StopWaiting(participant=self.info.id, admission=self._join.admission or ""))
