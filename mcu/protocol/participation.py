"""What participants ask, and what is asked about them: to come, to connect, to say what they send, to go."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from mcu.protocol.access import Admission, Password
from mcu.protocol.models import Connection, Frozen, ParticipantInfo, Role, RoomInfo, TileMap, Uplink
from mcu.protocol.names import Attributes, AttributesPatch, DisplayName, GroupName, ParticipantId, Sdp


class Join(Frozen):
    """→ ``Joined``, or ``Waiting`` in the lobby. With ``resume_token`` of an earlier ``Joined`` the same participant
    goes on. A second join with the same ``identity`` replaces the first, which gets a ``Kicked`` event with reason
    ``replaced``. Raises Locked, Conflict (``room_full``, ``lobby_full``), TooMany or Forbidden (``password_required``,
    ``wrong_password``, ``denied``).

    ``passes``: neither lock, password nor lobby are for them. ``admission`` is that of an earlier ``Waiting``.
    ``follows``: gets one participant's own stream in place of a view; hidden people only. Raises NotFound then.
    ``source`` is the address they come from, where it is known: wrong passwords are counted by it. ``former`` is the
    id they had in an earlier life of the room, for those without an identity: it is theirs again. Not ``newcomers``:
    the server has no room for more, so only who is here already may go on; raises NoCapacity for others.
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
    follows: ParticipantId | None = None
    former: ParticipantId | None = None
    newcomers: bool = True
    source: Annotated[str, StringConstraints(max_length=64)] | None = None


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
    sdp_m_line_index: Annotated[int, Field(ge=0, le=63)] | None = None


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


class ListParticipants(Frozen):
    """→ ``ParticipantList``"""

    type: Literal["list_participants"] = "list_participants"


class ParticipantList(Frozen):
    participants: tuple[ParticipantInfo, ...]


class GetUplink(Frozen):
    """→ ``UplinkState``"""

    type: Literal["get_uplink"] = "get_uplink"
    participant: ParticipantId


class UplinkState(Frozen):
    """``uplink`` None: nothing has been decided yet, so the participant may send as it likes."""

    uplink: Uplink | None
