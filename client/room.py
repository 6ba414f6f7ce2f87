"""A room as one of its participants sees it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from pydantic import JsonValue

from client.admission import Invitation
from client.chat import Chat, ChatLog
from client.connections import Sending
from client.errors import ClientError
from client.moderation import Moderation
from client.pace import Timeline
from client.session import Session, State
from client.sources import AudioSource, EncodedSource, VideoSource
from client.streams import Broadcast, Reader
from mcu.protocol.access import WaitingInfo
from mcu.protocol.events import Event, Speakers
from mcu.protocol.layout import Layout, LayoutState
from mcu.protocol.models import ParticipantInfo, RecordingInfo, RoomInfo, Source, TileMap, Uplink
from mcu.protocol.quality import Quality, TierChoice
from mcu.protocol.streams import StreamInfo
from mcu.protocol.versions import ScheduledLayout


@dataclass(frozen=True, slots=True)
class RoomStatistics:
    """Counts since the join."""

    pictures: int
    sounds: int
    events: int
    offers: int
    reconnects: int


class Room:
    """Join with ``async with Room.connect(…) as room``; leaving the block leaves the room.

    Everything belongs to one event loop. Streams (``events``, ``pictures``, ``sounds``) may be read by several readers,
    late, or not at all: each reader keeps the newest few values only. They end when the room is left, and raise
    ConnectionLost or Removed when it ended otherwise. A socket that drops is resumed behind the scenes.
    """

    def __init__(self, invitation: Invitation, sending: Sending, timeline: Timeline, receive: bool) -> None:
        """For ``connect``."""
        self._ended: asyncio.Future[ClientError | None] = asyncio.get_running_loop().create_future()
        self._events: Broadcast[Event] = Broadcast()
        self._pictures: Broadcast[VideoFrame] = Broadcast()
        self._sounds: Broadcast[AudioFrame] = Broadcast()
        self._log = ChatLog()
        on_picture, on_sound = (self._pictures.publish, self._sounds.publish) if receive else (None, None)
        self._session = Session(invitation, sending, timeline, self, on_picture, on_sound)
        self.chat = Chat(self._session.request, self._log, lambda: (self.participant.id, self.participant.name))
        self.moderation = Moderation(self._session.request)

    @classmethod
    @contextlib.asynccontextmanager
    async def connect(
        cls,
        url: str,
        room: str,
        name: str,
        *,
        token: str | None = None,
        audio: AudioSource | None = None,
        video: VideoSource | EncodedSource | None = None,
        receive: bool = True,
        epoch_ns: int | None = None,
        give_up_s: float | None = 30.0,
        password: str | None = None,
        on_waiting: Callable[[], None] | None = None,
    ) -> AsyncIterator["Room"]:
        """Joins ``room`` of the server at ``url`` (``http(s)://host:port``) as ``name``.

        ``receive`` False: send only, which spares the decoding. ``epoch_ns``: the monotonic instant of index 0 of every
        source (now, unless given); participants with the same epoch send in step. ``give_up_s``: how long to try to
        come back after a loss; None: for ever.

        ``password`` is the room's. A room with a lobby is entered when a moderator lets one in; ``on_waiting()`` is
        called when that waiting begins.

        Raises JoinRefused (``wrong_password``, ``room_locked``, ``denied`` …), RequestRefused, ConnectionLost, or
        ValueError for an address that is none.
        """
        joined = cls(
            Invitation(url, room, name, token, give_up_s, password, on_waiting),
            Sending(audio, video, audio_on=audio is not None, video_on=video is not None),
            Timeline(epoch_ns),
            receive,
        )
        try:
            await joined._session.open()
            yield joined
        finally:
            await joined.leave()

    @property
    def participant(self) -> ParticipantInfo:
        """Oneself."""
        roster = self._session.roster
        return roster.participants[roster.me]

    @property
    def participants(self) -> dict[str, ParticipantInfo]:
        """Everybody, oneself too, by id. A copy."""
        return dict(self._session.roster.participants)

    @property
    def info(self) -> RoomInfo:
        return self._session.roster.room

    @property
    def tiles(self) -> TileMap:
        """Where everybody is on the picture now."""
        return self._session.roster.tiles

    @property
    def uplink(self) -> Uplink | None:
        """What the server needs of this participant now; None until it said so. Pictures are made smaller and fewer to
        suit it, or paused, by themselves; those that are compressed already are only paused.
        """
        return self._session.roster.uplink

    @property
    def quality(self) -> Quality | None:
        """Which tier of the composite one gets now, and why; None from a server that has no tiers."""
        return self._session.roster.quality

    @property
    def speaking(self) -> Speakers:
        """Who speaks now, and who is heard most."""
        return self._session.roster.speaking

    @property
    def waiting(self) -> tuple[WaitingInfo, ...]:
        """Who waits in the lobby; moderators are told."""
        return self._session.roster.waiting

    @property
    def state(self) -> State:
        return self._session.state

    @property
    def stats(self) -> RoomStatistics:
        return RoomStatistics(
            self._pictures.published,
            self._sounds.published,
            self._events.published,
            self._session.offers,
            self._session.reconnects,
        )

    def events(self, size: int = 256) -> Reader[Event]:
        """What happens from now on."""
        return self._events.reader(size)

    def pictures(self, size: int = 2) -> Reader[VideoFrame]:
        """The composite from now on; a slow reader gets the newest ``size`` frames. See ``client.frames.rgb``."""
        return self._pictures.reader(size)

    def sounds(self, size: int = 50) -> Reader[AudioFrame]:
        """The mix of everybody else from now on, 20 ms a frame, stereo int16 at 48 kHz; the newest ``size`` frames."""
        return self._sounds.reader(size)

    @property
    def streams(self) -> tuple[StreamInfo, ...]:
        """Whose own streams one gets, in a room whose ``info.topology`` is ``forward``, and whose not and why. There is
        no composite; the first of the streams comes out of ``pictures`` as well.
        """
        return self._session.forwarded.streams

    def pictures_of(self, participant: str, source: Source = "camera", size: int = 2) -> Reader[VideoFrame]:
        """One participant's own pictures from now on, in a room that forwards; also of who comes later."""
        return self._session.forwarded.pictures(participant, source, size)

    def sounds_of(self, participant: str, size: int = 50) -> Reader[AudioFrame]:
        """One participant's own voice from now on, in a room that forwards."""
        return self._session.forwarded.sounds(participant, size)

    async def mute(self, audio: bool = True) -> None:
        """True: no more sound is sent, and everybody is told; False: speak again."""
        if not audio and self._session.sending.audio is None:
            raise ValueError("this participant joined without a source of sound")
        self._session.sending.audio_on = not audio
        await self._switch("audio", not audio)

    async def camera(self, on: bool) -> None:
        if on and self._session.sending.video is None:
            raise ValueError("this participant joined without a source of pictures")
        self._session.sending.video_on = on
        await self._switch("video", on)

    async def raise_hand(self, on: bool = True) -> None:
        """Everybody sees it, on one's tile too; False takes it down."""
        await self._session.request("hand", {"raised": on})

    async def react(self, reaction: str) -> None:
        """A sign that everybody sees and nobody keeps."""
        await self._session.request("reaction", {"reaction": reaction})

    async def set_ready(self, ready: bool = True) -> None:
        await self._session.request("ready", {"ready": ready})

    async def send_app(self, topic: str, payload: JsonValue = None, to: Sequence[str] | None = None) -> int:
        """Whatever programs tell each other, to all others or to those named; how many it went to."""
        data = {"topic": topic, "payload": payload, "to": None if to is None else list(to)}
        return int((await self._session.request("app", data))["delivered"])

    async def share_screen(self, source: VideoSource | EncodedSource) -> None:
        """Sends a second picture, over a connection of its own; it replaces an earlier one."""
        self._session.sending.screen = source
        try:
            await self._session.negotiate("screen")
        except ClientError:
            self._session.sending.screen = None
            raise
        await self._session.request("media_state", {"screen": True})

    async def stop_sharing(self) -> None:
        self._session.sending.screen = None
        await self._session.hang_up("screen")
        await self._session.request("media_state", {"screen": False})

    async def set_layout(
        self, layout: Layout | dict[str, Any], view: str = "main", if_match: str | None = None
    ) -> LayoutState | ScheduledLayout:
        """The layout as it is now, or the change that waits for the layout's ``at``. Raises RequestRefused:
        ``layout_changed`` when ``if_match`` isn't the current etag, ``invalid`` for one that can't be drawn.
        """
        wanted = layout.model_dump(mode="json") if isinstance(layout, Layout) else layout
        answer = await self._session.request("layout", {"view": view, "layout": wanted, "if_match": if_match})
        return LayoutState.model_validate(answer) if "etag" in answer else ScheduledLayout.model_validate(answer)

    async def limit_quality(self, choice: TierChoice) -> Quality:
        """At most that tier from now on: ``medium`` or ``low`` to spare the line, ``audio`` for sound alone, ``auto``
        for whatever the path bears.
        """
        answer = await self._session.request("view", {"tier": choice})
        return Quality.model_validate(answer["quality"])

    async def watch(self, view: str) -> None:
        """Another of the room's views (``info.views``) from now on. Raises RequestRefused: ``no_such_view``."""
        await self._session.request("view", {"name": view})

    async def start_recording(self, view: str = "main") -> RecordingInfo:
        return RecordingInfo.model_validate(await self._session.request("record", {"action": "start", "view": view}))

    async def pause_recording(self, view: str = "main") -> RecordingInfo:
        """Nothing of what follows is in the file, until ``resume_recording``; the file has no hole."""
        return RecordingInfo.model_validate(await self._session.request("record", {"action": "pause", "view": view}))

    async def resume_recording(self, view: str = "main") -> RecordingInfo:
        return RecordingInfo.model_validate(await self._session.request("record", {"action": "resume", "view": view}))

    async def stop_recording(self, view: str = "main") -> RecordingInfo:
        """Answers once the file is complete."""
        return RecordingInfo.model_validate(await self._session.request("record", {"action": "stop", "view": view}))

    async def packets_sent(self) -> dict[str, int]:
        """RTP packets sent on the present main connection, by kind."""
        peer = self._session.peer("main")
        return await peer.packets_sent() if peer else {}

    async def ended(self) -> ClientError | None:
        """Waits until the room is over: None after ``leave``, else why."""
        return await asyncio.shield(self._ended)

    async def leave(self) -> None:
        """Says goodbye and frees everything. Idempotent; bounded even when the server is gone."""
        await self._session.leave()

    async def _switch(self, kind: str, on: bool) -> None:
        peer = self._session.peer("main")
        if peer is not None:
            peer.send(kind, on)
        await self._session.request("media_state", {kind: on})

    def on_event(self, event: Event) -> None:
        """For the session."""
        self._log.apply(event)
        self._events.publish(event)

    def on_end(self, error: ClientError | None) -> None:
        """For the session."""
        for stream in (self._events, self._pictures, self._sounds):
            stream.close(error)
        self._session.forwarded.close(error)
        if not self._ended.done():
            self._ended.set_result(error)
