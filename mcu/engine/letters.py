"""Private messages that somebody may not have got, as the gateway keeps them for the day a room's worker dies."""

from collections import deque
from collections.abc import Container, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from mcu.clock import NS_PER_S
from mcu.protocol.talk import ChatMessage
from mcu.room.unread import DOUBT_NS, MAX_UNREAD

DOUBT: Final = timedelta(seconds=DOUBT_NS / NS_PER_S)


@dataclass(frozen=True, slots=True)
class Letter:
    """``waits``: its reader has no socket; else it was sent to one that may be dead without anybody knowing."""

    message: ChatMessage
    waits: bool


@dataclass(slots=True)
class Letters:
    """By their reader's id, as many of each as a room keeps itself (``mcu.room.unread``)."""

    boxes: dict[str, deque[Letter]] = field(default_factory=dict)

    def keep(self, reader: str, message: ChatMessage, *, waits: bool) -> None:
        self.boxes.setdefault(reader, deque(maxlen=MAX_UNREAD)).append(Letter(message, waits))

    def edited(self, reader: str, message: ChatMessage) -> None:
        box = self.boxes.get(reader, deque())
        self._put(reader, [replace(one, message=message) if one.message.id == message.id else one for one in box])

    def told(self, reader: str, messages: Iterable[str]) -> None:
        """They have these, by id, or shall not have them any more."""
        gone = set(messages)
        self._put(reader, [one for one in self.boxes.get(reader, deque()) if one.message.id not in gone])

    def take(self, reader: str) -> tuple[ChatMessage, ...]:
        """Everything that is kept for them, which from then on isn't."""
        return tuple(one.message for one in self.boxes.pop(reader, ()))

    def undelivered(self, readers: Container[str], now: datetime) -> "Letters":
        """What those of ``readers`` may not have got by ``now``."""
        left = Letters()
        for reader, box in self.boxes.items():
            if reader in readers:
                lost = (one for one in box if one.waits or one.message.sent_at >= now - DOUBT)
                left._put(reader, [replace(one, waits=True) for one in lost])
        return left

    def _put(self, reader: str, letters: list[Letter]) -> None:
        if letters:
            self.boxes[reader] = deque(letters, maxlen=MAX_UNREAD)
        else:
            self.boxes.pop(reader, None)
