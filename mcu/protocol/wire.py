"""The WebSocket's envelopes and the data of each message a client may send (``/api/v1/ws``)."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from mcu.protocol.access import BanSeconds, Password, Reason
from mcu.protocol.layout import Layout
from mcu.protocol.models import Connection, Role
from mcu.protocol.names import DisplayName, ParticipantId, RoomName, Sdp, ViewName
from mcu.protocol.quality import TierChoice
from mcu.protocol.talk import ChannelName, MessageId, MessageText, Payload, ReactionText, Recipients, Topic

MAX_MESSAGE_BYTES = 128 * 1024
"""Longer messages end the socket with 1009 before they are parsed."""

Token = Annotated[str, StringConstraints(max_length=4096)]


class WireModel(BaseModel):
    """Unknown fields are ignored, so that an older server understands a newer client."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Request(WireModel):
    """Client → server."""

    id: Annotated[int, Field(ge=0, le=2**53)]
    type: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    data: dict[str, Any] = Field(default_factory=dict)


class ErrorBody(WireModel):
    code: str
    message: str
    field: str | None = None


class Reply(WireModel):
    """Server → client: the answer to the request ``reply_to``."""

    reply_to: int
    ok: bool
    data: dict[str, Any] | None = None
    error: ErrorBody | None = None


class EventMessage(WireModel):
    """Server → client: news."""

    type: str
    data: dict[str, Any]


class JoinData(WireModel):
    """``join`` → ``{participant, room, participants, ice_servers, resume_token, tiles, uplink, quality}``, or
    ``{waiting}`` in a room with a lobby: then the same comes as an event ``joined``, or ``denied`` and the socket's end
    with 4003. ``uplink`` is null while nothing has been decided; an ``uplink`` event follows.
    """

    room: RoomName
    token: Token | None = None
    name: DisplayName | None = None
    resume: Annotated[str, StringConstraints(max_length=128)] | None = None
    password: Password | None = Field(default=None, repr=False)


class NameData(WireModel):
    """What somebody wants to be called."""

    name: DisplayName


class OfferData(WireModel):
    """``offer`` → ``{sdp}``. ``connection`` is ``screen`` for a screen share's own peer connection."""

    sdp: Sdp
    connection: Connection = "main"


class CandidateInit(WireModel):
    """RTCIceCandidateInit, with the browser's own field names."""

    candidate: Annotated[str, StringConstraints(max_length=1024)] = ""
    sdpMid: Annotated[str, StringConstraints(max_length=64)] | None = None  # noqa: N815 - the browser's name
    sdpMLineIndex: Annotated[int, Field(ge=0, le=63)] | None = None  # noqa: N815 - the browser's name


class CandidateData(WireModel):
    candidate: CandidateInit | None
    connection: Connection = "main"


class MediaStateData(WireModel):
    audio: bool | None = None
    video: bool | None = None
    screen: bool | None = None


class HandData(WireModel):
    """``hand`` → ``{participant}``: the sender raises a hand, or takes it down."""

    raised: bool


class LayoutData(WireModel):
    """``layout`` → ``{layout, etag}``, or the change that waits for the layout's ``at``: ``{id, at, layout, by}``."""

    view: ViewName = "main"
    layout: Layout
    if_match: Annotated[str, StringConstraints(max_length=128)] | None = None


class ViewData(WireModel):
    """``view`` → ``{participant, quality}``: the sender watches another view of the room from now on, or at most a tier
    of it (``auto``: whatever the path bears). What isn't said stays.
    """

    name: ViewName | None = None
    tier: TierChoice | None = None


class MuteData(WireModel):
    """``mute``: a moderator silences or blinds somebody (True), or takes it back (False)."""

    participant: ParticipantId
    audio: bool | None = None
    video: bool | None = None


class KickData(WireModel):
    participant: ParticipantId
    reason: Reason = "removed by a moderator"
    ban_s: BanSeconds | None = None


class LockData(WireModel):
    """``lock`` → ``{room}``: nobody new comes into a locked room."""

    locked: bool = True


class AdmitData(WireModel):
    """``admit`` → ``{waiting}``: a moderator lets somebody in from the lobby, everybody (null), or nobody."""

    participant: ParticipantId | None
    admit: bool = True
    reason: Reason = "a moderator did not let you in"


class RoleData(WireModel):
    """``role`` → ``{participant}``: a moderator makes somebody a moderator, or a participant again."""

    participant: ParticipantId
    role: Role


class RecordData(WireModel):
    """``record`` → the recording. Pausing what is paused, and resuming what runs, changes nothing."""

    action: Literal["start", "pause", "resume", "stop"]
    view: ViewName = "main"


class ChatData(WireModel):
    """``chat`` → ``{message_id, delivered, sent_at}``. Without ``to`` for everybody, and remembered for those who come
    later. The sender gets this reply and no event.
    """

    text: MessageText
    to: Recipients | None = None
    channel: ChannelName | None = None


class ChatEditData(WireModel):
    """``chat_edit`` → ``{message}``: one's own message, or as a moderator anybody's to everybody."""

    message_id: MessageId
    text: MessageText


class ChatDeleteData(WireModel):
    message_id: MessageId


class AppData(WireModel):
    """``app`` → ``{delivered}``: whatever programs tell each other, passed on as it is."""

    topic: Topic
    payload: Payload = None
    to: Recipients | None = None


class ReactionData(WireModel):
    reaction: ReactionText


class ReadyData(WireModel):
    """``ready`` → ``{ready, waiting}``. ``clear``: a moderator begins anew with nobody ready."""

    ready: bool = True
    clear: bool = False


class PinData(WireModel):
    """``pin`` → ``{layout, etag}``: a moderator gives somebody the first place for everybody; null takes it back."""

    participant: ParticipantId | None
    view: ViewName = "main"
