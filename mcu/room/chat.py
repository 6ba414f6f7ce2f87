"""The room's chat: said to all, to some, by channel; remembered for those who come later; mended and taken back."""

import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from mcu.clock import NS_PER_S, Clock
from mcu.errors import Forbidden, NotFound, Unprocessable
from mcu.protocol import commands as c
from mcu.protocol import events as e
from mcu.protocol import talk as t
from mcu.protocol.talk import GROUP, MAX_HISTORY, ChatMessage
from mcu.room.attendance import Attendance
from mcu.room.events import Events
from mcu.room.pace import Pace
from mcu.room.participant import Participant
from mcu.room.unread import Unread

Kept = TypeVar("Kept")

SERVER_NAME = "Server"


class Chat:
    """Carries out the commands on messages. On the event loop.

    A private message is never in the history: ``_limited`` holds those to some people only so long as their authors
    may want to change them. ``group_of`` names the members of a participant's group; None: they are in none.
    """

    def __init__(
        self,
        attendance: Attendance,
        events: Events,
        clock: Clock,
        pace: Pace,
        group_of: Callable[[str], frozenset[str] | None],
    ) -> None:
        self._attendance = attendance
        self._events = events
        self._clock = clock
        self._pace = pace
        self._group_of = group_of
        self._public: dict[str, ChatMessage] = {}
        self._limited: dict[str, tuple[ChatMessage, frozenset[str]]] = {}
        self._listening: dict[str, str] = {}
        """The resume token with which a participant last asked for the history: from then on they get events."""
        self._unread = Unread(attendance, clock)
        self.handlers: Mapping[type[Any], Callable[[Any], Awaitable[c.Reply]]] = {
            t.Say: self._say,
            t.EditMessage: self._edit,
            t.DeleteMessage: self._delete,
            t.GetChatHistory: self._history,
            t.RestoreChat: self._restore,
        }

    async def _say(self, command: t.Say) -> t.Said:
        sender = speaker(self._attendance, command.sender)
        readers = self._readers(command, sender)
        self._pace.take(command.sender)
        message = ChatMessage(
            id=secrets.token_urlsafe(9),
            sender=command.sender,
            name=sender.name if sender is not None else command.name or SERVER_NAME,
            text=command.text,
            channel=command.channel,
            to=None if command.to is None else tuple(reader.id for reader in readers),
            sent_at=self._now,
        )
        if command.to is None and command.channel != GROUP:
            _keep(self._public, message.id, message)
            self._events.emit(e.ChatPosted(message=message))
        else:
            _keep(self._limited, message.id, (message, frozenset(reader.id for reader in readers)))
            self._hand_out(message, readers)
        delivered = sum(self._listens(reader) for reader in readers)
        return t.Said(message_id=message.id, delivered=delivered, sent_at=message.sent_at)

    async def _edit(self, command: t.EditMessage) -> ChatMessage:
        before, readers = self._changeable(command)
        message = before.model_copy(update={"text": command.text, "edited_at": self._now})
        if readers is None:
            self._public[message.id] = message
        else:
            self._limited[message.id] = message, readers
            self._unread.replace(message.id, message)
        self._tell(readers, lambda to: e.ChatEdited(to=to, message=message, by=command.by))
        return message

    async def _delete(self, command: t.DeleteMessage) -> c.Done:
        message, readers = self._changeable(command)
        if readers is None:
            del self._public[message.id]
        else:
            del self._limited[message.id]
            self._unread.replace(message.id, None)
        self._tell(readers, lambda to: e.ChatDeleted(to=to, message_id=message.id, by=command.by))
        return c.Done()

    async def _history(self, command: t.GetChatHistory) -> t.ChatHistory:
        messages = list(self._public.values())
        if command.participant is not None:
            reader = self._attendance.participant(command.participant)
            self._forget_gone()
            self._listening[reader.id] = reader.resume_token
            messages += self._unread.take(reader)
            messages.sort(key=lambda message: message.sent_at)
        return t.ChatHistory(messages=tuple(messages))

    async def _restore(self, command: t.RestoreChat) -> c.Done:
        if command.participant is not None:
            reader = self._attendance.participant(command.participant)
            for message in command.messages:
                self._unread.waits(reader, message)
            return c.Done()
        before = {message.id: message for message in command.messages}
        for identifier, message in ({**before, **self._public}).items():
            self._public.pop(identifier, None)
            _keep(self._public, identifier, message)
        return c.Done()

    def _readers(self, command: t.Say, sender: Participant | None) -> list[Participant]:
        """Those a message is for, without its sender."""
        others = [person for person in self._attendance.persons if person is not sender]
        if command.channel == GROUP:
            group = self._group_of(sender.id) if sender is not None else None
            if group is None:
                raise Unprocessable("you are in no group of this room", field="channel")
            others = [person for person in others if person.id in group]
        return others if command.to is None else addressed(others, command.to)

    def _hand_out(self, message: ChatMessage, readers: Iterable[Participant]) -> None:
        for reader in readers:
            if self._listens(reader):
                self._events.emit(e.ChatPosted(to=reader.id, message=message))
                self._unread.sent(reader, message)
            else:
                self._events.emit(e.LetterWaits(to=reader.id, message=message))
                self._unread.waits(reader, message)

    def _listens(self, reader: Participant) -> bool:
        """Whether events reach them: somebody who has just joined, or lost their socket, asks for the history first."""
        return reader.attached and self._listening.get(reader.id) == reader.resume_token

    def _changeable(self, command: t.EditMessage | t.DeleteMessage) -> tuple[ChatMessage, frozenset[str] | None]:
        """The message, and who has it besides its author; None: everybody."""
        self._pace.take(command.by)
        public = self._public.get(command.message)
        if public is not None:
            if not command.moderates and (command.by is None or public.sender != command.by):
                raise Forbidden("only its author or a moderator may change a message")
            return public, None
        message, readers = self._limited.get(command.message, (None, frozenset[str]()))
        if message is None or command.by is None or message.sender != command.by:
            raise NotFound("this room remembers no such message", code="no_such_message", field="message_id")
        return message, readers

    def _tell(self, readers: frozenset[str] | None, event: Callable[[str | None], e.Event]) -> None:
        for reader in (None,) if readers is None else readers:
            self._events.emit(event(reader))

    def _forget_gone(self) -> None:
        self._listening = {who: token for who, token in self._listening.items() if who in self._attendance}

    @property
    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.wall_ns() / NS_PER_S, UTC)


def speaker(attendance: Attendance, sender: str | None) -> Participant | None:
    """Who speaks; None: the server. Raises NotFound, or Forbidden for who is hidden."""
    if sender is None:
        return None
    participant = attendance.participant(sender)
    if participant.hidden:
        raise Forbidden("who is hidden has no voice in the room")
    return participant


def addressed(people: Iterable[Participant], to: tuple[str, ...]) -> list[Participant]:
    """Those of ``people`` that ``to`` names. Raises NotFound when it names none of them."""
    found = [person for person in people if person.id in to]
    if not found:
        raise NotFound("nobody of those it is for is here", code="no_such_participant", field="to")
    return found


def _keep(shelf: dict[str, Kept], key: str, value: Kept) -> None:
    """The newest ``MAX_HISTORY`` stay."""
    shelf[key] = value
    while len(shelf) > MAX_HISTORY:
        del shelf[next(iter(shelf))]
