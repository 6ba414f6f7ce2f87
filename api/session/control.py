"""Everything that may be asked of a room."""

from typing import Any

from api.session.decor import DecorControl
from api.session.door import DoorControl
from api.session.outputs import OutputControl
from api.session.people import PeopleControl
from api.session.playing import PlaybackControl
from api.session.sounds import SoundControl
from api.session.talk import TalkControl
from mcu.errors import Conflict, Internal, NotFound
from mcu.protocol.commands import (
    CancelScheduledLayout,
    CreateView,
    DeleteView,
    Done,
    GetLayout,
    GetLayoutHistory,
    GetRoom,
    GetTileHealth,
    GetTiles,
    ListRecordings,
    ListScheduledLayouts,
    ListViews,
    MergeLayout,
    PauseRecording,
    RecordingList,
    ResumeRecording,
    SetLayout,
    Snapshot,
    StartRecording,
    StopRecording,
    TakeSnapshot,
    TileHealthList,
    UndoLayout,
    UpdateView,
    ViewList,
)
from mcu.protocol.layout import Layout, LayoutState
from mcu.protocol.merge import patched
from mcu.protocol.models import (
    RecordingInfo,
    RoomInfo,
    TileMap,
    ViewChanges,
    ViewSpec,
)
from mcu.protocol.versions import LayoutHistory, ScheduledLayout, ScheduledLayouts


class RoomControl(PeopleControl, SoundControl, PlaybackControl, TalkControl, DoorControl, DecorControl, OutputControl):
    """One open room as one principal may use it. Every method raises ``Forbidden`` where the grants don't allow it,
    and whatever the room answers.
    """

    async def info(self) -> RoomInfo:
        self.principal.require("watch", self.room)
        return await self._ask(GetRoom(), RoomInfo)

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

    async def pin(self, participant: str | None, view: str) -> LayoutState:
        """Gives somebody the first place of the view, for everybody; None takes it back."""
        state = await self.change_layout(MergeLayout(view=view, patch={"pinned": participant}))
        assert isinstance(state, LayoutState), "a change without a time is made at once"
        return state

    def may_arrange(self) -> None:
        """Asked before a layout is drawn that changes nothing."""
        self.principal.require("arrange", self.room)

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

    async def start_recording(self, view: str = "main") -> RecordingInfo:
        self.principal.require("record", self.room)
        return await self._ask(StartRecording(view=view), RecordingInfo)

    async def stop_recording(self, recording: str) -> RecordingInfo:
        self.principal.require("record", self.room)
        return await self._ask(StopRecording(recording=recording), RecordingInfo)

    async def pause_recording(self, recording: str) -> RecordingInfo:
        """Raises ``Conflict`` when it has ended."""
        self.principal.require("record", self.room)
        return await self._ask(PauseRecording(recording=recording), RecordingInfo)

    async def resume_recording(self, recording: str) -> RecordingInfo:
        """Raises ``Conflict`` when it has ended."""
        self.principal.require("record", self.room)
        return await self._ask(ResumeRecording(recording=recording), RecordingInfo)

    async def running_recording(self, view: str) -> RecordingInfo:
        """The recording of ``view`` that runs or is paused. Raises ``Conflict`` when there is none."""
        running = [one for one in await self.recordings() if one.view == view and one.runs]
        if not running:
            raise Conflict("this view is not being recorded")
        return running[-1]

    async def recordings(self) -> tuple[RecordingInfo, ...]:
        self.principal.require("record", self.room)
        return (await self._ask(ListRecordings(), RecordingList)).recordings

    async def recording(self, recording: str) -> RecordingInfo:
        found = next((one for one in await self.recordings() if one.id == recording), None)
        if found is None:
            raise NotFound(f"there is no recording {recording!r} in this room", code="no_such_recording")
        return found
