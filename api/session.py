"""The one session all doors share: what a principal may ask of a room, and a participant's stay in it.

Permissions are checked here and nowhere else; an adapter translates messages and has no rules of its own.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, TypeVar

import structlog

from api.auth import Principal
from api.direction import asks_to_receive
from mcu.engine.engine import RoomHandle
from mcu.errors import Conflict, Forbidden, Internal, McuError, NotFound
from mcu.protocol.commands import (
    AddCandidate,
    Answer,
    CancelScheduledLayout,
    Command,
    CreateView,
    DeleteView,
    Detach,
    Done,
    GetBanner,
    GetLayout,
    GetLayoutHistory,
    GetRoom,
    GetTileHealth,
    GetTiles,
    GetUplink,
    Join,
    Joined,
    Leave,
    ListParticipants,
    ListRecordings,
    ListScheduledLayouts,
    ListViews,
    MergeLayout,
    Offer,
    ParticipantList,
    RecordingList,
    SetBanner,
    SetHand,
    SetLayout,
    SetMediaState,
    Snapshot,
    StartRecording,
    StopRecording,
    TakeSnapshot,
    TileHealthList,
    UndoLayout,
    UpdateParticipant,
    UpdateView,
    UplinkState,
    ViewList,
    WatchView,
)
from mcu.protocol.decor import Banner
from mcu.protocol.events import Event
from mcu.protocol.layout import Layout, LayoutState
from mcu.protocol.merge import patched
from mcu.protocol.models import (
    Connection,
    ParticipantInfo,
    RecordingInfo,
    RoomInfo,
    TileMap,
    Uplink,
    ViewChanges,
    ViewSpec,
)
from mcu.protocol.versions import LayoutHistory, ScheduledLayout, ScheduledLayouts
from mcu.protocol.wire import CandidateInit

log = structlog.get_logger()

ReplyT = TypeVar("ReplyT")


class RoomControl:
    """One open room as one principal may use it. Every method raises ``Forbidden`` where the grants don't allow it,
    and whatever the room answers.
    """

    def __init__(self, handle: RoomHandle, principal: Principal) -> None:
        self._handle = handle
        self.principal = principal

    @property
    def room(self) -> str:
        return self._handle.name

    async def info(self) -> RoomInfo:
        self.principal.require("watch", self.room)
        return await self._ask(GetRoom(), RoomInfo)

    async def participants(self) -> tuple[ParticipantInfo, ...]:
        self.principal.require("watch", self.room)
        return (await self._ask(ListParticipants(), ParticipantList)).participants

    async def participant(self, participant: str) -> ParticipantInfo:
        found = next((one for one in await self.participants() if one.id == participant), None)
        if found is None:
            raise NotFound(f"there is no participant {participant!r} in this room", code="no_such_participant")
        return found

    async def views(self) -> tuple[ViewSpec, ...]:
        self.principal.require("watch", self.room)
        return (await self._ask(ListViews(), ViewList)).views

    async def view(self, name: str) -> ViewSpec:
        found = next((one for one in await self.views() if one.name == name), None)
        if found is None:
            raise NotFound(f"there is no view {name!r} in this room", code="no_such_view")
        return found

    async def create_view(self, spec: ViewSpec) -> ViewSpec:
        self.principal.require("arrange", self.room)
        return await self._ask(CreateView(spec=spec), ViewSpec)

    async def update_view(self, name: str, changes: ViewChanges) -> ViewSpec:
        self.principal.require("arrange", self.room)
        return await self._ask(UpdateView(view=name, changes=changes), ViewSpec)

    async def delete_view(self, name: str) -> None:
        self.principal.require("arrange", self.room)
        await self._ask(DeleteView(view=name), Done)

    async def banner(self, view: str) -> Banner:
        self.principal.require("watch", self.room)
        return await self._ask(GetBanner(view=view), Banner)

    async def set_banner(self, view: str, banner: Banner) -> Banner:
        self.principal.require("arrange", self.room)
        return await self._ask(SetBanner(view=view, banner=banner), Banner)

    async def layout(self, view: str) -> LayoutState:
        self.principal.require("watch", self.room)
        return await self._ask(GetLayout(view=view), LayoutState)

    async def change_layout(self, command: SetLayout | MergeLayout) -> LayoutState | ScheduledLayout:
        """Replaces the layout, or merges into it (RFC 7396) where nobody can come in between; with ``at``, when that
        time comes. Raises ``Unprocessable``, ``LayoutChanged``, or ``Conflict`` when too many changes are waiting.
        """
        self.principal.require("arrange", self.room)
        answer = await self._handle.call(command.model_copy(update={"by": self.author}))
        if not isinstance(answer, LayoutState | ScheduledLayout):
            raise Internal(f"{command.type} was answered with {type(answer).__name__}")
        return answer

    async def merged_layout(self, view: str, patch: dict[str, Any]) -> Layout:
        """What the layout would be with ``patch``; nothing changes. Raises ``Unprocessable``."""
        self.principal.require("arrange", self.room)
        return patched((await self.layout(view)).layout, patch)

    async def undo_layout(self, view: str, if_match: str | None = None) -> LayoutState:
        """Raises ``Conflict`` when there is nothing to undo, or ``LayoutChanged``."""
        self.principal.require("arrange", self.room)
        return await self._ask(UndoLayout(view=view, if_match=if_match, by=self.author), LayoutState)

    async def layout_history(self, view: str) -> LayoutHistory:
        self.principal.require("watch", self.room)
        return await self._ask(GetLayoutHistory(view=view), LayoutHistory)

    async def scheduled_layouts(self, view: str) -> ScheduledLayouts:
        self.principal.require("watch", self.room)
        return await self._ask(ListScheduledLayouts(view=view), ScheduledLayouts)

    async def cancel_layout(self, view: str, change: str) -> None:
        """Raises ``NotFound``."""
        self.principal.require("arrange", self.room)
        await self._ask(CancelScheduledLayout(view=view, id=change), Done)

    @property
    def author(self) -> str:
        """Whom the history names: the participant, or the admin that every key and an open server's caller is."""
        return self.principal.identity or "admin"

    async def tiles(self, view: str) -> TileMap:
        self.principal.require("watch", self.room)
        return await self._ask(GetTiles(view=view), TileMap)

    async def tile_health(self, view: str) -> TileHealthList:
        """Why each tile looks as it does; for moderators, since it tells how people are connected."""
        self.principal.require("moderate", self.room)
        return await self._ask(GetTileHealth(view=view), TileHealthList)

    async def snapshot(self, command: TakeSnapshot) -> Snapshot:
        self.principal.require("watch", self.room)
        return await self._ask(command, Snapshot)

    async def update(self, command: UpdateParticipant) -> ParticipantInfo:
        """Mutes on the server's side, and gain."""
        self.principal.require("moderate", self.room)
        return await self._ask(command, ParticipantInfo)

    async def kick(self, participant: str, reason: str) -> None:
        self.principal.require("moderate", self.room)
        await self._ask(Leave(participant=participant, kicked=reason), Done)

    async def start_recording(self, view: str = "main") -> RecordingInfo:
        self.principal.require("record", self.room)
        return await self._ask(StartRecording(view=view), RecordingInfo)

    async def stop_recording(self, recording: str) -> RecordingInfo:
        self.principal.require("record", self.room)
        return await self._ask(StopRecording(recording=recording), RecordingInfo)

    async def stop_recording_of(self, view: str) -> RecordingInfo:
        """Stops the recording of ``view`` that runs. Raises ``Conflict`` when none does."""
        running = [one for one in await self.recordings() if one.view == view and one.state in ("starting", "active")]
        if not running:
            raise Conflict("this view is not being recorded")
        return await self.stop_recording(running[-1].id)

    async def recordings(self) -> tuple[RecordingInfo, ...]:
        self.principal.require("record", self.room)
        return (await self._ask(ListRecordings(), RecordingList)).recordings

    async def recording(self, recording: str) -> RecordingInfo:
        found = next((one for one in await self.recordings() if one.id == recording), None)
        if found is None:
            raise NotFound(f"there is no recording {recording!r} in this room", code="no_such_recording")
        return found

    async def _ask(self, command: Command, reply: type[ReplyT]) -> ReplyT:
        answer = await self._handle.call(command)
        if not isinstance(answer, reply):
            raise Internal(f"{command.type} was answered with {type(answer).__name__}")
        return answer


class Session(RoomControl):
    """A participant's stay in a room, from join to leave or detach. Made by ``Session.join``.

    ``roster``, ``first_tiles`` and ``first_uplink`` were read after the subscription to the room's events began: an
    event may repeat what they say already, but none is missing.
    """

    def __init__(self, handle: RoomHandle, principal: Principal, joined: Joined) -> None:
        super().__init__(handle, principal)
        self.me = joined.participant
        self.resumed = joined.resumed
        self.joined_room = joined.room
        self.resume_token = joined.resume_token
        self.roster = joined.participants
        self.first_tiles = joined.tiles
        self.first_uplink: Uplink | None = None
        self._events = handle.events(joined.participant.id)
        self._ended = False
        self._log = log.bind(room=handle.name, participant=self.me.id)

    @classmethod
    async def join(
        cls, handle: RoomHandle, principal: Principal, name: str | None, resume_token: str | None
    ) -> "Session":
        principal.require("join", handle.name)
        if principal.grants.hidden:
            raise Forbidden("this server shows every participant; the grant hidden can't be kept here")
        command = Join(
            name=principal.name or name or principal.identity or "Guest",
            identity=principal.identity,
            role=principal.grants.role,
            resume_token=resume_token,
        )
        joined = await handle.call(command)
        if not isinstance(joined, Joined):
            raise Internal(f"join was answered with {type(joined).__name__}")
        session = cls(handle, principal, joined)
        structlog.contextvars.bind_contextvars(room=handle.name, participant=session.me.id)
        try:
            await session._settle()
        except (McuError, asyncio.CancelledError):
            await session.detach()
            raise
        return session

    async def _settle(self) -> None:
        """Takes what the grants forbid to publish, then reads the room as the subscription found it."""
        publish = self.principal.grants.publish
        audio, video = "microphone" not in publish, "camera" not in publish
        if audio or video:
            self.me = await self._ask(
                UpdateParticipant(
                    participant=self.me.id,
                    server_muted_audio=True if audio else None,
                    server_muted_video=True if video else None,
                ),
                ParticipantInfo,
            )
        self.roster = (await self._ask(ListParticipants(), ParticipantList)).participants
        self.first_tiles = await self._ask(GetTiles(view=self.me.view), TileMap)
        self.first_uplink = (await self._ask(GetUplink(participant=self.me.id), UplinkState)).uplink

    @property
    def author(self) -> str:
        return self.me.id

    @property
    def ended(self) -> bool:
        """The stay is over: left, kicked, detached, or the room was closed."""
        return self._ended

    async def events(self) -> AsyncGenerator[Event, None]:
        """What the room says to this participant; of tile maps, those of the view they watch. Ends after ``Kicked`` or
        ``RoomClosed``, after which the stay is over, or when the reader fell too far behind.
        """
        try:
            async for event in self._events:
                if event.type == "participant_updated" and event.participant.id == self.me.id:
                    self.me = event.participant
                elif event.type == "tiles" and event.tiles.view != self.me.view:
                    continue
                last = event.type in ("kicked", "room_closed")
                self._ended = self._ended or last
                yield event
                if last:
                    return
        finally:
            await self._unsubscribe()

    async def offer(self, sdp: str, connection: Connection) -> str:
        """The answer's SDP."""
        if connection == "screen":
            self._require_screen()
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

    async def watch_view(self, name: str) -> ParticipantInfo:
        """Another view is sent to this participant, beginning with a keyframe."""
        return await self._ask(WatchView(participant=self.me.id, view=name), ParticipantInfo)

    async def leave(self) -> None:
        """The participant goes. Nothing more may be asked. Idempotent."""
        if not self._ended:
            self._ended = True
            await self._ask(Leave(participant=self.me.id), Done)

    async def detach(self) -> None:
        """The signaling connection is gone; the participant may come back with its resume token. Idempotent."""
        if self._ended:
            return
        self._ended = True
        await self._unsubscribe()
        try:
            await self._ask(Detach(participant=self.me.id, resume_token=self.resume_token), Done)
        except McuError as error:
            self._log.debug("detach_refused", code=error.error_code)  # the room or the participant went first
        else:
            self._log.info("participant_detached")

    async def _unsubscribe(self) -> None:
        aclose = getattr(self._events, "aclose", None)
        if aclose is not None:
            await aclose()

    def _require_screen(self) -> None:
        if "screen" not in self.principal.grants.publish:
            raise Forbidden("this token doesn't allow to share a screen")
