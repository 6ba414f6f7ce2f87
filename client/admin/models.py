"""What the REST side alone speaks of; everything else is in ``mcu.protocol``."""

from datetime import datetime
from typing import Literal, TypedDict

from pydantic import Field

from mcu.protocol.models import Frozen, OnOwnerLeft, Role, ViewSpec
from mcu.protocol.names import ParticipantId, RoomName


class IceServer(Frozen):
    """RTCIceServer of the W3C WebRTC specification."""

    urls: tuple[str, ...]
    username: str | None = None
    credential: str | None = Field(default=None, repr=False)


class JoinPass(Frozen):
    """Open ``session_url`` as a WebSocket before ``expires_at`` and send ``join``."""

    session_url: str = Field(repr=False)
    ice_servers: tuple[IceServer, ...]
    expires_at: datetime
    room: RoomName


class IssuedToken(Frozen):
    token: str = Field(repr=False)
    expires_at: datetime


class Readiness(Frozen):
    """``reason`` says why, either way."""

    ready: bool
    reason: str


class Ban(Frozen):
    identity: ParticipantId
    until: datetime
    reason: str


class RoomDefinition(TypedDict, total=False):
    """What a room may be opened with; what isn't said comes from the server's settings."""

    capacity: int
    view: ViewSpec
    empty_ttl_s: int
    permanent: bool
    auto_gain: bool
    noise_suppression: bool
    stereo: bool
    chimes: bool
    max_speakers: int
    metadata: dict[str, str]
    locked: bool
    lobby: bool
    password: str
    owner: str
    on_owner_left: OnOwnerLeft


class RoomPatch(TypedDict, total=False):
    """What isn't named stays. ``password`` and ``owner`` None take theirs away; ``metadata`` is merged (RFC 7396)."""

    locked: bool
    lobby: bool
    password: str | None
    metadata: dict[str, str | None]
    capacity: int
    owner: str | None
    on_owner_left: OnOwnerLeft


class ParticipantPatch(TypedDict, total=False):
    """What isn't named stays. ``group`` None: out of every group; ``hand`` may only be lowered."""

    server_muted_audio: bool
    server_muted_video: bool
    gain: float
    role: Role
    group: str | None
    attributes: dict[str, str | None]
    view: str
    hand: Literal[False]


class TokenGrants(TypedDict, total=False):
    """What a join token allows. Without ``admin`` it must name a ``room``."""

    room: str
    join: bool
    publish: list[Literal["camera", "microphone", "screen"]]
    subscribe: bool
    chat: bool
    record: bool
    admin: bool
    hidden: bool
    role: Role
    group: str
