"""What may be asked about what is said in a room."""

from api.session.asking import Asking
from mcu.protocol.commands import Done
from mcu.protocol.talk import (
    ChatHistory,
    ChatMessage,
    ClearReady,
    DeleteMessage,
    EditMessage,
    GetChatHistory,
    GetReady,
    ReadySet,
    Said,
    Say,
)


class TalkControl(Asking):
    """The chat, and who is ready."""

    @property
    def speaker(self) -> str | None:
        """The participant whose messages count as one's own; None: nobody's."""
        return self.principal.identity

    async def post(self, message: Say) -> Said:
        """The server speaks, whoever asked for it."""
        self.principal.require("moderate", self.room)
        return await self._ask(message.model_copy(update={"sender": None}), Said)

    async def messages(self) -> tuple[ChatMessage, ...]:
        """What was said to everybody, oldest first."""
        self.principal.require("watch", self.room)
        return (await self._ask(GetChatHistory(), ChatHistory)).messages

    async def edit_message(self, message: str, text: str) -> ChatMessage:
        """Raises ``NotFound``."""
        moderates = self._require_pen()
        return await self._ask(
            EditMessage(message=message, text=text, by=self.speaker, moderates=moderates), ChatMessage
        )

    async def delete_message(self, message: str) -> None:
        """Raises ``NotFound``."""
        moderates = self._require_pen()
        await self._ask(DeleteMessage(message=message, by=self.speaker, moderates=moderates), Done)

    async def ready(self) -> ReadySet:
        self.principal.require("watch", self.room)
        return await self._ask(GetReady(), ReadySet)

    async def clear_ready(self) -> ReadySet:
        """Nobody is ready any more."""
        self.principal.require("moderate", self.room)
        return await self._ask(ClearReady(), ReadySet)

    def _require_pen(self) -> bool:
        """Whether the caller moderates; else they may chat, or this raises ``Forbidden``."""
        moderates = self.principal.may("moderate", self.room)
        if not moderates:
            self.principal.require("chat", self.room)
        return moderates
