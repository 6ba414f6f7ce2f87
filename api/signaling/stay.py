"""A participant's stay as doors of another dialect keep it: join, perhaps wait in the lobby, hear the news, leave."""

from contextlib import aclosing
from typing import Protocol

import structlog

from api.auth import Principal
from api.gateway import Gateway
from api.session import Knock, Session
from mcu.errors import Conflict, McuError
from mcu.protocol.events import Event
from mcu.protocol.wire import JoinData

log = structlog.get_logger()


class Guest(Protocol):
    """Who is told how the stay goes, in the dialect's own words."""

    async def admitted(self) -> None:
        """The wait in the lobby is over."""

    async def denied(self, error: McuError) -> None:
        """They were not let in. Nothing follows."""

    async def hear(self, event: Event) -> None:
        """The room's news."""


class Stay:
    """Made by ``begin``; the door runs ``follow`` in a task of its own."""

    def __init__(self, entered: Session | Knock, guest: Guest) -> None:
        self._entered = entered
        self._guest = guest

    @classmethod
    async def begin(
        cls, gateway: Gateway, principal: Principal, asked: JoinData, source: str | None, guest: Guest
    ) -> "Stay":
        """Joins, from ``source`` (``api.source``), or waits in the lobby. Raises what ``Gateway.join`` raises."""
        return cls(await gateway.join(principal, asked, source), guest)

    @property
    def waits(self) -> bool:
        """In the lobby, or in vain."""
        return isinstance(self._entered, Knock)

    @property
    def room(self) -> str:
        return self._entered.room

    @property
    def session(self) -> Session:
        """Raises ``Conflict`` for somebody who waits."""
        if isinstance(self._entered, Knock):
            raise Conflict("wait until you are let in")
        return self._entered

    async def follow(self) -> None:
        """Returns when the stay ended from the other side: not let in, kicked, room closed, or too slow a reader."""
        if isinstance(self._entered, Knock):
            try:
                self._entered = await self._entered.admitted()
            except McuError as error:
                await self._guest.denied(error)
                return
            await self._guest.admitted()
        async with aclosing(self.session.events()) as events:
            async for event in events:
                await self._guest.hear(event)

    async def close(self) -> None:
        """They leave. Idempotent."""
        try:
            if isinstance(self._entered, Knock):
                await self._entered.stop()
            else:
                await self._entered.leave()
        except McuError as error:
            log.debug("leave_refused", code=error.error_code)  # the room or the participant went first
