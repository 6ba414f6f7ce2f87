"""Somebody who waits before a room's door."""

import contextlib
from collections.abc import AsyncIterator

from api.auth import Principal
from api.session.asking import unsubscribe
from api.session.session import Session
from mcu.bans import Bans
from mcu.engine.engine import RoomHandle
from mcu.errors import Forbidden, McuError, NoCapacity, NotFound
from mcu.protocol.access import StopWaiting, Waiting
from mcu.protocol.commands import Join, Joined
from mcu.protocol.events import Event


class Knock:
    """A stay in the lobby. ``admitted`` ends it, or ``stop``."""

    def __init__(self, handle: RoomHandle, principal: Principal, bans: Bans, join: Join, waiting: Waiting) -> None:
        self._handle = handle
        self._principal = principal
        self._bans = bans
        self._join = join.model_copy(update={"admission": waiting.admission})
        self.info = waiting.waiting
        self.room = handle.name

    async def admitted(self) -> Session:
        """Waits until a moderator decides. Raises ``Forbidden`` (``denied``), ``NotFound`` when the room was closed,
        ``NoCapacity`` when it goes on elsewhere, or what a join raises.
        """
        while True:
            events = self._handle.events(self.info.id)
            try:
                # The decision may have come before the subscription: so ask first.
                answer = await self._handle.call(self._join)
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
