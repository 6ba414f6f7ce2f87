"""A room: one actor with one writer, the event loop. Commands in, events out, both plain data."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import structlog

from mcu.clock import NS_PER_S, Clock
from mcu.config import EngineConfig
from mcu.errors import Conflict, NotFound
from mcu.media.decoding import DecodePool
from mcu.protocol import commands as c
from mcu.protocol import events as e
from mcu.protocol.models import RecordingInfo, RoomInfo, RoomSpec, Source, SpeakerLevel, TileMap
from mcu.recording.index import RecordingIndex
from mcu.room.announcing import Announcing
from mcu.room.arranging import Arranging
from mcu.room.attendance import Attendance, Reason
from mcu.room.channels import Channels
from mcu.room.chat import Chat
from mcu.room.chores import Chores
from mcu.room.connections import Connections
from mcu.room.decor import Decorating
from mcu.room.desk import Desk
from mcu.room.events import Events, Subscription
from mcu.room.forwards import Forwarding
from mcu.room.governor import RoomGovernor
from mcu.room.groups import Groups
from mcu.room.media import RoomMedia
from mcu.room.outputs import new_identity
from mcu.room.pace import Pace
from mcu.room.participant import Participant
from mcu.room.passthrough import Passthrough
from mcu.room.playing import Playbacks
from mcu.room.qualities import Qualities
from mcu.room.reception import Reception
from mcu.room.recordings import Recordings
from mcu.room.relay import Relay
from mcu.room.snapshot import RoomSnapshot
from mcu.room.streams import Streams
from mcu.room.uplinks import Uplinks
from mcu.room.viewing import Viewing
from mcu.rtc import RtcTicker
from mixer.speech import Speech

log = structlog.get_logger()

HOUSEKEEPING_S = 0.25


class Room:
    """One open room (``RoomHandle``). Everything here runs on one event loop; the picture and sound threads get frozen
    snapshots and report back through ``call_soon_threadsafe``.
    """

    def __init__(
        self,
        spec: RoomSpec,
        config: EngineConfig,
        clock: Clock,
        pool: DecodePool,
        ticker: RtcTicker,
        recordings: RecordingIndex,
    ) -> None:
        self._config = config
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._created_at = datetime.now(UTC)
        self._closed = False
        self._events = Events()
        self._opened_as = spec
        self._identity = new_identity(spec.name)
        self._media = RoomMedia(
            spec,
            config,
            clock,
            self._identity,
            on_tiles=lambda tiles: self._from_thread(self._tiles_changed, tiles),
            on_speech=lambda speech: self._from_thread(self._speech_changed, speech),
            on_announced=lambda identifier: self._from_thread(self._announcing.over, identifier),
        )
        self.sounds, self.pictures, self.views = self._media.sounds, self._media.pictures, self._media.views
        self.recordings = Recordings(spec.name, config.recordings_dir, self.sounds, recordings, self._recording_changed)
        self.forwarding = Forwarding(
            spec.name, self._identity, clock, self._keyframe_wanted, lambda: self.spec.topology == "forward"
        )
        self.streams = Streams(
            lambda: self._attendance.people, self.forwarding, self._events, lambda: self.sounds.speech.last_spoke_ns
        )
        self._connections = Connections(
            config,
            self._identity,
            clock,
            ticker,
            self.views,
            self.forwarding,
            self.streams,
            on_change=lambda *news: self._attendance.connection_changed(*news),
            on_channel=lambda *news: self._channels.heard(*news),
        )
        self._attendance = Attendance(
            spec.name,
            lambda: self.spec.capacity,
            config,
            clock,
            pool,
            self._connections,
            self._events,
            on_change=self._publish,
            on_left=self._left,
            on_keyframe_wanted=lambda who, source: self._from_thread(self._keyframe_wanted, who, source),
        )
        self._housekeeping: asyncio.Task[None] | None = None
        self._handlers = self._open_desks()

    def _open_desks(self) -> dict[type[Any], Callable[[Any], Awaitable[c.Reply]]]:
        """Those who carry out commands, each on a part of the room."""
        self.qualities = Qualities(self._clock, self.views, self._attendance, self._connections, self._events)
        self.governor = RoomGovernor(
            self._opened_as.name, self._clock, self.views, self.pictures, self.qualities, self._events
        )
        self._chores = Chores("room")
        self.passthrough = Passthrough(
            self._opened_as.name, self._clock, self.views, self._attendance, self.forwarding, self._chores
        )
        self.uplinks = Uplinks(self._clock, self.views, self._attendance, self._events, self.forwarding)
        self._announcing = Announcing(
            self._clock,
            self._events,
            chimes=self._opened_as.chimes,
            played=lambda: self.sounds.announced,
            on_change=self._publish,
        )
        self._groups = Groups(self._identity, self._attendance, self.views, self._events, on_change=self._publish)
        self.playbacks = Playbacks(
            room=self._opened_as.name,
            most=self._config.max_playbacks,
            clock=self._clock,
            attendance=self._attendance,
            groups=self._groups,
            events=self._events,
            topology=lambda: self.spec.topology,
            from_thread=self._from_thread,
        )
        self._reception = Reception(
            self._opened_as,
            self._attendance,
            self.views,
            self._groups,
            self._events,
            self._clock,
            info=lambda: self.info,
            follow_groups=lambda: self._viewing.follow_groups(),
        )
        self._viewing = Viewing(
            self._opened_as.name,
            self._clock,
            self.views,
            self._attendance,
            self._connections,
            self.recordings,
            self._groups,
            self._events,
            on_change=self._views_changed,
        )
        self._arranging = Arranging(
            self._clock,
            self.views,
            self._attendance,
            self._events,
            on_change=self._publish,
            from_thread=self._from_thread,
        )
        decorating = Decorating(self.views, self._attendance, self._events, on_change=self._publish)
        pace = Pace(self._attendance, self._clock)
        chat = Chat(self._attendance, self._events, self._clock, pace, self._groups.members_beside)
        relay = Relay(self._attendance, self._events, pace)
        self._channels = Channels(self._attendance, self._events)
        desk = Desk(self._attendance, self._connections, self.views, self.recordings, self.uplinks)
        return {
            c.GetRoom: self._get_room,
            **desk.handlers,
            **self.qualities.handlers,
            **self._viewing.handlers,
            **self._groups.handlers,
            **self._announcing.handlers,
            **self.playbacks.handlers,
            **decorating.handlers,
            **chat.handlers,
            **relay.handlers,
            **self._channels.handlers,
            **self._reception.handlers,
            **self._arranging.handlers,
        }

    def start(self) -> None:
        """Raises RuntimeError when a thread can't start."""
        self._publish()
        self._media.start()
        self._housekeeping = self._loop.create_task(self._keep_house(), name=f"room-{self.spec.name}")

    @property
    def spec(self) -> RoomSpec:
        """As it is now."""
        return self._reception.spec

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def participants(self) -> tuple[Participant, ...]:
        return self._attendance.people

    @property
    def empty_since_ns(self) -> int | None:
        """Since when nobody has been here, nor before the door; None while somebody is."""
        return self._reception.empty_since_ns

    @property
    def finished(self) -> bool:
        """Its owner's leaving ended it: it waits to be closed."""
        return self._reception.finished

    @property
    def overflows(self) -> int:
        """Event readers that were ended for being too slow."""
        return self._events.overflows

    @property
    def info(self) -> RoomInfo:
        return RoomInfo(
            name=self.spec.name,
            topology=self.spec.topology,
            capacity=self.spec.capacity,
            participants=len(self._attendance.visible),
            views=self.views.specs,
            recording=self.recordings.active,
            recorded_views=self.recordings.views,
            created_at=self._created_at,
            metadata=self.spec.metadata,
            locked=self.spec.locked,
            lobby=self.spec.lobby,
            password=self.spec.password_hash is not None,
            owner=self._reception.owner,
            on_owner_left=self.spec.on_owner_left,
        )

    def events(self, participant: str | None = None) -> Subscription:
        return self._events.subscribe(participant)

    async def call(self, command: c.Command) -> c.Reply:
        """Carries out one command. Raises McuError."""
        if self._closed:
            raise NotFound("this room has been closed", code="no_such_room")
        if isinstance(command, c.Offer) and self.spec.topology == "mesh":
            raise Conflict("this room is a mesh: its members connect to each other, nothing is mixed here")
        return await self._handlers[type(command)](command)

    async def close(self) -> None:
        """Finishes recordings, tells and drops everybody, ends the threads. Idempotent, bounded."""
        if self._closed:
            return
        self._closed = True
        if self._housekeeping is not None:
            self._housekeeping.cancel()
            await asyncio.gather(self._housekeeping, return_exceptions=True)
        self._arranging.close()
        await self.recordings.close()
        for participant in self.participants:
            await self._attendance.remove(participant, "room_closed")
        await self.playbacks.close()
        self._events.emit(e.RoomClosed())
        await self.qualities.close()
        await self._viewing.close()
        await self._connections.close()
        await self._chores.close()
        await self.forwarding.close()
        if not await self._media.close():
            log.error("thread_did_not_end", room=self.name)

    # Commands

    async def _get_room(self, _: c.GetRoom) -> RoomInfo:
        return self.info

    # News from connections and threads

    def _keyframe_wanted(self, who: str, source: Source) -> None:
        if who in self._attendance:
            self._connections.request_keyframe(self._attendance.participant(who), source)

    def _left(self, participant: Participant, reason: Reason) -> None:
        self.playbacks.left(participant)
        self._reception.left(participant, reason)

    def _tiles_changed(self, tiles: TileMap) -> None:
        self._media.place_voices(tiles)
        self._events.emit(e.Tiles(tiles=tiles))
        self.uplinks.look()
        self._look_at_streams()

    def _views_changed(self) -> None:
        self._arranging.forget_gone()
        self._publish()
        self._events.emit(e.RoomUpdated(room=self.info))

    def _speech_changed(self, speech: Speech) -> None:
        active = tuple(SpeakerLevel(id=who, level=level) for who, level in speech.active)
        self._events.emit(e.Speakers(active=active, dominant=speech.dominant))

    def _recording_changed(self, recording: RecordingInfo) -> None:
        self._events.emit(e.RecordingChanged(recording=recording))
        self._events.emit(e.RoomUpdated(room=self.info))

    def _from_thread(self, callback: Callable[..., None], *arguments: Any) -> None:
        """A thread may outlive the loop by a tick while everything closes; its news is then nobody's."""
        try:
            self._loop.call_soon_threadsafe(callback, *arguments)
        except RuntimeError:
            log.debug("news_after_close", room=self.name)

    # Housekeeping

    async def _keep_house(self) -> None:
        while True:
            due_s = self._loop.time() + HOUSEKEEPING_S
            await asyncio.sleep(HOUSEKEEPING_S)
            late_s = self._loop.time() - due_s
            try:
                await self.recordings.poll()
                await self._attendance.sweep(self._clock.now_ns())
                self.uplinks.look()
                self._look_at_streams()
                if self._config.govern:
                    self.governor.look(round(late_s * NS_PER_S))
                self.qualities.look()
            except Exception:
                # The boundary of the room's only timer: one bad sweep must not end the later ones.
                log.exception("housekeeping_failed", room=self.name)

    def _look_at_streams(self) -> None:
        """Who is forwarded to whom."""
        self.forwarding.look(self._clock.now_ns())
        self.passthrough.look()
        self.streams.look()
        self.pictures.forwarded = self.forwarding.seen

    def _publish(self) -> None:
        """Hands the threads a new snapshot."""
        people = self.participants
        self.views.retime()
        self._announcing.attend(self._attendance.persons)
        self.views.dress({person.id: person.avatar for person in people if person.avatar is not None})
        self._media.show(
            RoomSnapshot(
                pictures=tuple(picture for person in people for picture in person.pictures),
                sounds=tuple(person.sound for person in people if person.sound is not None),
                groups=self._groups.snapshot,
                announcements=self._announcing.announcements,
                layouts=self.views.layouts,
                plugins=self.views.plugins,
                banners=self.views.banners,
                decors=self.views.decors,
                forwarded=self.forwarding.everybody,
            )
        )
        self._look_at_streams()
