"""An engine without media: rooms with a roster, layouts, tiles and records of recordings, all in memory.

A layout's versions and schedule are kept by the desk that real rooms have: it needs no media either.

It keeps the promises of ``mcu.engine.engine`` as far as a door can tell, and it can misbehave: ``stall`` makes a room
answer late, ``crash`` makes it throw.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from mcu.clock import SystemClock
from mcu.engine.capacity import Place
from mcu.errors import BadRequest, Conflict, NoCapacity, NotFound
from mcu.protocol.access import Admit, ListWaiting, TellBans, UpdateRoom, WaitingList
from mcu.protocol.announcements import (
    Announce,
    AnnouncementInfo,
    AnnouncementList,
    ListAnnouncements,
    StopAnnouncement,
)
from mcu.protocol.commands import (
    AddCandidate,
    Answer,
    Command,
    CreateView,
    DeleteView,
    Detach,
    Done,
    GetBanner,
    GetDecor,
    GetRoom,
    GetTileHealth,
    GetTiles,
    GetUplink,
    Join,
    Joined,
    LayoutCommand,
    Leave,
    ListOutputs,
    ListParticipants,
    ListRecordings,
    ListViews,
    Offer,
    OutputInfo,
    OutputList,
    ParticipantList,
    PauseRecording,
    RecordingList,
    Reply,
    ResumeRecording,
    SetAvatar,
    SetBackgroundImage,
    SetBanner,
    SetHand,
    SetLogo,
    SetMediaState,
    Snapshot,
    StartOutput,
    StartRecording,
    StopOutput,
    StopRecording,
    TakeSnapshot,
    TileHealthList,
    UpdateParticipant,
    UpdateView,
    UplinkState,
    ViewList,
    WatchView,
)
from mcu.protocol.decor import Banner, ViewDecor
from mcu.protocol.events import (
    AnnouncementChanged,
    BannerChanged,
    BansChanged,
    DecorChanged,
    Event,
    Kicked,
    OutputChanged,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantUpdated,
    PlaybackChanged,
    RecordingChanged,
    RoomClosed,
    RoomUpdated,
    Tiles,
)
from mcu.protocol.groups import GroupInfo, GroupList, GroupSpec, ListGroups, SetGroup
from mcu.protocol.merge import patched_attributes
from mcu.protocol.models import (
    MediaState,
    ParticipantInfo,
    PixelBox,
    PixelSize,
    RecordingInfo,
    RecordingPause,
    RoomInfo,
    RoomSpec,
    TileHealth,
    TileInfo,
    TileMap,
    Uplink,
    ViewSpec,
)
from mcu.protocol.playback import (
    ListPlaybacks,
    PlaybackInfo,
    PlaybackList,
    StartPlayback,
    StopPlayback,
    UpdatePlayback,
)
from mcu.protocol.quality import GetQuality, Quality, SetQuality, Tier, TierChoice
from mcu.protocol.sound import GetSoundHealth, SoundHealth
from mcu.protocol.talk import (
    ChatHistory,
    ClearReady,
    DeleteMessage,
    Delivered,
    EditMessage,
    GetChatHistory,
    GetReady,
    React,
    ReadySet,
    Said,
    Say,
    SendApp,
    SetReady,
)
from mcu.room.layout import VersionedLayout
from mcu.room.layout_desk import LayoutDesk
from mixer.timeline import Timeline

READER_EVENTS = 256


class Subscription:
    """One reader of a room's news. Ended after ``RoomClosed``, ``Kicked``, or when it is ``READER_EVENTS`` behind."""

    def __init__(self, room: "FakeRoom", participant: str | None) -> None:
        self._room = room
        self.participant = participant
        self._events: asyncio.Queue[Event | None] = asyncio.Queue(READER_EVENTS + 1)

    def offer(self, event: Event) -> None:
        if event.to not in (None, self.participant):
            return
        if self._events.qsize() < READER_EVENTS:
            self._events.put_nowait(event)
        else:
            self.end()

    def end(self) -> None:
        if self in self._room.readers:
            self._room.readers.remove(self)
            self._events.put_nowait(None)

    def __aiter__(self) -> "Subscription":
        return self

    async def __anext__(self) -> Event:
        event = await self._events.get()
        if event is None:
            raise StopAsyncIteration
        return event

    async def aclose(self) -> None:
        self.end()


class FakeRoom:
    """A room of records. ``calls`` holds every command it was asked to carry out."""

    def __init__(self, spec: RoomSpec, recordings_dir: Path) -> None:
        self.spec = spec
        self.created_at = datetime.now(UTC)
        self.people: dict[str, ParticipantInfo] = {}
        self.tokens: dict[str, str] = {}
        self.views: dict[str, ViewSpec] = {"main": spec.view.model_copy(update={"name": "main"})}
        self.desks: dict[str, LayoutDesk] = {}
        self.banners: dict[str, Banner] = {}
        self.uplinks: dict[str, Uplink] = {}
        self.choices: dict[str, TierChoice] = {}
        self.groups: dict[str, GroupSpec] = {}
        self.announcements: dict[str, AnnouncementInfo] = {}
        self.playbacks: dict[str, PlaybackInfo] = {}
        self.films: list[bytes] = []
        self.decors: dict[str, ViewDecor] = {}
        self.version = 1
        self.outputs: dict[str, OutputInfo] = {}
        self.recordings: dict[str, RecordingInfo] = {}
        self.readers: list[Subscription] = []
        self.calls: list[Command] = []
        self.crash: Exception | None = None
        self.stall = asyncio.Event()
        self.stall.set()
        self.closed = False
        self._recordings_dir = recordings_dir

    @property
    def name(self) -> str:
        return self.spec.name

    def desk(self, view: str = "main") -> LayoutDesk:
        if view not in self.desks:
            clock = SystemClock()
            timeline = Timeline(clock.now_ns(), self.views[view].fps)
            self.desks[view] = LayoutDesk(
                view,
                VersionedLayout(self.created_at),
                clock,
                timeline=lambda: timeline,
                present=lambda who: who in self.people,
                on_change=lambda: None,
                emit=self.emit,
            )
        return self.desks[view]

    def events(self, participant: str | None = None) -> AsyncIterator[Event]:
        reader = Subscription(self, participant)
        self.readers.append(reader)
        return reader

    def emit(self, event: Event) -> None:
        for reader in tuple(self.readers):
            reader.offer(event)

    async def call(self, command: Command) -> Reply:
        self.calls.append(command)
        await self.stall.wait()
        if self.crash is not None:
            raise self.crash
        if self.closed:
            raise NotFound(f"room {self.name!r} is closed", code="no_such_room")
        answer = self._answer(command)
        for _ in range(3):
            await asyncio.sleep(0)  # readers may hear of it before whoever asked is answered
        return answer

    def info(self) -> RoomInfo:
        return RoomInfo(
            name=self.name,
            topology=self.spec.topology,
            capacity=self.spec.capacity,
            participants=sum(not person.hidden for person in self.people.values()),
            views=tuple(self.views.values()),
            recording=any(one.state == "active" for one in self.recordings.values()),
            recorded_views=tuple(one.view for one in self.recordings.values() if one.runs),
            paused_views=tuple(one.view for one in self.recordings.values() if one.state == "paused"),
            created_at=self.created_at,
            metadata=self.spec.metadata,
            locked=self.spec.locked,
            lobby=self.spec.lobby,
            password=self.spec.password_hash is not None,
            owner=self.spec.owner,
            on_owner_left=self.spec.on_owner_left,
        )

    def tiles(self, view: str = "main") -> TileMap:
        spec = self.views[view]
        width = spec.width // max(1, len(self.people))
        return TileMap(
            view=view,
            layout_seq=self.version,
            canvas=PixelSize(width=spec.width, height=spec.height),
            tiles=tuple(
                TileInfo(
                    participant=person.id,
                    source="camera",
                    name=person.name,
                    box=PixelBox(x=index * width, y=0, width=width, height=spec.height),
                    z=0,
                    state="live",
                )
                for index, person in enumerate(self.people.values())
            ),
        )

    def close(self) -> None:
        self.closed = True
        for desk in self.desks.values():
            desk.close()
        self.emit(RoomClosed())
        for reader in tuple(self.readers):
            reader.end()

    def _answer(self, command: Command) -> Reply:
        if isinstance(command, LayoutCommand):
            self._view(command.view)
            return self.desk(command.view).carry_out(command)
        match command:
            case Join():
                return self._join(command)
            case Offer():
                self._person(command.participant)
                if not command.sdp.startswith("v=0"):
                    raise BadRequest("the SDP does not begin with v=0", code="bad_sdp", field="sdp")
                return Answer(sdp="v=0\r\nanswer\r\n")
            case AddCandidate():
                self._person(command.participant)
                return Done()
            case SetMediaState() | UpdateParticipant():
                return self._change(command)
            case SetHand():
                return self._raise_hand(command)
            case Leave():
                return self._leave(command)
            case Detach():
                return self._detach(command)
            case GetRoom():
                return self.info()
            case ListParticipants():
                return ParticipantList(participants=tuple(self.people.values()))
            case GetQuality():
                return self._quality(command.participant)
            case SetQuality():
                self.choices[self._person(command.participant).id] = command.choice
                return self._quality(command.participant)
            case GetUplink():
                self._person(command.participant)
                return UplinkState(uplink=self.uplinks.get(command.participant))
            case GetSoundHealth():
                self._person(command.participant)
                return SOUND_HEALTH
            case GetTiles():
                self._view(command.view)
                return self.tiles(command.view)
            case ListViews() | CreateView() | UpdateView() | DeleteView() | WatchView() | GetTileHealth():
                return self._answer_about_views(command)
            case StartPlayback() | UpdatePlayback() | StopPlayback() | ListPlaybacks():
                return self._answer_about_playbacks(command)
            case GetDecor() | SetBackgroundImage() | SetLogo() | SetAvatar():
                return self._answer_about_decor(command)
            case _:
                return self._answer_about_view(command)

    def _answer_about_views(
        self, command: ListViews | CreateView | UpdateView | DeleteView | WatchView | GetTileHealth
    ) -> Reply:
        match command:
            case ListViews():
                return ViewList(views=tuple(self.views.values()))
            case CreateView():
                if command.spec.name in self.views:
                    raise Conflict("there is such a view already", code="view_exists", field="name")
                return self._show(command.spec)
            case UpdateView():
                self._view(command.view)
                return self._show(command.changes.applied_to(self.views[command.view]))
            case DeleteView():
                return self._delete_view(command)
            case WatchView():
                self._view(command.view)
                return self._watch(command.participant, command.view)
            case GetTileHealth():
                self._view(command.view)
                return TileHealthList(view=command.view, tiles=tuple(map(_healthy, self.people.values())))

    def _quality(self, participant: str) -> Quality:
        choice = self.choices.get(self._person(participant).id, "auto")
        tier: Tier = "high" if choice == "auto" else choice
        return Quality(participant=participant, choice=choice, tier=tier, reason="asked")

    def _show(self, spec: ViewSpec) -> ViewSpec:
        self.views[spec.name] = spec
        self.emit(RoomUpdated(room=self.info()))
        return spec

    def _delete_view(self, command: DeleteView) -> Done:
        self._view(command.view)
        if command.view == "main":
            raise Conflict("every room has the view main")
        for person in tuple(self.people.values()):
            if person.view == command.view:
                self._watch(person.id, "main")
        del self.views[command.view]
        if desk := self.desks.pop(command.view, None):
            desk.close()
        self.emit(RoomUpdated(room=self.info()))
        return Done()

    def _watch(self, participant: str, view: str) -> ParticipantInfo:
        person = self.people[participant] = self._person(participant).model_copy(update={"view": view})
        self.emit(ParticipantUpdated(participant=person))
        self.emit(Tiles(to=person.id, tiles=self.tiles(view)))
        return person

    def _answer_about_view(self, command: Command) -> Reply:
        match command:
            case TakeSnapshot():
                self._view(command.view)
                kind = "image/jpeg" if command.format == "jpg" else "image/png"
                return Snapshot(content_type=kind, data=b"picture")
            case GetBanner():
                self._view(command.view)
                return self.banners.get(command.view, Banner())
            case SetBanner():
                self._view(command.view)
                self.banners[command.view] = command.banner
                self.emit(BannerChanged(view=command.view, banner=command.banner))
                return command.banner
            case StartRecording():
                return self._start_recording(command)
            case PauseRecording() | ResumeRecording():
                return self._pause_recording(command)
            case StopRecording():
                return self._stop_recording(command)
            case StartOutput() | StopOutput() | ListOutputs():
                return self._answer_about_outputs(command)
            case ListRecordings():
                return RecordingList(recordings=tuple(self.recordings.values()))
            case ListGroups():
                return GroupList(groups=tuple(self._group(name) for name in ("", *self.groups)))
            case Announce():
                return self._announce(command)
            case ListAnnouncements():
                return AnnouncementList(announcements=tuple(self.announcements.values()))
            case StopAnnouncement():
                if command.id not in self.announcements:
                    raise NotFound("no such announcement plays", code="no_such_announcement")
                return self.announcements.pop(command.id).model_copy(update={"state": "stopped"})
            case SetGroup():
                self.groups[command.group] = command.spec
                return self._group(command.group)
            case _:
                return self._answer_about_people(command)

    def _answer_about_people(self, command: Command) -> Reply:
        """Nobody waits, and what is said is neither passed on nor kept."""
        match command:
            case GetChatHistory():
                return ChatHistory(messages=())
            case Say():
                return Said(message_id=secrets.token_hex(4), delivered=0, sent_at=datetime.now(UTC))
            case EditMessage() | DeleteMessage():
                raise NotFound("no such message", code="no_such_message", field="message_id")
            case SendApp():
                return Delivered(delivered=0)
            case React():
                return Done()
            case GetReady() | SetReady() | ClearReady():
                return ReadySet(ready=(), waiting=tuple(self.people))
            case TellBans():
                for person in self.people.values():
                    if person.role != "participant":
                        self.emit(BansChanged(to=person.id))
                return Done()
            case ListWaiting() | Admit():
                return WaitingList(waiting=())
            case UpdateRoom():
                self.spec = command.changes.applied_to(self.spec)
                self.emit(RoomUpdated(room=self.info()))
                return self.info()
            case _:
                raise AssertionError(f"unknown command {command.type}")

    def _answer_about_playbacks(
        self, command: StartPlayback | UpdatePlayback | StopPlayback | ListPlaybacks
    ) -> PlaybackInfo | PlaybackList:
        """Every file will do: nothing is decoded."""
        if isinstance(command, ListPlaybacks):
            return PlaybackList(playbacks=tuple(self.playbacks.values()))
        if isinstance(command, StartPlayback):
            self.films.append(Path(command.path).read_bytes())
            identifier, options = secrets.token_hex(4), command.options
            info = PlaybackInfo(
                id=identifier,
                participant=f"playback-{identifier}",
                name=command.name,
                state="paused" if options.paused else "playing",
                position_s=options.start_s,
                duration_s=60.0,
                loop=options.loop,
                audio=True,
                video=True,
                started_at=datetime.now(UTC),
            )
        elif command.id not in self.playbacks:
            raise NotFound("no such playback", code="no_such_playback")
        elif isinstance(command, StopPlayback):
            return self.playbacks.pop(command.id).model_copy(update={"state": "ended"})
        else:
            changes = command.changes.model_dump()
            if (paused := changes.pop("paused", None)) is not None:
                changes["state"] = "paused" if paused else "playing"
            info = self.playbacks[command.id].model_copy(update=changes)
        self.playbacks[info.id] = info
        self.emit(PlaybackChanged(playback=info))
        return info

    def _announce(self, command: Announce) -> AnnouncementInfo:
        """Every file will do: nothing is decoded."""
        info = AnnouncementInfo(
            id=secrets.token_hex(4),
            state="playing",
            group=command.group,
            duck_db=command.duck_db,
            duration_s=1.0,
            played_s=0.0,
            started_at=datetime.now(UTC),
        )
        self.announcements[info.id] = info
        self.emit(AnnouncementChanged(announcement=info))
        return info

    def _group(self, name: str) -> GroupInfo:
        members = tuple(person.id for person in self.people.values() if person.group == name)
        return GroupInfo(name=name, members=members, hears=self.groups.get(name, GroupSpec()).hears)

    def _answer_about_decor(self, command: GetDecor | SetBackgroundImage | SetLogo | SetAvatar) -> Reply:
        """Every image will do: nothing is decoded."""
        if isinstance(command, SetAvatar):
            person = self._person(command.participant).model_copy(update={"avatar": command.image is not None})
            self.people[person.id] = person
            self.emit(ParticipantUpdated(participant=person))
            return person
        self._view(command.view)
        decor = self.decors.get(command.view, ViewDecor())
        match command:
            case GetDecor():
                return decor
            case SetBackgroundImage():
                decor = decor.model_copy(update={"background_image": command.image is not None})
            case SetLogo():
                decor = decor.model_copy(update={"logo": command.place if command.image is not None else None})
        self.decors[command.view] = decor
        self.emit(DecorChanged(view=command.view, decor=decor))
        return decor

    def _person(self, participant: str) -> ParticipantInfo:
        if participant not in self.people:
            raise NotFound(f"there is no participant {participant!r}", code="no_such_participant", field="participant")
        return self.people[participant]

    def _view(self, view: str) -> None:
        if view not in self.views:
            raise NotFound(f"there is no view {view!r}", code="no_such_view")

    def _join(self, join: Join) -> Joined:
        owner = next((who for who, token in self.tokens.items() if token == join.resume_token), None)
        owner = owner if join.identity in (None, owner) else None
        if owner is None and join.identity not in self.people and not join.newcomers:
            raise NoCapacity("the server is busy", retry_after_s=1)
        if owner is None and join.identity in self.people:
            self._remove(join.identity or "", "replaced", "replaced")
        if owner is None and len(self.people) >= self.spec.capacity:
            raise Conflict("the room is full", code="room_full")
        who = owner or join.identity or f"p_{secrets.token_hex(4)}"
        person = ParticipantInfo(
            id=who,
            name=join.name,
            role=join.role,
            group=join.group,
            attributes=join.attributes,
            hidden=join.hidden,
            presence="connected",
            joined_at=datetime.now(UTC),
        )
        self.people[who] = person
        self.tokens[who] = secrets.token_urlsafe(12)
        self.emit(ParticipantUpdated(participant=person) if owner else ParticipantJoined(participant=person))
        self._retile()
        return Joined(
            participant=person,
            resume_token=self.tokens[who],
            room=self.info(),
            participants=tuple(self.people.values()),
            tiles=self.tiles(),
            resumed=owner is not None,
        )

    def _change(self, command: SetMediaState | UpdateParticipant) -> ParticipantInfo:
        person = self._person(command.participant)
        changes = command.model_dump(exclude_none=True, exclude={"type", "participant", "gain", "attributes"})
        if isinstance(command, SetMediaState):
            person = person.model_copy(update={"media": MediaState(**(person.media.model_dump() | changes))})
        else:
            attributes = patched_attributes(person.attributes, command.attributes)
            person = person.model_copy(update={**changes, "attributes": attributes})
        self.people[person.id] = person
        self.emit(ParticipantUpdated(participant=person))
        return person

    def _raise_hand(self, command: SetHand) -> ParticipantInfo:
        person = self._person(command.participant).model_copy(update={"hand": command.raised})
        self.people[person.id] = person
        self.emit(ParticipantUpdated(participant=person))
        return person

    def _leave(self, command: Leave) -> Done:
        self._person(command.participant)
        self._remove(command.participant, "kicked" if command.kicked else "left", command.kicked)
        return Done()

    def _detach(self, command: Detach) -> Done:
        if self.tokens.get(command.participant) == command.resume_token:
            person = self.people[command.participant].model_copy(update={"presence": "reconnecting"})
            self.people[person.id] = person
            self.emit(ParticipantUpdated(participant=person))
        return Done()

    def _remove(self, who: str, reason: str, kicked: str | None) -> None:
        del self.people[who], self.tokens[who]
        if kicked is not None:
            self.emit(Kicked(to=who, reason=kicked))
        for reader in tuple(self.readers):
            if reader.participant == who:
                reader.end()
        self.emit(ParticipantLeft.model_validate({"id": who, "reason": reason}))
        self._retile()

    def _retile(self) -> None:
        self.version += 1
        for view in self.views:
            self.emit(Tiles(tiles=self.tiles(view)))

    def _start_recording(self, command: StartRecording) -> RecordingInfo:
        self._view(command.view)
        if any(one.runs and one.view == command.view for one in self.recordings.values()):
            raise Conflict("this view is being recorded already")
        info = RecordingInfo(
            id=f"rec_{secrets.token_hex(4)}",
            room=self.name,
            view=command.view,
            state="active",
            file="composite.mp4",
            started_at=datetime.now(UTC),
            duration_s=0.0,
            size_bytes=0,
        )
        folder = self._recordings_dir / info.id
        folder.mkdir(parents=True)
        (folder / info.file).write_bytes(bytes(range(256)))
        return self._record(info)

    def _answer_about_outputs(self, command: StartOutput | StopOutput | ListOutputs) -> Reply:
        """Every destination takes what it is sent, which is nothing."""
        match command:
            case StartOutput():
                wanted, number = command.output, f"out_{secrets.token_hex(4)}"
                self._view(wanted.view)
                if sum(one.state == "active" for one in self.outputs.values()) >= 4:
                    raise Conflict("a room has at most 4 outputs", code="too_many_outputs")
                info = OutputInfo(
                    id=number,
                    room=self.name,
                    kind=wanted.resolved_kind,
                    view=wanted.view,
                    state="active",
                    url=wanted.shown_url,
                    started_at=datetime.now(UTC),
                    duration_s=0.0,
                    bytes_sent=0,
                )
            case StopOutput():
                if command.id not in self.outputs:
                    raise NotFound("there is no such output", code="no_such_output")
                info = self.outputs[command.id].model_copy(update={"state": "ended"})
            case ListOutputs():
                return OutputList(outputs=tuple(self.outputs.values()))
        self.outputs[info.id] = info
        self.emit(OutputChanged(output=info))
        return info

    def _stop_recording(self, command: StopRecording) -> RecordingInfo:
        info = self.recordings.get(command.recording)
        if info is None:
            raise NotFound(f"there is no recording {command.recording!r}", code="no_such_recording")
        if not info.runs:
            raise Conflict("this recording has ended already")
        return self._record(info.model_copy(update={"state": "finished", "duration_s": 1.0, "size_bytes": 256}))

    def _pause_recording(self, command: PauseRecording | ResumeRecording) -> RecordingInfo:
        info = self.recordings.get(command.recording)
        if info is None:
            raise NotFound(f"there is no recording {command.recording!r}", code="no_such_recording")
        if not info.runs:
            raise Conflict("this recording has ended: start another one")
        pausing = isinstance(command, PauseRecording)
        if pausing == (info.state == "paused"):
            return info
        *past, last = info.pauses if not pausing else (*info.pauses, None)
        pause = RecordingPause(at_s=0.5, paused_ms=None if last is None else 2000)
        return self._record(
            info.model_copy(update={"state": "paused" if pausing else "active", "pauses": (*past, pause)})
        )

    def _record(self, info: RecordingInfo) -> RecordingInfo:
        self.recordings[info.id] = info
        self.emit(RecordingChanged(recording=info))
        return info


SOUND_HEALTH = SoundHealth(
    parked=False,
    level_dbov=-26,
    delay_ms=27.5,
    target_ms=25.0,
    received=5000,
    lost=10,
    late=2,
    repaired=7,
    damaged=0,
    overflowed=0,
    concealed=0.0006,
    resets=0,
    drift_ppm=-12.5,
)


def _healthy(person: ParticipantInfo) -> TileHealth:
    return TileHealth(
        participant=person.id,
        source="camera",
        name=person.name,
        on_canvas=True,
        state="live",
        since=person.joined_at,
        last_packet_ms=10,
        last_frame_ms=20,
        last_keyframe_ms=500,
        last_decoded_ms=15,
        decoded=100,
        dropped=0,
        decode_errors=0,
        width=640,
        height=360,
        parked=False,
    )


class FakeEngine:
    """Rooms without media. ``open_rooms`` lets a test look into them."""

    def __init__(self, recordings_dir: Path, max_rooms: int = 10) -> None:
        self.open_rooms: dict[str, FakeRoom] = {}
        self.closed = False
        self.cores_busy = 0.0
        self.busy_of: dict[str, float] = {}
        """Rooms with a process of their own, and how busy that is."""
        self._recordings_dir = recordings_dir
        self._max_rooms = max_rooms

    async def open(self, room: RoomSpec) -> FakeRoom:
        if room.name not in self.open_rooms:
            if len(self.open_rooms) >= self._max_rooms:
                raise NoCapacity("no room for another room", retry_after_s=5)
            self.open_rooms[room.name] = FakeRoom(room, self._recordings_dir)
        return self.open_rooms[room.name]

    async def find(self, name: str) -> FakeRoom | None:
        return self.open_rooms.get(name)

    async def rooms(self) -> Sequence[RoomInfo]:
        return [room.info() for room in self.open_rooms.values()]

    async def places(self) -> Sequence[Place]:
        here = [room.info() for name, room in self.open_rooms.items() if name not in self.busy_of]
        apart = [Place(busy, (self.open_rooms[name].info(),)) for name, busy in self.busy_of.items()]
        return [*apart, Place(self.cores_busy, tuple(here))]

    async def close_room(self, name: str) -> None:
        room = self.open_rooms.pop(name, None)
        if room is None:
            raise NotFound(f"there is no room {name!r}", code="no_such_room")
        room.close()

    async def metrics(self) -> str:
        return f"# TYPE mcu_rooms gauge\nmcu_rooms {len(self.open_rooms)}\n"

    async def close(self) -> None:
        self.closed = True
        for name in tuple(self.open_rooms):
            await self.close_room(name)
