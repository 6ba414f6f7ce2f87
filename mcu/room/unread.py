"""Private messages that somebody may not have got, kept until they ask for the chat again."""

from collections import deque
from collections.abc import Container
from dataclasses import dataclass, field
from typing import Final, Protocol

from mcu.clock import NS_PER_S, Clock
from mcu.protocol.talk import ChatMessage

MAX_UNREAD: Final = 20
"""Of one reader; the oldest go first."""
DOUBT_NS: Final = 60 * NS_PER_S
"""So long a message counts as lost that went to a socket which turns out to be dead: longer than that takes."""


class Reader(Protocol):
    """Somebody of the room."""

    id: str


@dataclass(slots=True)
class _Letter:
    message: ChatMessage
    sent_ns: int | None
    """When it was handed to their socket; None: they had none."""


@dataclass(slots=True)
class _Box:
    owner: Reader
    letters: deque[_Letter] = field(default_factory=lambda: deque(maxlen=MAX_UNREAD))


class Unread:
    """On the event loop. ``here`` holds the ids of those who are in the room. It is the person that counts, not the
    name: who left and came back has missed nothing.
    """

    def __init__(self, here: Container[object], clock: Clock) -> None:
        self._here = here
        self._clock = clock
        self._boxes: dict[str, _Box] = {}

    def sent(self, reader: Reader, message: ChatMessage) -> None:
        """It is on its way to their socket, which may be dead without anybody knowing."""
        self._box(reader).append(_Letter(message, self._clock.now_ns()))

    def waits(self, reader: Reader, message: ChatMessage) -> None:
        """They have no socket now."""
        self._box(reader).append(_Letter(message, None))

    def take(self, reader: Reader) -> tuple[ChatMessage, ...]:
        """What they are told now, and then no more."""
        self._forget_gone()
        box = self._boxes.pop(reader.id, None)
        if box is None or box.owner is not reader:
            return ()
        since_ns = self._clock.now_ns() - DOUBT_NS
        return tuple(one.message for one in box.letters if one.sent_ns is None or one.sent_ns >= since_ns)

    def replace(self, identifier: str, message: ChatMessage | None) -> None:
        """It reads otherwise now; None: it was taken back."""
        for box in self._boxes.values():
            kept = [one for one in box.letters if message is not None or one.message.id != identifier]
            for letter in kept:
                if message is not None and letter.message.id == identifier:
                    letter.message = message
            box.letters = deque(kept, maxlen=MAX_UNREAD)

    def _box(self, reader: Reader) -> deque[_Letter]:
        box = self._boxes.get(reader.id)
        if box is None or box.owner is not reader:
            self._forget_gone()
            box = self._boxes[reader.id] = _Box(reader)
        return box.letters

    def _forget_gone(self) -> None:
        self._boxes = {who: box for who, box in self._boxes.items() if who in self._here}
