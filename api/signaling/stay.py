"""A participant's stay as doors of another dialect keep it: join, hear the room's news, say when it is over."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing

import structlog

from api.auth import Principal
from api.gateway import Gateway
from api.session import Knock, Session
from mcu.errors import Forbidden, McuError
from mcu.protocol.events import Event
from mcu.protocol.wire import JoinData

log = structlog.get_logger()


class Stay:
    """A session whose news is handed to ``hear``, one after the other. ``over`` is called once when it ends by itself:
    kicked, the room closed, or too slow a reader. Made by ``begin``; used on the event loop.
    """

    def __init__(
        self, session: Session, hear: Callable[[Event], Awaitable[None]], over: Callable[[], Awaitable[None]]
    ) -> None:
        self.session = session
        self._hear = hear
        self._over = over
        self._following: asyncio.Task[None] | None = None

    @classmethod
    async def begin(
        cls,
        gateway: Gateway,
        principal: Principal,
        asked: JoinData,
        hear: Callable[[Event], Awaitable[None]],
        over: Callable[[], Awaitable[None]],
    ) -> "Stay":
        """Joins. Nothing is heard before ``follow``. Raises ``Forbidden`` (``lobby``) where one would have to wait: no
        dialect has words for that; else what ``Gateway.join`` raises.
        """
        entered = await gateway.join(principal, asked)
        if isinstance(entered, Knock):
            await entered.stop()
            raise Forbidden("this room has a lobby, and nobody can wait in it here", code="lobby")
        return cls(entered, hear, over)

    def follow(self) -> None:
        self._following = asyncio.create_task(self._follow(), name=f"stay-{self.session.me.id}")

    async def close(self) -> None:
        """They leave. Idempotent; ``over`` is not called any more."""
        following, self._following = self._following, None
        if following is not None and following is not asyncio.current_task():
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
        try:
            await self.session.leave()
        except McuError as error:
            log.debug("leave_refused", code=error.error_code)  # the room or the participant went first

    async def _follow(self) -> None:
        try:
            async with aclosing(self.session.events()) as events:
                async for event in events:
                    await self._hear(event)
        except McuError as error:
            log.warning("stay_failed", participant=self.session.me.id, code=error.error_code)
        except Exception:  # the boundary of one stay: its fault is logged, and it ends like any other
            log.exception("stay_failed", participant=self.session.me.id)
        await self._over()
