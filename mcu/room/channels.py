"""Participants' data channels: what is said there goes to their session, which has the say on the room's chat."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from mcu.protocol import commands as c
from mcu.protocol import events as e
from mcu.protocol.models import Connection
from mcu.protocol.talk import SpeakOnChannel
from mcu.room.attendance import Attendance
from mcu.room.events import Events
from mcu.room.participant import Participant
from mcu.rtc.channels import ChannelNews

CHAT = "chat"
"""The channel beside somebody's media that is listened to. Where channels have a connection of their own, all are."""


class Channels:
    """On the event loop. Keeps nothing: the connections have the channels, the session knows what they are for."""

    def __init__(self, attendance: Attendance, events: Events) -> None:
        self._attendance = attendance
        self._events = events
        self.handlers: Mapping[type[Any], Callable[[Any], Awaitable[c.Reply]]] = {SpeakOnChannel: self._speak}

    def heard(self, participant: Participant, connection: Connection, news: ChannelNews) -> None:
        if connection != "data" and news.label != CHAT:
            return
        octets = isinstance(news.words, bytes)
        words = news.words.decode("latin-1") if isinstance(news.words, bytes) else news.words
        self._events.emit(
            e.ChannelNews(
                to=participant.id,
                connection=connection,
                number=news.number,
                state=news.state,
                label=news.label,
                protocol=news.protocol,
                words=words,
                octets=octets,
            )
        )

    async def _speak(self, command: SpeakOnChannel) -> c.Done:
        link = self._attendance.participant(command.participant).links.get(command.connection)
        channels = link.peer.data if link is not None else None
        if channels is not None and command.words is None:
            channels.hang_up(command.number)
        elif channels is not None and command.words is not None:
            words = command.words
            channels.say(command.number, words.encode("latin-1", "replace") if command.octets else words)
        return c.Done()
