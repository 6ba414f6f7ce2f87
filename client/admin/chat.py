"""What is said in a room."""

from collections.abc import Sequence

from client.admin.calls import Calls, below
from mcu.protocol.talk import ChatMessage, ReadySet, Said


class ChatAdmin:
    """``room.chat``. Every request raises an AdminRefused or ConnectionLost."""

    def __init__(self, calls: Calls, room: str) -> None:
        self._calls = calls
        self._path = below("rooms", room, "messages")
        self._room = room

    async def post(
        self, text: str, *, name: str | None = None, to: Sequence[str] | None = None, channel: str | None = None
    ) -> Said:
        """The server speaks, under ``name``; with ``to`` to these participants alone."""
        given = {"text": text, "name": name, "to": None if to is None else list(to), "channel": channel}
        return await self._calls.one(Said, "POST", self._path, json=given)

    async def messages(self) -> tuple[ChatMessage, ...]:
        """What was said to everybody, oldest first."""
        return await self._calls.many(ChatMessage, self._path, "messages")

    async def edit(self, message: str, text: str) -> ChatMessage:
        """Raises NotThere."""
        return await self._calls.one(ChatMessage, "PATCH", self._message(message), json={"text": text})

    async def delete(self, message: str) -> None:
        """Raises NotThere."""
        await self._calls.answer("DELETE", self._message(message))

    async def ready(self) -> ReadySet:
        """Who is ready for what comes next, and who isn't."""
        return await self._calls.one(ReadySet, "GET", below("rooms", self._room, "ready"))

    async def clear_ready(self) -> ReadySet:
        """Nobody is ready any more: the next round begins."""
        return await self._calls.one(ReadySet, "DELETE", below("rooms", self._room, "ready"))

    def _message(self, message: str) -> str:
        return below("rooms", self._room, "messages", message)
