"""The room's chat as one participant reads and writes it."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from mcu.protocol.events import ChatDeleted, ChatEdited, ChatHistoryTold, ChatPosted, Event
from mcu.protocol.talk import MAX_HISTORY, ChatMessage, Said

MAX_MESSAGES = 5 * MAX_HISTORY

Request = Callable[[str, dict[str, Any]], Coroutine[Any, Any, dict[str, Any]]]


class ChatLog:
    """The newest ``MAX_MESSAGES`` messages that came, by id, the oldest first. It outlives a lost socket."""

    def __init__(self) -> None:
        self.messages: dict[str, ChatMessage] = {}

    def apply(self, event: Event) -> None:
        match event:
            case ChatHistoryTold():
                for message in event.messages:
                    self.keep(message)
            case ChatPosted():
                self.keep(event.message)
            case ChatEdited():
                if event.message.id in self.messages:
                    self.keep(event.message)
            case ChatDeleted():
                self.messages.pop(event.message_id, None)
            case _:
                pass

    def keep(self, message: ChatMessage) -> None:
        self.messages[message.id] = message
        while len(self.messages) > MAX_MESSAGES:
            del self.messages[next(iter(self.messages))]


class Chat:
    """``room.chat``. Every request raises RequestRefused (``forbidden``, ``too_many_requests`` …) or ConnectionLost."""

    def __init__(self, request: Request, log: ChatLog, me: Callable[[], tuple[str, str]]) -> None:
        """For the room. ``me()`` is one's own id and name."""
        self._request = request
        self._log = log
        self._me = me

    @property
    def messages(self) -> tuple[ChatMessage, ...]:
        """What was said, oneself included, as far as it is remembered; the oldest comes first."""
        return tuple(self._log.messages.values())

    async def say(self, text: str, to: Sequence[str] | None = None, channel: str | None = None) -> ChatMessage:
        """To everybody, or in private to the participants ``to`` names."""
        data = {"text": text, "to": None if to is None else list(to), "channel": channel}
        said = Said.model_validate(await self._request("chat", data))
        sender, name = self._me()
        message = ChatMessage(
            id=said.message_id,
            sender=sender,
            name=name,
            text=text,
            channel=channel,
            to=None if to is None else tuple(to),
            sent_at=said.sent_at,
        )
        self._log.keep(message)
        return message

    async def edit(self, message_id: str, text: str) -> ChatMessage:
        """One's own message, or as a moderator anybody's to everybody."""
        answer = await self._request("chat_edit", {"message_id": message_id, "text": text})
        message = ChatMessage.model_validate(answer["message"])
        self._log.keep(message)
        return message

    async def delete(self, message_id: str) -> None:
        await self._request("chat_delete", {"message_id": message_id})
        self._log.messages.pop(message_id, None)
