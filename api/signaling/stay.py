"""A participant's stay as doors of another dialect keep it: join, hear the room's news, leave."""

from collections.abc import Awaitable, Callable
from contextlib import aclosing

import structlog

from api.auth import Principal
from api.gateway import Gateway
from api.session import Session, admitted
from mcu.errors import McuError
from mcu.protocol.events import Event
from mcu.protocol.wire import JoinData

log = structlog.get_logger()


class Stay:
    """A session whose news is handed to ``hear``. Made by ``begin``; the door runs ``follow`` in a task of its own."""

    def __init__(self, session: Session, hear: Callable[[Event], Awaitable[None]]) -> None:
        self.session = session
        self._hear = hear

    @classmethod
    async def begin(
        cls,
        gateway: Gateway,
        principal: Principal,
        asked: JoinData,
        source: str | None,
        hear: Callable[[Event], Awaitable[None]],
    ) -> "Stay":
        """Joins, from ``source`` (``api.source``). Raises ``Forbidden`` (``lobby``) where one would have to wait: no
        dialect has words for that; else what ``Gateway.join`` raises.
        """
        return cls(await admitted(await gateway.join(principal, asked, source)), hear)

    async def follow(self) -> None:
        """Returns when the stay ended from the other side: kicked, the room closed, or too slow a reader."""
        async with aclosing(self.session.events()) as events:
            async for event in events:
                await self._hear(event)

    async def close(self) -> None:
        """They leave. Idempotent."""
        try:
            await self.session.leave()
        except McuError as error:
            log.debug("leave_refused", code=error.error_code)  # the room or the participant went first
