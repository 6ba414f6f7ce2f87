"""A room: one actor with one writer, the event loop. Commands in, events out, both plain data."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import structlog

from mcu.clock import NS_PER_S, Clock
from mcu.config import EngineConfig
from mcu.errors import Conflict, NotFound, Unprocessable
from mcu.media.decoding import DecodePool
from mcu.protocol import commands as c
from mcu.protocol import events as e
from mcu.protocol.layout import LayoutState
from mcu.protocol.models import ParticipantInfo, RecordingInfo, RoomInfo, RoomSpec, Source, SpeakerLevel, TileMap
from mcu.room.connections import Connections
from mcu.room.events import Events, Subscription
from mcu.room.layout import VersionedLayout
from mcu.room.outputs import ViewOutputs, new_identity
from mcu.room.participant import Participant, new_resume_token
from mcu.room.pictures import RoomPictures
from mcu.room.recordings import Recordings
from mcu.room.snapshot import RoomSnapshot
from mcu.room.sounds import RoomSounds
from mcu.rtc import AudioFanout, RtcTicker
from mixer.speech import Speech
from mixer.timeline import Timeline

log = structlog.get_logger()

HOUSEKEEPING_S = 0.25
CLOSE_THREADS_S = 2.0
SNAPSHOT_TIMEOUT_S = 2.0

R = TypeVar("R")


class Room:
    """One open room (``RoomHandle``). Everything here runs on one event loop; the picture and sound threads get frozen
    snapshots and report back through ``call_soon_threadsafe``.
    """

    def __init__(self, spec: RoomSpec, config: EngineConfig, clock: Clock, pool: DecodePool, ticker: RtcTicker) -> None:
        self.spec = spec
        self.empty_since_ns: int | None = clock.now_ns()
        self._config = config
        self._clock = clock
        self._pool = pool
        self._loop = asyncio.get_running_loop()
        self._created_at = datetime.now(UTC)
        self._participants: dict[str, Participant] = {}
        self._layout = VersionedLayout()
        self._closed = False
        self._events = Events()
        identity = new_identity(spec.name)
        timeline = Timeline(clock.now_ns(), spec.view.fps)
        self.audio = AudioFanout(identity, clock)
        self.sounds = RoomSounds(
            spec.name,
            clock,
            timeline,
            self.audio,
            bitrate_bps=spec.view.audio_kbps * 1000,
            on_speech=lambda speech, _: self._from_thread(self._speech_changed, speech),
        )
        self.pictures = RoomPictures(
            spec.name,
            spec.view,
            clock,
            timeline,
            stale_after_ns=config.stale_after_ns,
            speech=lambda: self.sounds.speech,
            on_tiles=lambda tiles: self._from_thread(self._tiles_changed, tiles),
        )
        self.outputs = ViewOutputs(spec.name, spec.view, identity, clock, self._set_hubs)
        self.recordings = Recordings(
            spec.name, config.recordings_dir, spec.view, self.outputs, self.sounds, self._recording_changed
        )
        self._connections = Connections(
            config, identity, clock, ticker, self.outputs, self.audio, self._connection_changed
        )
        self._housekeeping: asyncio.Task[None] | None = None
        self._handlers: dict[type[Any], Callable[[Any], Awaitable[c.Reply]]] = {
            c.Join: self._join,
            c.Offer: self._offer,
            c.AddCandidate: self._add_candidate,
            c.SetMediaState: self._set_media_state,
            c.UpdateParticipant: self._update_participant,
            c.Leave: self._leave,
            c.Detach: self._detach,
            c.GetRoom: self._get_room,
            c.ListParticipants: self._list_participants,
            c.GetLayout: self._get_layout,
            c.SetLayout: self._set_layout,
            c.GetTiles: self._get_tiles,
            c.TakeSnapshot: self._take_snapshot,
            c.StartRecording: self._start_recording,
            c.StopRecording: self._stop_recording,
            c.ListRecordings: self._list_recordings,
        }

    def start(self) -> None:
        """Raises RuntimeError when a thread can't start."""
        self.sounds.start()
        self.pictures.start()
        self._housekeeping = self._loop.create_task(self._keep_house(), name=f"room-{self.spec.name}")

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def participants(self) -> tuple[Participant, ...]:
        return tuple(self._participants.values())

    @property
    def overflows(self) -> int:
        """Event readers that were ended for being too slow."""
        return self._events.overflows

    @property
    def info(self) -> RoomInfo:
        return RoomInfo(
            name=self.spec.name,
            capacity=self.spec.capacity,
            participants=len(self._participants),
            views=(self.spec.view,),
            recording=self.recordings.active,
            created_at=self._created_at,
            metadata=self.spec.metadata,
        )

    def events(self, participant: str | None = None) -> Subscription:
        return self._events.subscribe(participant)

    async def call(self, command: c.Command) -> c.Reply:
        """Carries out one command. Raises McuError."""
        if self._closed:
            raise NotFound("this room has been closed", code="no_such_room")
        return await self._handlers[type(command)](command)

    async def close(self) -> None:
        """Finishes recordings, tells and drops everybody, ends the threads. Idempotent, bounded."""
        if self._closed:
            return
        self._closed = True
        if self._housekeeping is not None:
            self._housekeeping.cancel()
            await asyncio.gather(self._housekeeping, return_exceptions=True)
        await self.recordings.close()
        for participant in self.participants:
            await self._remove(participant, "room_closed")
        self._events.emit(e.RoomClosed())
        await self._connections.close()
        await self.outputs.close()
        self.pictures.close()
        self.sounds.close()
        joined = await asyncio.gather(
            asyncio.to_thread(self.pictures.join, CLOSE_THREADS_S), asyncio.to_thread(self.sounds.join, CLOSE_THREADS_S)
        )
        if not all(joined):
            log.error("thread_did_not_end", room=self.name)

    # Commands

    async def _join(self, command: c.Join) -> c.Joined:
        resumed = self._resume(command)
        participant = resumed or await self._admit(command)
        self._publish()
        self._events.emit(
            e.ParticipantUpdated(participant=participant.info)
            if resumed
            else e.ParticipantJoined(participant=participant.info)
        )
        log.info("participant_joined", room=self.name, participant=participant.id, resumed=resumed is not None)
        return c.Joined(
            participant=participant.info,
            resume_token=participant.resume_token,
            room=self.info,
            participants=self._infos(),
            tiles=self.pictures.tile_map,
            resumed=resumed is not None,
        )

    def _resume(self, command: c.Join) -> Participant | None:
        token = command.resume_token
        for participant in self.participants:
            if token is not None and secrets.compare_digest(participant.resume_token.encode(), token.encode()):
                if participant.attached:
                    self._events.emit(e.Kicked(to=participant.id, reason="replaced"))
                participant.resume_token = new_resume_token()
                participant.attached = True
                if "main" in participant.links or not participant.ever_connected:
                    participant.missing_since_ns = None
                return participant
        return None

    async def _admit(self, command: c.Join) -> Participant:
        old = self._participants.get(command.identity) if command.identity else None
        if old is None and len(self._participants) >= self.spec.capacity:
            raise Conflict(
                f"the room holds {self.spec.capacity} people and is full: try again later", code="room_full"
            )
        if old is not None:
            self._events.emit(e.Kicked(to=old.id, reason="replaced"))
            await self._remove(old, "replaced")
        participant = Participant(
            id=command.identity or secrets.token_hex(6),
            name=command.name,
            role=command.role,
            pool=self._pool,
            on_keyframe_wanted=lambda who, source: self._from_thread(self._keyframe_wanted, who, source),
        )
        self._participants[participant.id] = participant
        self.empty_since_ns = None
        return participant

    async def _offer(self, command: c.Offer) -> c.Answer:
        participant = self._participant(command.participant)
        answer = await self._connections.offer(participant, command.connection, command.sdp)
        return c.Answer(sdp=answer)

    async def _add_candidate(self, command: c.AddCandidate) -> c.Done:
        await self._connections.add_candidate(
            self._participant(command.participant),
            command.connection,
            command.candidate,
            command.sdp_mid,
            command.sdp_m_line_index,
        )
        return c.Done()

    async def _set_media_state(self, command: c.SetMediaState) -> ParticipantInfo:
        participant = self._participant(command.participant)
        participant.set_media(audio=command.audio, video=command.video, screen=command.screen)
        if command.screen is False:
            await self._connections.drop(participant, "screen")
        return self._updated(participant)

    async def _update_participant(self, command: c.UpdateParticipant) -> ParticipantInfo:
        participant = self._participant(command.participant)
        if command.server_muted_audio is not None:
            participant.server_muted_audio = command.server_muted_audio
        if command.server_muted_video is not None:
            participant.server_muted_video = command.server_muted_video
        if command.gain is not None:
            participant.gain = command.gain
        return self._updated(participant)

    async def _leave(self, command: c.Leave) -> c.Done:
        participant = self._participant(command.participant)
        if command.kicked is not None:
            self._events.emit(e.Kicked(to=participant.id, reason=command.kicked))
        await self._remove(participant, "left" if command.kicked is None else "kicked")
        return c.Done()

    async def _detach(self, command: c.Detach) -> c.Done:
        participant = self._participants.get(command.participant)
        if participant is not None and secrets.compare_digest(
            participant.resume_token.encode(), command.resume_token.encode()
        ):
            participant.attached = False
            participant.missing_since_ns = self._clock.now_ns()
            self._updated(participant)
        return c.Done()

    async def _get_room(self, _: c.GetRoom) -> RoomInfo:
        return self.info

    async def _list_participants(self, _: c.ListParticipants) -> c.ParticipantList:
        return c.ParticipantList(participants=self._infos())

    async def _get_layout(self, command: c.GetLayout) -> LayoutState:
        self._check_view(command.view)
        return self._layout.state

    async def _set_layout(self, command: c.SetLayout) -> LayoutState:
        self._check_view(command.view)
        pinned = command.layout.pinned
        if pinned is not None and pinned not in self._participants:
            raise Unprocessable(f"nobody here has the id {pinned!r}", field="pinned")
        state = self._layout.replace(command.layout, command.if_match)
        self._publish()
        self._events.emit(e.LayoutChangedEvent(view=command.view, state=state))
        return state

    async def _get_tiles(self, command: c.GetTiles) -> TileMap:
        self._check_view(command.view)
        return self.pictures.tile_map

    async def _take_snapshot(self, command: c.TakeSnapshot) -> c.Snapshot:
        self._check_view(command.view)
        data = await self.pictures.snapshot(command.format, SNAPSHOT_TIMEOUT_S)
        return c.Snapshot(content_type="image/jpeg" if command.format == "jpg" else "image/png", data=data)

    async def _start_recording(self, command: c.StartRecording) -> RecordingInfo:
        self._check_view(command.view)
        return await self.recordings.start()

    async def _stop_recording(self, command: c.StopRecording) -> RecordingInfo:
        return await self.recordings.stop(command.recording)

    async def _list_recordings(self, _: c.ListRecordings) -> c.RecordingList:
        return c.RecordingList(recordings=self.recordings.list())

    # News from connections and threads

    def _connection_changed(self, participant: Participant, connection: str, alive: bool, reason: str) -> None:
        if connection == "main":
            participant.ever_connected = participant.ever_connected or alive
            if alive:
                participant.missing_since_ns = None if participant.attached else participant.missing_since_ns
            elif participant.missing_since_ns is None:
                participant.missing_since_ns = self._clock.now_ns()
        elif not alive:
            participant.set_media(screen=False)
        else:
            participant.set_media(screen=True)
        if not alive:
            message = f"the {connection} connection ended ({reason}): send a new offer"
            self._events.emit(
                e.PeerFailed(
                    to=participant.id, connection="main" if connection == "main" else "screen", message=message
                )
            )
        self._updated(participant)

    def _keyframe_wanted(self, who: str, source: Source) -> None:
        participant = self._participants.get(who)
        if participant is not None:
            self._connections.request_keyframe(participant, source)

    def _tiles_changed(self, tiles: TileMap) -> None:
        self._events.emit(e.Tiles(tiles=tiles))

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
            await asyncio.sleep(HOUSEKEEPING_S)
            try:
                await self._sweep(self._clock.now_ns())
            except Exception:
                # The boundary of the room's only timer: one bad sweep must not end the later ones.
                log.exception("housekeeping_failed", room=self.name)

    async def _sweep(self, now_ns: int) -> None:
        """Gives up connections that went silent, and participants that did not come back in time."""
        self.recordings.poll()
        for participant in self.participants:
            for link in list(participant.links.values()):
                heard_ns = link.peer.last_packet_ns
                if link.connected and heard_ns is not None and now_ns - heard_ns > self._config.lost_after_ns:
                    log.info("connection_silent", room=self.name, participant=participant.id)
                    await self._connections.drop(participant, link.connection)
                    self._connection_changed(participant, link.connection, False, "no packets")
            missing_ns = participant.missing_since_ns
            if missing_ns is not None and now_ns - missing_ns > self._config.grace_ns:
                self._events.emit(e.Kicked(to=participant.id, reason="lost"))
                await self._remove(participant, "lost")

    async def _remove(self, participant: Participant, reason: Any) -> None:
        if self._participants.get(participant.id) is not participant:
            return
        del self._participants[participant.id]
        self._publish()
        self._events.emit(e.ParticipantLeft(id=participant.id, reason=reason))
        log.info("participant_left", room=self.name, participant=participant.id, reason=reason)
        await self._connections.drop_all(participant)
        await participant.close()
        if not self._participants:
            self.empty_since_ns = self._clock.now_ns()

    def _updated(self, participant: Participant) -> ParticipantInfo:
        self._publish()
        info = participant.info
        self._events.emit(e.ParticipantUpdated(participant=info))
        return info

    def _publish(self) -> None:
        """Hands the threads a new snapshot: one reference each, so a tick sees all of a change or nothing."""
        people = self.participants
        snapshot = RoomSnapshot(
            pictures=tuple(picture for person in people for picture in person.pictures),
            sounds=tuple(person.sound for person in people if person.sound is not None),
            layout=self._layout.spec,
        )
        self.pictures.snapshot_of_room = snapshot
        self.sounds.snapshot = snapshot

    def _set_hubs(self, hubs: tuple[Any, ...]) -> None:
        self.pictures.hubs = hubs

    def _infos(self) -> tuple[ParticipantInfo, ...]:
        return tuple(participant.info for participant in self.participants)

    def _participant(self, identifier: str) -> Participant:
        participant = self._participants.get(identifier)
        if participant is None:
            raise NotFound("nobody here has this id: list the participants to see them", code="no_such_participant")
        return participant

    def _check_view(self, view: str) -> None:
        if view != self.spec.view.name:
            raise NotFound(f"this room has no view {view!r}: it has {self.spec.view.name!r}", code="no_such_view")
