"""A participant's stay in a room."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace

import structlog
from pydantic import JsonValue

from api.auth import Principal
from api.direction import asks_to_receive
from api.session.asking import unsubscribe
from api.session.channels import ChannelChat
from api.session.control import RoomControl
from mcu.bans import Bans
from mcu.engine.engine import RoomHandle
from mcu.errors import Forbidden, McuError
from mcu.protocol.commands import (
    AddCandidate,
    Answer,
    Detach,
    Done,
    GetTiles,
    GetUplink,
    Joined,
    Leave,
    ListParticipants,
    Offer,
    ParticipantList,
    SetHand,
    SetMediaState,
    UpdateParticipant,
    UplinkState,
    WatchView,
)
from mcu.protocol.events import (
    AppMessage,
    ChannelNews,
    ChatDeleted,
    ChatEdited,
    ChatHistoryTold,
    ChatPosted,
    Event,
    LetterWaits,
    LobbyChanged,
    Reacted,
    ReadyChanged,
    Tiles,
)
from mcu.protocol.models import (
    Connection,
    ParticipantInfo,
    TileMap,
    Uplink,
)
from mcu.protocol.names import DisplayName
from mcu.protocol.quality import GetQuality, Quality, SetQuality, TierChoice
from mcu.protocol.talk import (
    ChatHistory,
    Delivered,
    GetChatHistory,
    GetReady,
    React,
    ReadySet,
    Said,
    Say,
    SendApp,
    SetReady,
    SpeakOnChannel,
)
from mcu.protocol.wire import CandidateInit

log = structlog.get_logger()


class Session(RoomControl):
    """A participant's stay in a room, from join to leave or detach. Made by ``enter``.

    ``roster`` and what begins with ``first_`` were read after the subscription to the room's events began: an event
    may repeat what they say already, but none is missing.
    """

    def __init__(self, handle: RoomHandle, principal: Principal, bans: Bans, joined: Joined) -> None:
        super().__init__(handle, principal, bans)
        self._become(joined.participant)
        self.resumed = joined.resumed
        self.joined_room = joined.room
        self.resume_token = joined.resume_token
        self.roster = joined.participants
        self.first_tiles = joined.tiles
        self.first_uplink: Uplink | None = None
        self.first_quality: Quality | None = None
        self._opening: list[Event] = []
        self._events = handle.events(joined.participant.id)
        self.channels = ChannelChat(self)
        self._ended = False
        self._log = log.bind(room=handle.name, participant=self.me.id)

    @classmethod
    async def begin(cls, handle: RoomHandle, principal: Principal, bans: Bans, joined: Joined) -> "Session":
        session = cls(handle, principal, bans, joined)
        structlog.contextvars.bind_contextvars(room=handle.name, participant=session.me.id)
        try:
            await session._settle()
        except (McuError, asyncio.CancelledError):
            await session.detach()
            raise
        return session

    def _become(self, me: ParticipantInfo) -> None:
        """What the room says of them now; its word on their role counts, not the token's."""
        self.me = me
        grants = self.principal.grants
        if grants.role != me.role:
            self.principal = replace(self.principal, grants=grants.model_copy(update={"role": me.role}))

    async def _settle(self) -> None:
        """Takes what the grants forbid to publish, then reads the room as the subscription found it. What cannot be
        asked for twice is asked for last.
        """
        publish = self.principal.grants.publish
        audio, video = "microphone" not in publish, "camera" not in publish
        if audio or video:
            muting = UpdateParticipant(
                participant=self.me.id,
                server_muted_audio=True if audio else None,
                server_muted_video=True if video else None,
            )
            self._become(await self._ask(muting, ParticipantInfo))
        # At once: one after the other, a busy room's process makes somebody wait as often as they ask.
        present, self.first_tiles, uplink, self.first_quality, ready = await asyncio.gather(
            self._ask(ListParticipants(), ParticipantList),
            self._ask(GetTiles(view=self.me.view), TileMap),
            self._ask(GetUplink(participant=self.me.id), UplinkState),
            self.own_quality(),
            self._ask(GetReady(), ReadySet),
        )
        self.roster = (*present.participants, self.me) if self.me.hidden else present.participants
        self.first_uplink = uplink.uplink
        history = await self._ask(GetChatHistory(participant=self.me.id), ChatHistory)
        self._opening = [ChatHistoryTold(messages=history.messages)]
        if ready.ready:
            self._opening.append(ReadyChanged(ready=ready.ready, waiting=ready.waiting))
        if self.principal.may("moderate", self.room):
            waiting = (await self.waiting()).waiting
            self._opening += [LobbyChanged(waiting=waiting)] if waiting else []

    @property
    def author(self) -> str:
        return self.me.id

    @property
    def speaker(self) -> str | None:
        return self.me.id

    @property
    def ended(self) -> bool:
        """The stay is over: left, kicked, detached, or the room was closed."""
        return self._ended

    async def events(self) -> AsyncGenerator[Event, None]:
        """What the room says to this participant, the chat's history first; of tile maps, those of the view they watch;
        nothing of what they say themselves. Ends after ``Kicked``, ``RoomClosed`` or ``Moved``, after which the stay is
        over; when the person was thrown out beside whom this one watches; or when the reader fell too far behind.
        """
        try:
            for event in self._opening:
                yield event
            self._opening = []
            async for event in self._events:
                if event.type == "participant_updated" and event.participant.id == self.me.id:
                    self._become(event.participant)
                elif isinstance(event, ChannelNews):
                    await self.channels.hear(event)
                    continue
                elif self._no_news(event):
                    continue
                elif event.type == "moved":
                    event = event.model_copy(update={"resume_token": self.resume_token})
                last = event.type in ("kicked", "room_closed", "moved")
                self._ended = self._ended or last
                if isinstance(event, ChatPosted | ChatEdited | ChatDeleted):
                    await self.channels.tell(event)
                yield event
                if last or self._thrown_out(event):
                    return
        finally:
            await unsubscribe(self._events)

    def _thrown_out(self, event: Event) -> bool:
        """Who was removed watches no more by other ways either."""
        return event.type == "participant_left" and event.reason == "kicked" and event.id == self.principal.identity

    def _no_news(self, event: Event) -> bool:
        """Of a view they don't watch, for the gateway alone, or said by themselves: they know it from the answer."""
        match event:
            case Tiles():
                return event.tiles.view != self.me.view
            case LetterWaits():
                return True
            case ChatPosted():
                return event.message.sender == self.me.id
            case ChatEdited() | ChatDeleted():
                return event.by == self.me.id
            case AppMessage() | Reacted():
                return event.sender == self.me.id
            case _:
                return False

    async def offer(self, sdp: str, connection: Connection) -> str:
        """The answer's SDP."""
        if connection == "screen":
            self._require_screen()
        elif connection == "data":
            self.principal.require("chat", self.room)
        if not self.principal.grants.subscribe and asks_to_receive(sdp):
            raise Forbidden("this token doesn't allow to receive; offer your media as sendonly")
        return (await self._ask(Offer(participant=self.me.id, connection=connection, sdp=sdp), Answer)).sdp

    async def candidate(self, candidate: CandidateInit | None, connection: Connection) -> None:
        one = candidate if candidate is not None and candidate.candidate else None
        command = AddCandidate(
            participant=self.me.id,
            connection=connection,
            candidate=one.candidate if one else None,
            sdp_mid=one.sdpMid if one else None,
            sdp_m_line_index=one.sdpMLineIndex if one else None,
        )
        await self._ask(command, Done)

    async def media_state(self, audio: bool | None, video: bool | None, screen: bool | None) -> ParticipantInfo:
        if screen:
            self._require_screen()
        command = SetMediaState(participant=self.me.id, audio=audio, video=video, screen=screen)
        return await self._ask(command, ParticipantInfo)

    async def raise_hand(self, raised: bool) -> ParticipantInfo:
        """Everybody sees it, on this participant's tile too; False takes it down."""
        return await self._ask(SetHand(participant=self.me.id, raised=raised), ParticipantInfo)

    async def rename(self, name: DisplayName) -> ParticipantInfo:
        """Raises ``Forbidden`` for somebody whose token says what they are called."""
        if self.principal.name is not None:
            raise Forbidden("this token says what you are called")
        self._become(await self._ask(UpdateParticipant(participant=self.me.id, name=name), ParticipantInfo))
        return self.me

    async def say(self, text: str, to: tuple[str, ...] | None = None, channel: str | None = None) -> Said:
        """To everybody, or in private to those named. Raises ``NotFound``, ``Unprocessable``, ``TooMany``."""
        self.principal.require("chat", self.room)
        return await self._ask(Say(sender=self.me.id, text=text, to=to, channel=channel), Said)

    async def speak(self, connection: Connection, number: int, words: str, *, octets: bool) -> None:
        """On a data channel of their own."""
        command = SpeakOnChannel(
            participant=self.me.id, connection=connection, number=number, words=words, octets=octets
        )
        await self._ask(command, Done)

    async def send_app(self, topic: str, payload: JsonValue, to: tuple[str, ...] | None = None) -> Delivered:
        """For the others' programs. It may carry words as well, so it needs the grant to chat."""
        self.principal.require("chat", self.room)
        return await self._ask(SendApp(sender=self.me.id, topic=topic, payload=payload, to=to), Delivered)

    async def react(self, reaction: str) -> None:
        self.principal.require("chat", self.room)
        await self._ask(React(sender=self.me.id, reaction=reaction), Done)

    async def set_ready(self, ready: bool) -> ReadySet:
        return await self._ask(SetReady(participant=self.me.id, ready=ready), ReadySet)

    async def choose_quality(self, choice: TierChoice) -> Quality:
        """At most that tier is sent to this participant."""
        return await self._ask(SetQuality(participant=self.me.id, choice=choice), Quality)

    async def own_quality(self) -> Quality:
        return await self._ask(GetQuality(participant=self.me.id), Quality)

    async def watch_view(self, name: str) -> ParticipantInfo:
        """Another view is sent to this participant, beginning with a keyframe."""
        return await self._ask(WatchView(participant=self.me.id, view=name), ParticipantInfo)

    async def leave(self) -> None:
        """The participant goes. Nothing more may be asked. Idempotent."""
        if not self._ended:
            self._ended = True
            await unsubscribe(self._events)
            await self._ask(Leave(participant=self.me.id), Done)

    async def detach(self) -> None:
        """The signaling connection is gone; the participant may come back with its resume token. Idempotent."""
        if self._ended:
            return
        self._ended = True
        await unsubscribe(self._events)
        try:
            await self._ask(Detach(participant=self.me.id, resume_token=self.resume_token), Done)
        except McuError as error:
            self._log.debug("detach_refused", code=error.error_code)  # the room or the participant went first
        else:
            self._log.info("participant_detached")

    def _require_screen(self) -> None:
        if "screen" not in self.principal.grants.publish:
            raise Forbidden("this token doesn't allow to share a screen")
