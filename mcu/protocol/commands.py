"""What may be asked of a room. Plain data: a command can cross a thread, a process or a network unchanged.

``RoomHandle.call(command)`` answers with the reply named beside each command, or raises an ``McuError``.
"""

from typing import Annotated, Literal

from pydantic import Field

from mcu.protocol.access import (
    Admit,
    ListWaiting,
    RestoreLobby,
    StopWaiting,
    TellBans,
    UpdateRoom,
    Waiting,
    WaitingList,
)
from mcu.protocol.announcements import Announce, AnnouncementInfo, AnnouncementList, ListAnnouncements, StopAnnouncement
from mcu.protocol.arranging import (
    CancelScheduledLayout,
    Etag,
    GetLayout,
    GetLayoutHistory,
    LayoutCommand,
    ListScheduledLayouts,
    MergeLayout,
    RestoreLayout,
    SetLayout,
    UndoLayout,
)
from mcu.protocol.decor import Banner, ViewDecor
from mcu.protocol.dressing import GetBanner, GetDecor, SetAvatar, SetBackgroundImage, SetBanner, SetLogo
from mcu.protocol.groups import GroupInfo, GroupList, ListGroups, SetGroup
from mcu.protocol.layout import LayoutState
from mcu.protocol.models import Frozen, ParticipantInfo, RecordingInfo, RoomInfo, TileMap, ViewSpec
from mcu.protocol.names import RecordingId, ViewName
from mcu.protocol.outputs import ListOutputs, OutputInfo, OutputList, StartOutput, StopOutput
from mcu.protocol.participation import (
    AddCandidate,
    Answer,
    Detach,
    GetUplink,
    Join,
    Joined,
    Leave,
    ListParticipants,
    Offer,
    ParticipantList,
    SetHand,
    SetMediaState,
    UpdateParticipant,
    UplinkState,
)
from mcu.protocol.playback import (
    ListPlaybacks,
    PlaybackInfo,
    PlaybackList,
    StartPlayback,
    StopPlayback,
    UpdatePlayback,
)
from mcu.protocol.quality import GetQuality, Quality, SetQuality
from mcu.protocol.sound import GetSoundHealth, SoundHealth
from mcu.protocol.talk import (
    ChatHistory,
    ChatMessage,
    ClearReady,
    DeleteMessage,
    Delivered,
    EditMessage,
    GetChatHistory,
    GetReady,
    React,
    ReadySet,
    RestoreChat,
    Said,
    Say,
    SendApp,
    SetReady,
    SpeakOnChannel,
)
from mcu.protocol.versions import LayoutHistory, ScheduledLayout, ScheduledLayouts
from mcu.protocol.viewing import (
    CreateView,
    DeleteView,
    GetTileHealth,
    GetTiles,
    ListViews,
    Snapshot,
    TakeSnapshot,
    TileHealthList,
    UpdateView,
    ViewList,
    WatchView,
)


class GetRoom(Frozen):
    """→ ``RoomInfo``"""

    type: Literal["get_room"] = "get_room"


class StartRecording(Frozen):
    """→ ``RecordingInfo``. Raises ``Conflict`` when the view is being recorded already. ``paused``: it waits for
    ``ResumeRecording``, as the second part of a paused one does.
    """

    type: Literal["start_recording"] = "start_recording"
    view: ViewName = "main"
    paused: bool = False


class PauseRecording(Frozen):
    """→ ``RecordingInfo``. Pausing twice is pausing once. Raises ``Conflict`` when it has ended, or was paused too
    often.
    """

    type: Literal["pause_recording"] = "pause_recording"
    recording: RecordingId


class ResumeRecording(Frozen):
    """→ ``RecordingInfo``: it goes on with the next keyframe. Raises ``Conflict`` when it has ended."""

    type: Literal["resume_recording"] = "resume_recording"
    recording: RecordingId


class StopRecording(Frozen):
    """→ ``RecordingInfo``, once the file is complete."""

    type: Literal["stop_recording"] = "stop_recording"
    recording: RecordingId


class ListRecordings(Frozen):
    """→ ``RecordingList``"""

    type: Literal["list_recordings"] = "list_recordings"


class RecordingList(Frozen):
    recordings: tuple[RecordingInfo, ...]


class Done(Frozen):
    pass


Command = Annotated[
    Join
    | Offer
    | AddCandidate
    | SetMediaState
    | SetHand
    | UpdateParticipant
    | Leave
    | Detach
    | GetRoom
    | ListParticipants
    | GetLayout
    | SetLayout
    | MergeLayout
    | UndoLayout
    | GetLayoutHistory
    | ListScheduledLayouts
    | CancelScheduledLayout
    | RestoreLayout
    | GetUplink
    | GetTiles
    | TakeSnapshot
    | GetTileHealth
    | GetSoundHealth
    | ListViews
    | CreateView
    | UpdateView
    | DeleteView
    | WatchView
    | GetQuality
    | SetQuality
    | GetBanner
    | SetBanner
    | ListGroups
    | SetGroup
    | Announce
    | StopAnnouncement
    | ListAnnouncements
    | StartPlayback
    | UpdatePlayback
    | StopPlayback
    | ListPlaybacks
    | GetDecor
    | SetBackgroundImage
    | SetLogo
    | SetAvatar
    | StartRecording
    | PauseRecording
    | ResumeRecording
    | StopRecording
    | ListRecordings
    | StartOutput
    | StopOutput
    | ListOutputs
    | Say
    | EditMessage
    | DeleteMessage
    | GetChatHistory
    | RestoreChat
    | SendApp
    | SpeakOnChannel
    | React
    | SetReady
    | ClearReady
    | GetReady
    | UpdateRoom
    | ListWaiting
    | Admit
    | TellBans
    | StopWaiting
    | RestoreLobby,
    Field(discriminator="type"),
]
Reply = (
    Joined
    | Answer
    | ParticipantInfo
    | ParticipantList
    | RoomInfo
    | LayoutState
    | LayoutHistory
    | ScheduledLayout
    | ScheduledLayouts
    | UplinkState
    | Quality
    | TileMap
    | Snapshot
    | TileHealthList
    | SoundHealth
    | ViewList
    | ViewSpec
    | Banner
    | GroupInfo
    | GroupList
    | AnnouncementInfo
    | AnnouncementList
    | PlaybackInfo
    | PlaybackList
    | ViewDecor
    | RecordingInfo
    | RecordingList
    | OutputInfo
    | OutputList
    | Said
    | ChatMessage
    | ChatHistory
    | Delivered
    | ReadySet
    | Waiting
    | WaitingList
    | Done
)


__all__ = [
    "AddCandidate",
    "Answer",
    "CancelScheduledLayout",
    "Command",
    "CreateView",
    "DeleteView",
    "Detach",
    "Done",
    "Etag",
    "GetBanner",
    "GetDecor",
    "GetLayout",
    "GetLayoutHistory",
    "GetRoom",
    "GetTileHealth",
    "GetTiles",
    "GetUplink",
    "Join",
    "Joined",
    "LayoutCommand",
    "Leave",
    "ListOutputs",
    "ListParticipants",
    "ListRecordings",
    "ListScheduledLayouts",
    "ListViews",
    "MergeLayout",
    "Offer",
    "OutputInfo",
    "OutputList",
    "ParticipantList",
    "PauseRecording",
    "RecordingList",
    "Reply",
    "RestoreChat",
    "RestoreLayout",
    "ResumeRecording",
    "SetAvatar",
    "SetBackgroundImage",
    "SetBanner",
    "SetHand",
    "SetLayout",
    "SetLogo",
    "SetMediaState",
    "Snapshot",
    "StartOutput",
    "StartRecording",
    "StopOutput",
    "StopRecording",
    "TakeSnapshot",
    "TileHealthList",
    "UndoLayout",
    "UpdateParticipant",
    "UpdateView",
    "UplinkState",
    "ViewList",
    "WatchView",
]
