"""What rooms look like from outside: the nouns of REST answers and of events."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    model_serializer,
    model_validator,
)

from mcu.protocol.faults import fault
from mcu.protocol.names import (
    Attributes,
    DisplayName,
    GroupName,
    Metadata,
    ParticipantId,
    RecordingId,
    RoomName,
    ViewName,
)

Role = Literal["participant", "moderator", "admin"]
Kind = Literal["person", "playback"]
Presence = Literal["joining", "connected", "reconnecting"]
Source = Literal["camera", "screen"]
OnOwnerLeft = Literal["keep", "close", "hand_over"]
Topology = Literal["mcu", "mesh", "forward"]
"""Media is mixed here; or goes between the members, and the room only passes their messages on; or is passed on here as
it was sent, from everybody to everybody.
"""

PasswordHash = Annotated[str, StringConstraints(max_length=256)]
Connection = Literal["main", "screen", "data"]
"""A participant's peer connections: camera and microphone up, composite down; one more for a screen share; and one for
those whose data channels have a connection of their own.
"""


AudioProfile = Literal["voice", "music"]

TileState = Literal["live", "muted", "no_packets", "no_keyframe", "decode_error", "reconnecting"]
"""Live, or why the tile shows an avatar."""

MAX_VIEWS = 8
"""Of one room: each is a canvas to draw and an encoder at least to feed."""


Colour = Annotated[str, StringConstraints(pattern=r"^#[0-9A-Fa-f]{6}$")]


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class WithBytes(Frozen):
    """Bytes are Base64 (RFC 4648) where they have to be JSON."""

    model_config = ConfigDict(frozen=True, ser_json_bytes="base64", val_json_bytes="base64")


class MediaState(Frozen):
    """What a participant says it sends. ``audio`` False: muted; ``video`` False: camera off (avatar at once)."""

    audio: bool = True
    video: bool = True
    screen: bool = False


class ParticipantInfo(Frozen):
    id: ParticipantId
    name: DisplayName
    role: Role = "participant"
    kind: Kind = Field(
        default="person", description="`playback`: a file that is played; layouts choose it by `role:playback`"
    )
    presence: Presence = "joining"
    media: MediaState = MediaState()
    server_muted_audio: bool = False
    server_muted_video: bool = False
    hand: bool = Field(default=False, description="raised")
    avatar: bool = Field(default=False, description="an image stands in for a camera that is off, not initials")
    view: ViewName = Field(default="main", description="the view they watch")
    group: GroupName = Field(default="", description="hears and is heard by it alone; empty: in none")
    identified: bool = Field(default=False, description="their token names them: the same person comes as the same id")
    hidden: bool = Field(default=False, description="without a tile, a voice, or a place in the roster of others")
    attributes: Attributes = Field(default_factory=dict, description="layouts can choose by them: `attr:key=value`")
    joined_at: datetime


class ViewSpec(Frozen):
    """One composite: its canvas, rate and bitrates. Sizes are even, as 4:2:0 wants. The bitrate of sound is the room's:
    of it, ``main`` decides.
    """

    name: ViewName = "main"
    width: int = Field(default=1280, ge=64, le=3840, multiple_of=2)
    height: int = Field(default=720, ge=64, le=2160, multiple_of=2)
    fps: int = Field(default=25, ge=1, le=60)
    video_kbps: int = Field(default=1500, ge=50, le=20_000)
    tiers: int = Field(
        default=3,
        ge=1,
        le=3,
        description="in how many sizes it may be sent: the canvas, half and a quarter of its sides",
    )
    medium_kbps: int | None = Field(
        default=None, ge=50, le=20_000, description="at half the size, for slower viewers; null: a third of video_kbps"
    )
    low_kbps: int | None = Field(
        default=None, ge=50, le=20_000, description="at a quarter of the size; null: a tenth of video_kbps"
    )
    audio_profile: AudioProfile = Field(default="voice", description="what the sound is encoded for")
    audio_kbps: int | None = Field(
        default=None,
        ge=6,
        le=256,
        description="of one channel, without what guards against loss; null: 32 for voice, 96 for music",
    )
    background: Colour | None = Field(default=None, description="behind the tiles; null: as the layout has it")
    group: GroupName | None = Field(
        default=None,
        description="shows members of this group only, and is recorded with their sound; null: everybody in the room",
    )
    passthrough: bool = Field(
        default=True,
        description="a layout for one, like `spotlight`, is forwarded as it was sent, without the name on it, where "
        "codec and size allow; false: always drawn and encoded",
    )

    @property
    def audio_bps(self) -> int:
        """What ``audio_kbps`` says, or leaves to the profile."""
        return 1000 * (self.audio_kbps or {"voice": 32, "music": 96}[self.audio_profile])


_NULLABLE = {"background", "group"}


class ViewChanges(Frozen):
    """What of a view may change while it runs. What isn't named stays as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int | None = Field(default=None, ge=64, le=3840, multiple_of=2)
    height: int | None = Field(default=None, ge=64, le=2160, multiple_of=2)
    fps: int | None = Field(default=None, ge=1, le=60)
    video_kbps: int | None = Field(default=None, ge=50, le=20_000)
    tiers: int | None = Field(default=None, ge=1, le=3)
    medium_kbps: int | None = Field(default=None, ge=50, le=20_000)
    low_kbps: int | None = Field(default=None, ge=50, le=20_000)
    passthrough: bool | None = None
    background: Colour | None = Field(default=None, description="null, where it is said: as the layout has it")
    group: GroupName | None = Field(default=None, description="null, where it is said: everybody in the room")

    @model_serializer(mode="wrap")
    def _named(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Only what was named: a null of its own would mean something after the next border."""
        return {name: value for name, value in handler(self).items() if name in self.model_fields_set}

    def applied_to(self, spec: ViewSpec) -> ViewSpec:
        changes = self.model_dump()
        return spec.model_copy(update={k: v for k, v in changes.items() if v is not None or k in _NULLABLE})


class RoomSpec(Frozen):
    """What it takes to open a room."""

    name: RoomName
    topology: Topology = Field(
        default="mcu",
        description="`mesh`: no media comes here, members connect to each other; `forward`: everybody gets everybody's "
        "own stream as it was sent, and nothing is decoded or encoded but what is recorded or watched as a view",
    )
    capacity: int = Field(default=100, ge=1, le=1000)
    view: ViewSpec = ViewSpec()
    empty_ttl_s: int = Field(default=60, ge=0, le=86_400, description="an empty room closes after this long")
    permanent: bool = Field(default=False, description="never closes by itself")
    defined: bool = Field(default=False, description="asked for by itself, not by a join: stored before it is open")
    auto_gain: bool = Field(default=False, description="brings quiet voices up and loud ones down, slowly")
    noise_suppression: bool = Field(default=False, description="takes noise out of voices; needs the extra `noise`")
    stereo: bool = Field(default=False, description="voices come from where their tiles stand in the view `main`")
    chimes: bool = Field(default=False, description="a quiet chime when somebody comes or goes")
    max_speakers: int = Field(default=5, ge=3, le=8, description="so many voices are mixed, the loudest")
    metadata: Metadata = Field(default_factory=dict)
    locked: bool = Field(default=False, description="nobody new comes in")
    lobby: bool = Field(default=False, description="who comes waits until a moderator lets them in")
    password_hash: PasswordHash | None = Field(default=None, repr=False)
    owner: ParticipantId | None = Field(default=None, description="their identity; null: the first moderator who comes")
    on_owner_left: OnOwnerLeft = Field(
        default="keep", description="`keep` the room as it is, `close` it, or `hand_over` to who has been here longest"
    )

    @model_validator(mode="after")
    def _permanent_rooms_stay(self) -> "RoomSpec":
        if self.permanent and self.on_owner_left == "close":
            raise fault(("on_owner_left",), "a permanent room never closes by itself")
        return self


class RoomInfo(Frozen):
    name: RoomName
    topology: Topology = "mcu"
    capacity: int
    participants: int
    views: tuple[ViewSpec, ...]
    recording: bool
    recorded_views: tuple[ViewName, ...] = Field(
        default=(), description="the views that are being recorded, those whose recording is paused among them"
    )
    live_views: tuple[ViewName, ...] = Field(default=(), description="the views that are being sent out live")
    paused_views: tuple[ViewName, ...] = Field(default=(), description="the views whose recording is paused")
    created_at: datetime
    metadata: dict[str, str]
    locked: bool = False
    lobby: bool = False
    password: bool = Field(default=False, description="it has one")
    owner: ParticipantId | None = None
    on_owner_left: OnOwnerLeft = "keep"


class UplinkVideo(Frozen):
    """What the server has a use for of one picture: at least this large (in the picture's own shape), at most so many
    pictures a second and so many bits. More of anything is thrown away.
    """

    width: int
    height: int
    fps: int
    kbps: int


class Uplink(Frozen):
    """What the server needs of a participant now, by source. Null: nothing, nobody sees it."""

    video: UplinkVideo | None = None
    screen: UplinkVideo | None = None


class PixelBox(Frozen):
    x: int
    y: int
    width: int
    height: int


class TileInfo(Frozen):
    """One tile of the composite."""

    participant: ParticipantId
    source: Source
    name: str
    box: PixelBox
    z: int
    state: TileState


class PixelSize(Frozen):
    width: int
    height: int


class TileMap(Frozen):
    """Where everybody stands on the canvas; ``layout_seq`` grows with every change."""

    view: ViewName
    layout_seq: int
    canvas: PixelSize
    tiles: tuple[TileInfo, ...]


class TileHealth(Frozen):
    """A source of the room as one view sees it, with the facts that tell why its tile is black or an avatar."""

    participant: ParticipantId
    source: Source
    name: str
    on_canvas: bool = Field(description="it has a tile in this view")
    state: TileState | Literal["parked", "hidden"] = Field(
        description="without a tile here: `parked` when no view shows it and it isn't decoded, else `hidden`"
    )
    since: datetime | None = Field(description="when the tile's state began; null without a tile")
    last_packet_ms: int | None = Field(description="age of the connection's last packet; null: none ever came")
    last_frame_ms: int | None = Field(description="age of the last whole frame")
    last_keyframe_ms: int | None
    last_decoded_ms: int | None
    decoded: int
    dropped: int = Field(description="frames that were never decoded")
    decode_errors: int
    width: int
    height: int
    muted_by: Literal["participant", "moderator"] | None = None
    parked: bool


class SpeakerLevel(Frozen):
    id: ParticipantId
    level: float = Field(description="0 silent … 1 full scale")


RecordingState = Literal["starting", "active", "paused", "finished", "failed"]


class RecordingPause(Frozen):
    """One cut in a recording: nothing of the pause is in the file, and what follows it follows at once."""

    at_s: float = Field(description="where in the file, in seconds from its beginning")
    paused_ms: int | None = Field(description="how much was left out; null while it is paused, and if it never went on")


class RecordingInfo(Frozen):
    id: RecordingId
    room: RoomName
    view: ViewName
    state: RecordingState
    file: str = Field(description="the file's name, under …/recordings/{id}/files/")
    started_at: datetime
    duration_s: float = Field(description="of what is in the file: it stands still while the recording is paused")
    size_bytes: int
    error: str | None = None
    pauses: tuple[RecordingPause, ...] = ()

    @property
    def runs(self) -> bool:
        """It has not ended: it may be paused."""
        return self.state in ("starting", "active", "paused")
