"""What routes share: the caller, the gateway, the names in paths, and the errors every route may answer with."""

from collections.abc import Mapping
from typing import Annotated, Any

import structlog
from fastapi import Depends, Path, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.auth import Principal
from api.errors import PROBLEM_REFERENCE
from api.gateway import Gateway
from api.session import RoomControl
from mcu.errors import NoCapacity
from mcu.protocol.names import ParticipantId, RecordingId, RoomName, ViewName

_bearer = HTTPBearer(auto_error=False, description="A join token or an admin key.", bearerFormat="JWT")


async def gateway_of(request: Request) -> Gateway:
    gateway: Gateway | None = request.app.state.gateway
    if gateway is None:
        raise NoCapacity("the server is starting or stopping")
    return gateway


GatewayDep = Annotated[Gateway, Depends(gateway_of)]


async def bearer_of(bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> str | None:
    return bearer.credentials if bearer else None


BearerDep = Annotated[str | None, Depends(bearer_of)]


async def principal_of(gateway: GatewayDep, bearer: BearerDep) -> Principal:
    return gateway.authority.authenticate(bearer)


PrincipalDep = Annotated[Principal, Depends(principal_of)]
RoomPath = Annotated[RoomName, Path(alias="room", description="The room's name, percent-encoded.", examples=["team"])]
ViewPath = Annotated[ViewName, Path(alias="view", description="The view's name.", examples=["main"])]
ParticipantPath = Annotated[
    ParticipantId,
    Path(
        alias="participant", description="The participant's id; their identity, where they have one.", examples=["ada"]
    ),
]
RecordingPath = Annotated[RecordingId, Path(alias="recording", description="The recording's id.")]


async def room_of(gateway: GatewayDep, principal: PrincipalDep, name: RoomPath) -> RoomControl:
    structlog.contextvars.bind_contextvars(room=name)
    return await gateway.room(principal, name)


RoomDep = Annotated[RoomControl, Depends(room_of)]


def file_of(kind: str, description: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The OpenAPI description of an answer that is no JSON, with what its ``headers`` say."""
    text = kind.startswith("text/") or kind == "application/sdp"
    schema = {"type": "string"} if text else {"type": "string", "format": "binary"}
    said = {name: {"description": what, "schema": {"type": "string"}} for name, what in (headers or {}).items()}
    return {"description": description, "content": {kind: {"schema": schema}}, **({"headers": said} if said else {})}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI description of these error answers, beside those that every route has."""
    names = {
        400: "The request can't be understood.",
        401: "No credential, or one that is not valid here.",
        403: "The credential doesn't allow this.",
        404: "There is no such room, participant, view, recording or message.",
        406: "The offer has more tracks, or other codecs, than can be taken here.",
        409: "Not in the present state.",
        412: "`If-Match` names another version: somebody else was faster.",
        413: "The body is too large.",
        415: "The body is of a type that is not taken here.",
        422: "A field is wrong; `field` says which.",
        429: "Too much at once; try again after `Retry-After`.",
        503: "No capacity, or the server is starting or stopping; try again after `Retry-After`.",
    }
    content: dict[str, Any] = {"application/problem+json": {"schema": {"$ref": PROBLEM_REFERENCE}}}
    return {
        status: {"description": names[status], "content": content} for status in sorted({401, 403, 422, 503, *statuses})
    }
