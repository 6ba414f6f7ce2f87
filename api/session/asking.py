"""How one principal asks one room."""

import contextlib
from collections.abc import AsyncIterator
from typing import TypeVar

from api.auth import Principal
from mcu.bans import Bans
from mcu.engine.engine import RoomHandle
from mcu.errors import Internal, NotFound
from mcu.protocol.access import TellBans
from mcu.protocol.commands import Command, Done
from mcu.protocol.events import Event

ReplyT = TypeVar("ReplyT")


async def unsubscribe(events: AsyncIterator[Event]) -> None:
    """Ends a subscription where its engine knows how to. Idempotent."""
    aclose = getattr(events, "aclose", None)
    if aclose is not None:
        await aclose()


class Asking:
    """A room, and who asks it. Every method of those who stand on this raises ``Forbidden`` where the grants don't
    allow it, and whatever the room answers.
    """

    def __init__(self, handle: RoomHandle, principal: Principal, bans: Bans) -> None:
        self._handle = handle
        self._bans = bans
        self.principal = principal

    @property
    def room(self) -> str:
        return self._handle.name

    @property
    def author(self) -> str:
        """Whom the history names: the participant, or the admin that every key and an open server's caller is."""
        return self.principal.identity or "admin"

    async def _tell_bans(self) -> None:
        """Who moderates in the room hears that its bans are others now; a room that has just closed tells nobody."""
        with contextlib.suppress(NotFound):
            await self._ask(TellBans(), Done)

    async def _ask(self, command: Command, reply: type[ReplyT]) -> ReplyT:
        answer = await self._handle.call(command)
        if not isinstance(answer, reply):
            raise Internal(f"{command.type} was answered with {type(answer).__name__}")
        return answer
