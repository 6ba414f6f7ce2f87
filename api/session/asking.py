"""How one principal asks one room."""

from typing import TypeVar

from api.auth import Principal
from mcu.engine.engine import RoomHandle
from mcu.errors import Internal
from mcu.protocol.commands import Command

ReplyT = TypeVar("ReplyT")


class Asking:
    """A room, and who asks it. Every method of those who stand on this raises ``Forbidden`` where the grants don't
    allow it, and whatever the room answers.
    """

    def __init__(self, handle: RoomHandle, principal: Principal) -> None:
        self._handle = handle
        self.principal = principal

    @property
    def room(self) -> str:
        return self._handle.name

    @property
    def author(self) -> str:
        """Whom the history names: the participant, or the admin that every key and an open server's caller is."""
        return self.principal.identity or "admin"

    async def _ask(self, command: Command, reply: type[ReplyT]) -> ReplyT:
        answer = await self._handle.call(command)
        if not isinstance(answer, reply):
            raise Internal(f"{command.type} was answered with {type(answer).__name__}")
        return answer
