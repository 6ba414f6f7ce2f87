"""A room: one actor with one writer, the event loop. Commands in, events out, both plain data."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import structlog

from mcu.clock import Clock
from mcu.config import EngineConfig
from mcu.errors import Conflict, NotFound
from mcu.media.decode_pool import DecodePool
from mcu.protocol import commands as c
from mcu.protocol import events as e
from mcu.protocol.models import RecordingInfo, RoomInfo, RoomSpec, Source, SpeakerLevel, TileMap
from mcu.protocol.outputs import OutputInfo
from mcu.recording.index import RecordingIndex
from mcu.room.attendance import Attendance
from mcu.room.broadcasts import Broadcasts
from mcu.room.connections import Connections
from mcu.room.desks import Desks
from mcu.room.events import Events, Subscription
from mcu.room.forwards import Forwarding
from mcu.room.housekeeping import Housekeeping
from mcu.room.media import RoomMedia
from mcu.room.participant import Participant
from mcu.room.recordings import Recordings
from mcu.room.snapshot import RoomSnapshot
from mcu.room.streams import Streams
from mcu.room.traffic import Traffic
from mcu.rtc import OutgoingIdentity, RtcTicker
from mixer.speech import Speech

log = structlog.get_logger()


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
        self._identity = OutgoingIdentity.fresh()
        self._media = self._open_media()
        self.sounds, self.pictures, self.views = self._media.sounds, self._media.pictures, self._media.views
        self.recordings = Recordings(
            spec.name, config.recordings_dir, self.sounds, recordings, clock, self._recording_changed
        )
        self.broadcasts = Broadcasts(spec.name, config, clock, self.views, self.sounds, self._output_changed)
        self.forwarding = Forwarding(
            spec.name, self._identity, clock, self._keyframe_wanted, lambda: self.spec.topology == "forward"
        )
        self.streams = Streams(
            lambda: self._attendance.people, self.forwarding, self._events, lambda: self.sounds.speech.last_spoke_ns
        )
        self._connections = self._open_connections(ticker)
        self._attendance = self._open_attendance(pool)
        self._traffic = Traffic(
            spec.name,
            clock,
            self._media,
            self._attendance,
            self._connections,
            self.forwarding,
            self.streams,
            self._events,
            governed=config.govern,
        )
        self.qualities, self.governor = self._traffic.qualities, self._traffic.governor
        self.passthrough, self.uplinks = self._traffic.passthrough, self._traffic.uplinks
        self._desks = self._open_desks()
        self.playbacks = self._desks.playbacks
        self._housekeeping = Housekeeping(spec.name, self._look_after)

    def _open_media(self) -> RoomMedia:
        """The two threads, which tell what happens on them."""
        return RoomMedia(
            self._opened_as,
            self._config,
            self._clock,
            self._identity,
            on_tiles=lambda tiles: self._from_thread(self._tiles_changed, tiles),
            on_speech=lambda speech: self._from_thread(self._speech_changed, speech),
            on_announced=lambda identifier: self._from_thread(self._desks.announcing.over, identifier),
        )

    def _open_connections(self, ticker: RtcTicker) -> Connections:
        return Connections(
            self._config,
            self._identity,
            self._clock,
            ticker,
            self.views,
            self.forwarding,
            self.streams,
            on_change=lambda *news: self._attendance.connection_changed(*news),
            on_channel=lambda *news: self._desks.channels.heard(*news),
        )

    def _open_attendance(self, pool: DecodePool) -> Attendance:
        return Attendance(
            self._opened_as.name,
            lambda: self.spec.capacity,
            self._config,
            self._clock,
            pool,
            self._connections,
            self._events,
            on_change=self._publish,
            on_left=lambda *news: self._desks.left(*news),
            on_keyframe_wanted=lambda who, source: self._from_thread(self._keyframe_wanted, who, source),
        )

    def _open_desks(self) -> Desks:
        return Desks(
            self._opened_as,
            self._identity,
            self._clock,
            self._media,
            self._attendance,
            self._connections,
            self.recordings,
            self.broadcasts,
            self.qualities,
            self.uplinks,
            self._events,
            info=lambda: self.info,
            max_playbacks=self._config.max_playbacks,
            on_change=self._publish,
            on_views_changed=self._views_changed,
            from_thread=self._from_thread,
        )

    def start(self) -> None:
        """Raises RuntimeError when a thread can't start."""
        self._publish()
        self._media.start()
        self._housekeeping.start()

    @property
    def spec(self) -> RoomSpec:
        """As it is now."""
        return self._desks.reception.spec

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def participants(self) -> tuple[Participant, ...]:
        return self._attendance.people

    @property
    def empty_since_ns(self) -> int | None:
        """Since when nobody has been here, nor before the door; None while somebody is."""
        return self._desks.reception.empty_since_ns

    @property
    def finished(self) -> bool:
        """Its owner's leaving ended it: it waits to be closed."""
        return self._desks.reception.finished

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
            live_views=self.broadcasts.views,
            paused_views=self.recordings.paused_views,
            created_at=self._created_at,
            metadata=self.spec.metadata,
            locked=self.spec.locked,
            lobby=self.spec.lobby,
            password=self.spec.password_hash is not None,
            owner=self._desks.reception.owner,
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
        return await self._desks.handlers[type(command)](command)

    async def close(self) -> None:
        """Finishes recordings and outputs, tells and drops everybody, ends the threads. Idempotent, bounded."""
        if self._closed:
            return
        self._closed = True
        await self._housekeeping.close()
        self._desks.arranging.close()
        await asyncio.gather(self.recordings.close(), self.broadcasts.close())
        for participant in self.participants:
            await self._attendance.remove(participant, "room_closed")
        self._events.emit(e.RoomClosed())
        await self.qualities.close()
        await self._desks.close()
        await self._connections.close()
        await self._traffic.close()
        if not await self._media.close():
            log.error("thread_did_not_end", room=self.name)

    # News from connections and threads

    def _keyframe_wanted(self, who: str, source: Source) -> None:
        if who in self._attendance:
            self._connections.request_keyframe(self._attendance.participant(who), source)

    def _tiles_changed(self, tiles: TileMap) -> None:
        self._media.place_voices(tiles)
        self._events.emit(e.Tiles(tiles=tiles))
        self.uplinks.look()
        self._traffic.look()

    def _views_changed(self) -> None:
        self._desks.arranging.forget_gone()
        self._publish()
        self._events.emit(e.RoomUpdated(room=self.info))

    def _speech_changed(self, speech: Speech) -> None:
        active = tuple(SpeakerLevel(id=who, level=level) for who, level in speech.active)
        self._events.emit(e.Speakers(active=active, dominant=speech.dominant))

    def _recording_changed(self, recording: RecordingInfo) -> None:
        self._events.emit(e.RecordingChanged(recording=recording))
        self._events.emit(e.RoomUpdated(room=self.info))

    def _output_changed(self, output: OutputInfo) -> None:
        self._events.emit(e.OutputChanged(output=output))
        self._events.emit(e.RoomUpdated(room=self.info))

    def _from_thread(self, callback: Callable[..., None], *arguments: Any) -> None:
        """A thread may outlive the loop by a tick while everything closes; its news is then nobody's."""
        try:
            self._loop.call_soon_threadsafe(callback, *arguments)
        except RuntimeError:
            log.debug("news_after_close", room=self.name)

    # Housekeeping

    async def _look_after(self, late_ns: int) -> None:
        await self.recordings.poll()
        await self.broadcasts.poll()
        await self._attendance.sweep(self._clock.now_ns())
        self._traffic.look_after(late_ns)

    def _publish(self) -> None:
        """Hands the threads a new snapshot."""
        people = self.participants
        self.views.retime()
        self._desks.announcing.attend(self._attendance.persons)
        self.views.dress({person.id: person.avatar for person in people if person.avatar is not None})
        self._media.show(
            RoomSnapshot(
                pictures=tuple(picture for person in people for picture in person.pictures),
                sounds=tuple(person.sound for person in people if person.sound is not None),
                groups=self._desks.groups.snapshot,
                announcements=self._desks.announcing.announcements,
                layouts=self.views.layouts,
                plugins=self.views.plugins,
                banners=self.views.banners,
                decors=self.views.decors,
                forwarded=self.forwarding.everybody,
            )
        )
        self._traffic.look()
