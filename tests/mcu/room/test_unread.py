"""How long a private message that may have been lost is kept for its reader, and how many."""

from datetime import UTC, datetime

from mcu.protocol.talk import ChatMessage
from mcu.room.unread import DOUBT_NS, MAX_UNREAD, Unread
from tests.kit.clock import FakeClock

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Somebody:
    """As much of a participant as is looked at."""

    def __init__(self, identifier: str) -> None:
        self.id = identifier


def said(text: str) -> ChatMessage:
    return ChatMessage(id=text, sender="bob", name="Bob", text=text, to=("ada",), sent_at=NOW)


def texts(messages: tuple[ChatMessage, ...]) -> list[str]:
    return [message.text for message in messages]


def test_what_was_sent_long_ago_arrived_and_what_waits_does_so_for_ever() -> None:
    clock, ada = FakeClock(), Somebody("ada")
    unread = Unread({"ada"}, clock)
    unread.sent(ada, said("old"))
    unread.waits(ada, said("waiting"))
    clock.advance(ms=DOUBT_NS / 1e6 + 1)
    unread.sent(ada, said("new"))
    assert texts(unread.take(ada)) == ["waiting", "new"]
    assert texts(unread.take(ada)) == []


def test_it_is_bounded() -> None:
    ada = Somebody("ada")
    unread = Unread({"ada"}, FakeClock())
    for number in range(MAX_UNREAD + 5):
        unread.sent(ada, said(str(number)))
    assert texts(unread.take(ada)) == [str(number) for number in range(5, MAX_UNREAD + 5)]
