"""``/rooms``: open, list, look at and close rooms, and the pass to join one."""

from datetime import datetime
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Body, Request, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from api.errors import validated
from api.ice import IceServer
from api.routes.common import BearerDep, GatewayDep, PrincipalDep, RoomDep, RoomPath, problems
from api.session import RoomPatch
from api.session.door import NewPassword
from api.settings import Settings
from mcu.protocol.models import OnOwnerLeft, RoomInfo, RoomSpec, Topology, ViewSpec
from mcu.protocol.names import Metadata, ParticipantId, RoomName
from mcu.protocol.wire import Token

router = APIRouter(tags=["rooms"])


class NewRoom(BaseModel):
    """A room to open; what isn't said comes from the server's settings."""

    model_config = ConfigDict(extra="forbid")

    name: RoomName
    topology: Topology = "mcu"
    capacity: int | None = Field(default=None, ge=1, le=1000)
    view: ViewSpec | None = None
    empty_ttl_s: int | None = Field(default=None, ge=0, le=86_400)
    permanent: bool = False
    auto_gain: bool = Field(default=False, description="brings quiet voices up and loud ones down, slowly")
    noise_suppression: bool = Field(default=False, description="takes noise out of voices; needs the extra `noise`")
    stereo: bool = Field(default=False, description="voices come from where their tiles stand in the view `main`")
    chimes: bool = Field(default=False, description="a quiet chime when somebody comes or goes")
    max_speakers: int | None = Field(default=None, ge=3, le=8, description="so many voices are mixed, the loudest")
    metadata: Metadata = Field(default_factory=dict)
    locked: bool = False
    lobby: bool = Field(default=False, description="who comes waits until a moderator lets them in")
    password: SecretStr | None = NewPassword
    owner: ParticipantId | None = Field(default=None, description="an identity; null: the first moderator who comes")
    on_owner_left: OnOwnerLeft = "keep"


class RoomList(BaseModel):
    rooms: list[RoomInfo]


class JoinRequest(BaseModel):
    """``token`` may also be sent as ``Authorization: Bearer``."""

    token: Token | None = None


class JoinPass(BaseModel):
    """Open ``session_url`` as a WebSocket before ``expires_at`` and send ``join``."""

    session_url: str = Field(examples=["wss://mcu.example.org/api/v1/ws?ticket=…"])
    ice_servers: list[IceServer]
    expires_at: datetime
    room: RoomName


class IceServerList(BaseModel):
    ice_servers: list[IceServer]


@router.post("/rooms", status_code=201, operation_id="open_room", responses=problems(400, 409, 413, 415, 503))
async def open_room(
    gateway: GatewayDep,
    principal: PrincipalDep,
    response: Response,
    room: Annotated[NewRoom, Body(examples=[{"name": "team", "view": {"width": 1280, "height": 720}}])],
) -> RoomInfo:
    """Opens a room."""
    defaults = gateway.spec(room.name, field="name")
    given = room.model_dump(exclude_none=True, exclude={"view", "password"})
    given |= {"view": room.view or defaults.view, "defined": True}
    info = await gateway.open(principal, validated(RoomSpec, defaults.model_dump() | given), room.password)
    response.headers["Location"] = f"/api/v1/rooms/{quote(info.name, safe='')}"
    return info


@router.get("/rooms", operation_id="list_rooms", responses=problems())
async def list_rooms(gateway: GatewayDep, principal: PrincipalDep) -> RoomList:
    """The open rooms the caller may look into."""
    return RoomList(rooms=list(await gateway.rooms(principal)))


@router.get("/rooms/{room}", operation_id="get_room", responses=problems(404))
async def get_room(room: RoomDep) -> RoomInfo:
    """One room."""
    return await room.info()


@router.patch("/rooms/{room}", operation_id="update_room", responses=problems(400, 404, 409, 413, 415))
async def update_room(
    room: RoomDep, patch: Annotated[RoomPatch, Body(examples=[{"lobby": True, "metadata": {"topic": "tea"}}])]
) -> RoomInfo:
    """Locks a room, gives it a lobby or a password, changes its metadata and settings. Everybody inside is told."""
    return await room.update_room(patch)


@router.delete("/rooms/{room}", status_code=204, operation_id="close_room", responses=problems(404))
async def close_room(gateway: GatewayDep, principal: PrincipalDep, name: RoomPath) -> None:
    """Closes a room: everybody is told, recordings are finished."""
    await gateway.close(principal, name)


@router.post("/rooms/{room}/join", operation_id="join_room", responses=problems(400, 404, 413, 415, 503))
async def join_room(
    gateway: GatewayDep,
    bearer: BearerDep,
    name: RoomPath,
    request: Request,
    join: Annotated[JoinRequest | None, Body(examples=[{}])] = None,
) -> JoinPass:
    """A short-lived address to open the signaling connection at, and the ICE servers to use."""
    principal = gateway.authority.authenticate(join.token if join and join.token else bearer)
    await gateway.can_join(principal, name)
    ticket = gateway.authority.ticket(principal, name)
    return JoinPass(
        session_url=f"{signaling_url(gateway.settings, request)}?ticket={ticket.token}",
        ice_servers=gateway.ice_servers(principal.identity or "guest"),
        expires_at=ticket.expires_at,
        room=name,
    )


@router.get("/ice-servers", operation_id="list_ice_servers", responses=problems())
async def list_ice_servers(gateway: GatewayDep, principal: PrincipalDep) -> IceServerList:
    """STUN and TURN servers, with credentials that end by themselves."""
    return IceServerList(ice_servers=gateway.ice_servers(principal.identity or "guest"))


def signaling_url(settings: Settings, request: Request) -> str:
    """Where clients open their WebSocket: below ``public_url``, or below the address this request was sent to."""
    base = str(settings.public_url or request.base_url).rstrip("/")
    return "ws" + base.removeprefix("http") + "/api/v1/ws"
