"""What may be asked of a room. Plain data: a command can cross a thread, a process or a network unchanged.

``RoomHandle.call(command)`` answers with the reply named beside each command, or raises an ``McuError``.
"""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints

from mcu.protocol.access import (
    Admission,
    Admit,
    ListWaiting,
    Password,
    StopWaiting,
    UpdateRoom,
    Waiting,
    WaitingList,
)
from mcu.protocol.announcements import (
    Announce,
    AnnouncementInfo,
    AnnouncementList,
    ListAnnouncements,
    StopAnnouncement,
)
from mcu.protocol.decor import Banner, ImageFile, LogoPlace, ViewDecor
from mcu.protocol.groups import GroupInfo, GroupList, ListGroups, SetGroup
from mcu.protocol.layout import Layout, LayoutState
from mcu.protocol.models import (
    Connection,
    Frozen,
    ParticipantInfo,
    RecordingInfo,
    Role,
    RoomInfo,
    TileHealth,
    TileMap,
    Uplink,
    ViewChanges,
    ViewSpec,
)
from mcu.protocol.names import (
    Attributes,
    AttributesPatch,
    DisplayName,
    GroupName,
    ParticipantId,
    RecordingId,
    Sdp,
    ViewName,
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
    Said,
    Say,
    SendApp,
    SetReady,
)
from mcu.protocol.versions import Author, ChangeId, LayoutHistory, ScheduledLayout, ScheduledLayouts

Etag = Annotated[str, StringConstraints(max_length=128)]


class WithBytes(Frozen):
    """Bytes are Base64 (RFC 4648) where they have to be JSON."""

    model_config = ConfigDict(frozen=True, ser_json_bytes="base64", val_json_bytes="base64")


class Join(Frozen):
    """→ ``Joined``, or ``Waiting`` in the lobby. With ``resume_token`` of an earlier ``Joined`` the same participant
    goes on. A second join with the same ``identity`` replaces the first, which gets a ``Kicked`` event with reason
    ``replaced``. Raises Locked, Conflict (``room_full``, ``lobby_full``), TooMany or Forbidden (``password_required``,
    ``wrong_password``, ``denied``).

    ``passes``: neither lock, password nor lobby are for them. ``admission`` is that of an earlier ``Waiting``.
    """

    type: Literal["join"] = "join"
    name: DisplayName
    identity: ParticipantId | None = None
    role: Role = "participant"
    group: GroupName = ""
    attributes: Attributes = Field(default_factory=dict)
    resume_token: Annotated[str, StringConstraints(max_length=128)] | None = None
    password: Password | None = Field(default=None, repr=False)
    admission: Admission | None = Field(default=None, repr=False)
    passes: bool = False
    hidden: bool = False


class Joined(Frozen):
    participant: ParticipantInfo
    resume_token: str
    room: RoomInfo
    participants: tuple[ParticipantInfo, ...]
    tiles: TileMap
    resumed: bool = False


class Offer(Frozen):
    """→ ``Answer``. A new offer on the same connection replaces the old peer connection (that is an ICE restart)."""

    type: Literal["offer"] = "offer"
    participant: ParticipantId
    connection: Connection = "main"
    sdp: Sdp


class Answer(Frozen):
    sdp: str


class AddCandidate(Frozen):
    """→ ``Done``. ``candidate`` None says that there are no more."""

    type: Literal["candidate"] = "candidate"
    participant: ParticipantId
    connection: Connection = "main"
    candidate: Annotated[str, StringConstraints(max_length=1024)] | None
    sdp_mid: Annotated[str, StringConstraints(max_length=64)] | None = None
    sdp_m_line_index: Annotated[int, Field(ge=0, le=15)] | None = None


class SetMediaState(Frozen):
    """→ ``ParticipantInfo``. What the participant itself says it sends now; None leaves a part as it is."""

    type: Literal["media_state"] = "media_state"
    participant: ParticipantId
    audio: bool | None = None
    video: bool | None = None
    screen: bool | None = None


class SetHand(Frozen):
    """→ ``ParticipantInfo``. The participant raises a hand, or takes it down."""

    type: Literal["set_hand"] = "set_hand"
    participant: ParticipantId
    raised: bool


class UpdateParticipant(Frozen):
    """→ ``ParticipantInfo``. What a moderator decides, or somebody of their own name; None leaves a part as it is.
    Raises ``Unprocessable`` when more than ``MAX_ATTRIBUTES`` attributes would come of it.
    """

    type: Literal["update_participant"] = "update_participant"
    participant: ParticipantId
    name: DisplayName | None = None
    server_muted_audio: bool | None = None
    server_muted_video: bool | None = None
    gain: Annotated[float, Field(ge=0.0, le=4.0)] | None = None
    role: Role | None = None
    group: GroupName | None = Field(default=None, description="empty: out of every group")
    attributes: AttributesPatch = Field(default_factory=dict)


class Leave(Frozen):
    """→ ``Done``. Also a kick: then ``kicked`` gives the reason and the participant gets a ``Kicked`` event."""

    type: Literal["leave"] = "leave"
    participant: ParticipantId
    kicked: Annotated[str, StringConstraints(max_length=256)] | None = None


class Detach(Frozen):
    """→ ``Done``. The signaling socket is gone; the participant has the grace time to come back with its token.

    ``resume_token`` names which socket: one that was replaced in the meantime detaches nobody.
    """

    type: Literal["detach"] = "detach"
    participant: ParticipantId
    resume_token: Annotated[str, StringConstraints(max_length=128)]


class GetRoom(Frozen):
    """→ ``RoomInfo``"""

    type: Literal["get_room"] = "get_room"


class ListParticipants(Frozen):
    """→ ``ParticipantList``"""

    type: Literal["list_participants"] = "list_participants"


class ParticipantList(Frozen):
    participants: tuple[ParticipantInfo, ...]


class GetLayout(Frozen):
    """→ ``LayoutState``"""

    type: Literal["get_layout"] = "get_layout"
    view: ViewName = "main"


class SetLayout(Frozen):
    """→ ``LayoutState``, or ``ScheduledLayout`` when its ``at`` lies ahead. Raises ``LayoutChanged`` when
    ``if_match`` isn't the etag of this moment; when the time ``at`` comes nothing is compared any more.
    """

    type: Literal["set_layout"] = "set_layout"
    view: ViewName = "main"
    layout: Layout
    if_match: Etag | None = None
    by: Author | None = None


class MergeLayout(Frozen):
    """→ as ``SetLayout``. ``patch`` is a JSON merge patch (RFC 7396); with ``at`` it is merged into the layout of that
    time. Raises ``Unprocessable`` when what comes out is no layout.
    """

    type: Literal["merge_layout"] = "merge_layout"
    view: ViewName = "main"
    patch: dict[str, Any]
    if_match: Etag | None = None
    by: Author | None = None


class UndoLayout(Frozen):
    """→ ``LayoutState``: the layout as it was before the last change that is not undone yet. Raises ``Conflict`` when
    there is none.
    """

    type: Literal["undo_layout"] = "undo_layout"
    view: ViewName = "main"
    if_match: Etag | None = None
    by: Author | None = None


class GetLayoutHistory(Frozen):
    """→ ``LayoutHistory``"""

    type: Literal["get_layout_history"] = "get_layout_history"
    view: ViewName = "main"


class ListScheduledLayouts(Frozen):
    """→ ``ScheduledLayouts``"""

    type: Literal["list_scheduled_layouts"] = "list_scheduled_layouts"
    view: ViewName = "main"


class CancelScheduledLayout(Frozen):
    """→ ``Done``. Raises ``NotFound`` when it was applied, dropped or cancelled already."""

    type: Literal["cancel_scheduled_layout"] = "cancel_scheduled_layout"
    view: ViewName = "main"
    id: ChangeId


LayoutCommand = (
    GetLayout | SetLayout | MergeLayout | UndoLayout | GetLayoutHistory | ListScheduledLayouts | CancelScheduledLayout
)
"""What a view's layout is asked."""


class GetUplink(Frozen):
    """→ ``UplinkState``"""

    type: Literal["get_uplink"] = "get_uplink"
    participant: ParticipantId


class UplinkState(Frozen):
    """``uplink`` None: nothing has been decided yet, so the participant may send as it likes."""

    uplink: Uplink | None


class GetTiles(Frozen):
    """→ ``TileMap``"""

    type: Literal["get_tiles"] = "get_tiles"
    view: ViewName = "main"


class TakeSnapshot(Frozen):
    """→ ``Snapshot``"""

    type: Literal["take_snapshot"] = "take_snapshot"
    view: ViewName = "main"
    format: Literal["jpg", "png"] = "jpg"


class Snapshot(WithBytes):
    content_type: str
    data: bytes


class GetTileHealth(Frozen):
    """→ ``TileHealthList``: every source of the room, with or without a tile in the view."""

    type: Literal["get_tile_health"] = "get_tile_health"
    view: ViewName = "main"


class TileHealthList(Frozen):
    view: ViewName
    tiles: tuple[TileHealth, ...]


class ListViews(Frozen):
    """→ ``ViewList``"""

    type: Literal["list_views"] = "list_views"


class ViewList(Frozen):
    views: tuple[ViewSpec, ...]


class CreateView(Frozen):
    """→ ``ViewSpec``. Raises ``Conflict`` (``view_exists``, ``too_many_views``)."""

    type: Literal["create_view"] = "create_view"
    spec: ViewSpec


class UpdateView(Frozen):
    """→ ``ViewSpec``. Viewers stay and see a keyframe of the new shape. Raises ``Conflict`` (``wrong_state``) where
    canvas, rate or bitrate would change in the middle of a recording of the view.
    """

    type: Literal["update_view"] = "update_view"
    view: ViewName = "main"
    changes: ViewChanges


class DeleteView(Frozen):
    """→ ``Done``, once every viewer has gone over to ``main``. Raises ``Conflict`` (``wrong_state``) for ``main``, and
    for a view that is being recorded.
    """

    type: Literal["delete_view"] = "delete_view"
    view: ViewName


class WatchView(Frozen):
    """→ ``ParticipantInfo``, once the participant's connection, if there is one, is served from that view. Raises
    ``Forbidden`` where the view is that of a group which they are not in, unless they are a moderator.
    """

    type: Literal["watch_view"] = "watch_view"
    participant: ParticipantId
    view: ViewName = "main"


class GetBanner(Frozen):
    """→ ``Banner``"""

    type: Literal["get_banner"] = "get_banner"
    view: ViewName = "main"


class SetBanner(Frozen):
    """→ ``Banner``. One without text and countdown takes it away."""

    type: Literal["set_banner"] = "set_banner"
    view: ViewName = "main"
    banner: Banner


class GetDecor(Frozen):
    """→ ``ViewDecor``"""

    type: Literal["get_decor"] = "get_decor"
    view: ViewName = "main"


class SetBackgroundImage(WithBytes):
    """→ ``ViewDecor``. None takes the image away. Raises ``Unprocessable`` for one that can't be used."""

    type: Literal["set_background_image"] = "set_background_image"
    view: ViewName = "main"
    image: ImageFile | None


class SetLogo(WithBytes):
    """→ ``ViewDecor``. None takes the logo away. Raises ``Unprocessable`` for an image that can't be used."""

    type: Literal["set_logo"] = "set_logo"
    view: ViewName = "main"
    image: ImageFile | None
    place: LogoPlace = LogoPlace()


class SetAvatar(WithBytes):
    """→ ``ParticipantInfo``. None: initials again. Raises ``Unprocessable`` for an image that can't be used."""

    type: Literal["set_avatar"] = "set_avatar"
    participant: ParticipantId
    image: ImageFile | None


class StartRecording(Frozen):
    """→ ``RecordingInfo``. Raises ``Conflict`` when the view is being recorded already."""

    type: Literal["start_recording"] = "start_recording"
    view: ViewName = "main"


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
    | GetDecor
    | SetBackgroundImage
    | SetLogo
    | SetAvatar
    | StartRecording
    | StopRecording
    | ListRecordings
    | Say
    | EditMessage
    | DeleteMessage
    | GetChatHistory
    | SendApp
    | React
    | SetReady
    | ClearReady
    | GetReady
    | UpdateRoom
    | ListWaiting
    | Admit
    | StopWaiting,
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
    | ViewDecor
    | RecordingInfo
    | RecordingList
    | Said
    | ChatMessage
    | ChatHistory
    | Delivered
    | ReadySet
    | Waiting
    | WaitingList
    | Done
)
