"""What a room says. Plain data. ``to`` None: for everybody in the room; else for that participant only."""

from typing import Annotated, Literal

from pydantic import Field

from mcu.protocol.access import WaitingInfo
from mcu.protocol.announcements import AnnouncementInfo
from mcu.protocol.decor import Banner, ViewDecor
from mcu.protocol.groups import GroupInfo
from mcu.protocol.layout import LayoutState
from mcu.protocol.load import LoadReason, LoadStep
from mcu.protocol.models import (
    Connection,
    Frozen,
    ParticipantInfo,
    RecordingInfo,
    RoomInfo,
    SpeakerLevel,
    TileMap,
    UplinkVideo,
)
from mcu.protocol.names import ParticipantId, ViewName
from mcu.protocol.outputs import OutputInfo
from mcu.protocol.playback import PlaybackInfo
from mcu.protocol.quality import QualityReason, Tier, TierChoice
from mcu.protocol.streams import StreamInfo
from mcu.protocol.talk import ChatMessage, MessageId, Payload, ReactionText, Topic
from mcu.protocol.versions import Author, ChangeId, ScheduledLayout


class RoomEvent(Frozen):
    to: ParticipantId | None = None


class ParticipantJoined(RoomEvent):
    type: Literal["participant_joined"] = "participant_joined"
    participant: ParticipantInfo


class ParticipantUpdated(RoomEvent):
    type: Literal["participant_updated"] = "participant_updated"
    participant: ParticipantInfo


class ParticipantLeft(RoomEvent):
    type: Literal["participant_left"] = "participant_left"
    id: ParticipantId
    reason: Literal["left", "kicked", "lost", "replaced", "room_closed"]


class Tiles(RoomEvent):
    type: Literal["tiles"] = "tiles"
    tiles: TileMap


class UplinkChanged(RoomEvent):
    """What the server needs of its participant from now on; null: nothing."""

    type: Literal["uplink"] = "uplink"
    video: UplinkVideo | None
    screen: UplinkVideo | None


class QualityChanged(RoomEvent):
    """Its participant gets another tier of their view from now on, and why."""

    type: Literal["quality"] = "quality"
    tier: Tier
    reason: QualityReason
    choice: TierChoice


class LoadChanged(RoomEvent):
    """The machine can't keep up, or can again: what the room gives up from now on. ``level`` 0: nothing."""

    type: Literal["load"] = "load"
    level: int
    step: LoadStep
    reason: LoadReason


class Speakers(RoomEvent):
    type: Literal["speakers"] = "speakers"
    active: tuple[SpeakerLevel, ...]
    dominant: ParticipantId | None


class LayoutChangedEvent(RoomEvent):
    type: Literal["layout_changed"] = "layout_changed"
    view: ViewName
    state: LayoutState
    by: Author | None = None
    scheduled: ChangeId | None = None


class LayoutScheduled(RoomEvent):
    """A change of the layout waits for its time."""

    type: Literal["layout_scheduled"] = "layout_scheduled"
    view: ViewName
    change: ScheduledLayout


class LayoutDropped(RoomEvent):
    """A scheduled change will not come: it was cancelled, or made no sense any more when its time came."""

    type: Literal["layout_dropped"] = "layout_dropped"
    view: ViewName
    change: ScheduledLayout
    reason: str


class LayoutPluginEjected(RoomEvent):
    """The plug-in ``name`` was thrown out: the view is a grid until its layout is set again."""

    type: Literal["layout_plugin_ejected"] = "layout_plugin_ejected"
    view: ViewName
    name: str
    reason: str


class BannerChanged(RoomEvent):
    type: Literal["banner_changed"] = "banner_changed"
    view: ViewName
    banner: Banner


class GroupChanged(RoomEvent):
    """What a group listens in on is another now. Who comes and goes is told by ``participant_updated``."""

    type: Literal["group_changed"] = "group_changed"
    group: GroupInfo


class DecorChanged(RoomEvent):
    """The images of a view. Who has an avatar of their own is news of the participant."""

    type: Literal["decor_changed"] = "decor_changed"
    view: ViewName
    decor: ViewDecor


class AnnouncementChanged(RoomEvent):
    """An announcement began, was played to its end, or was stopped."""

    type: Literal["announcement"] = "announcement"
    announcement: AnnouncementInfo


class PlaybackChanged(RoomEvent):
    """A file began to play, was paused, resumed or moved to another position, or is over."""

    type: Literal["playback"] = "playback"
    playback: PlaybackInfo


class RecordingChanged(RoomEvent):
    type: Literal["recording"] = "recording"
    recording: RecordingInfo


class OutputChanged(RoomEvent):
    """A live output of a view runs, is tried again, was given up or has ended."""

    type: Literal["output"] = "output"
    output: OutputInfo


class Kicked(RoomEvent):
    """The last event its participant gets."""

    type: Literal["kicked"] = "kicked"
    reason: str


class PeerFailed(RoomEvent):
    """The participant's peer connection died; its client should send a new offer."""

    type: Literal["error"] = "error"
    code: Literal["connection_failed"] = "connection_failed"
    connection: Connection
    message: str


class ChannelNews(RoomEvent):
    """For the session alone, which answers it: a data channel of its participant's opened, said ``words`` (null: more
    than fits), or closed. ``octets``: they are no text, and stand here one character each.
    """

    type: Literal["channel"] = "channel"
    connection: Connection
    number: int
    state: Literal["open", "said", "closed"]
    label: str = ""
    protocol: str = ""
    words: str | None = None
    octets: bool = False


class RoomUpdated(RoomEvent):
    type: Literal["room_updated"] = "room_updated"
    room: RoomInfo


class StreamsChanged(RoomEvent):
    """Which participants' streams its reader gets from now on, each in which section of their connection, and which
    they don't. In a room that forwards; nothing is said of the room's mix and of views.
    """

    type: Literal["streams"] = "streams"
    streams: tuple[StreamInfo, ...]


class Moved(RoomEvent):
    """The room goes on elsewhere: join it again with ``resume_token``, at ``url`` where one is given. The last event of
    this handle.
    """

    type: Literal["moved"] = "moved"
    url: str | None = None
    resume_token: str | None = Field(default=None, repr=False)


class RoomClosed(RoomEvent):
    type: Literal["room_closed"] = "room_closed"


class ChatPosted(RoomEvent):
    """Somebody else said something. A private message comes to each of its readers apart."""

    type: Literal["chat"] = "chat"
    message: ChatMessage


class LetterWaits(RoomEvent):
    """For the gateway alone, which keeps it for the day the room's process dies: a private message to somebody who has
    no socket, and is told when they are back.
    """

    type: Literal["letter_waits"] = "letter_waits"
    message: ChatMessage


class ChatEdited(RoomEvent):
    type: Literal["chat_edited"] = "chat_edited"
    message: ChatMessage
    by: ParticipantId | None


class ChatDeleted(RoomEvent):
    type: Literal["chat_deleted"] = "chat_deleted"
    message_id: MessageId
    by: ParticipantId | None


class ChatHistoryTold(RoomEvent):
    """What was said before the reader came, or while they were away; the first news after ``joined``. What is said in
    that very moment may be told twice, under the same id.
    """

    type: Literal["chat_history"] = "chat_history"
    messages: tuple[ChatMessage, ...]


class AppMessage(RoomEvent):
    """A program of somebody else's (None: of the server's) sent this."""

    type: Literal["app"] = "app"
    sender: ParticipantId | None
    topic: Topic
    payload: Payload


class Reacted(RoomEvent):
    type: Literal["reaction"] = "reaction"
    sender: ParticipantId
    reaction: ReactionText


class ReadyChanged(RoomEvent):
    type: Literal["ready"] = "ready"
    ready: tuple[ParticipantId, ...]
    waiting: tuple[ParticipantId, ...]


class LobbyChanged(RoomEvent):
    """For moderators: who waits now."""

    type: Literal["lobby"] = "lobby"
    waiting: tuple[WaitingInfo, ...]


class BansChanged(RoomEvent):
    """For moderators: somebody was banned, or may come back. ``GET …/bans`` says who is."""

    type: Literal["bans"] = "bans"


class Admitted(RoomEvent):
    """For somebody who waits: come in."""

    type: Literal["admitted"] = "admitted"


class Denied(RoomEvent):
    """The last event of somebody who waited."""

    type: Literal["denied"] = "denied"
    reason: str


Event = Annotated[
    ParticipantJoined
    | ParticipantUpdated
    | ParticipantLeft
    | Tiles
    | UplinkChanged
    | QualityChanged
    | LoadChanged
    | Speakers
    | LayoutChangedEvent
    | LayoutScheduled
    | LayoutDropped
    | LayoutPluginEjected
    | BannerChanged
    | GroupChanged
    | AnnouncementChanged
    | PlaybackChanged
    | DecorChanged
    | RecordingChanged
    | OutputChanged
    | Kicked
    | PeerFailed
    | ChannelNews
    | RoomUpdated
    | StreamsChanged
    | Moved
    | RoomClosed
    | ChatPosted
    | LetterWaits
    | ChatEdited
    | ChatDeleted
    | ChatHistoryTold
    | AppMessage
    | Reacted
    | ReadyChanged
    | LobbyChanged
    | BansChanged
    | Admitted
    | Denied,
    Field(discriminator="type"),
]
