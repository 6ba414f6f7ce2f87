"""What is told of rooms beyond what a room says itself: that it opened, who knocks, and why it ended."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from mcu.protocol.access import WaitingInfo
from mcu.protocol.events import Event
from mcu.protocol.models import ParticipantInfo, RoomInfo
from mcu.store.interfaces import NewEntry

EndReason = Literal["closed", "deleted", "server_stopped", "lost"]
"""``closed``: by itself, being empty or because its owner left."""


@dataclass(frozen=True, slots=True)
class RoomOpened:
    room: RoomInfo


@dataclass(frozen=True, slots=True)
class RoomEnded:
    """``lost``: its server or worker ended without a word, and nobody heard who left. It may be opened again."""

    reason: EndReason


@dataclass(frozen=True, slots=True)
class Knocked:
    """Somebody waits before the room's door. Told even when nobody is there who could let them in."""

    waiting: WaitingInfo


News = Event | RoomOpened | RoomEnded | Knocked

Announcer = Callable[[str, News, ParticipantInfo | None], Sequence[NewEntry]]
"""``(room, news, person)``: what of a room's news goes to which webhook. Beside news of one person stands that person
as last seen. Must not block.
"""


def nobody(_: str, __: News, ___: ParticipantInfo | None) -> Sequence[NewEntry]:
    """The announcer of a server without webhooks."""
    return ()
