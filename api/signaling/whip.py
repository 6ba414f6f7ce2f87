"""``/whip/{room}``: one HTTP request makes a participant who sends (WHIP, RFC 9725).

The participant is in the room until the stream is deleted or its connection dies.
"""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.direction import one_way
from api.routes.common import GatewayDep, RoomPath, problems
from api.signaling.exchange import STARTED, CredentialDep, begin, body_of, describe_endpoint, read_offer, stream_routes
from mcu.protocol.names import DisplayName
from mcu.protocol.wire import JoinData

router = APIRouter(tags=["whip"])


@router.post(
    "/whip/{room}",
    status_code=201,
    operation_id="whip_publish",
    response_class=Response,
    responses=problems(400, 404, 406, 409, 413, 415, 503) | {201: STARTED},
    openapi_extra=body_of("application/sdp", "an SDP offer, sendonly"),
)
async def publish(
    request: Request,
    gateway: GatewayDep,
    credential: CredentialDep,
    room: RoomPath,
    name: Annotated[DisplayName | None, Query(description="what others read, where the token has no name")] = None,
) -> Response:
    """Sends into a room. The answer has all candidates in it, and `Location` is the stream's address."""
    principal = gateway.authority.authenticate(credential)
    gateway.check_publishing(principal, room)
    gateway.streams.check_capacity()
    offer, carries = one_way(await read_offer(request), "sendonly")
    session = await gateway.publish(principal, JoinData(room=room, name=name))
    return await begin(gateway, "whip", session, offer, carries, credential)


@router.options("/whip/{room}", include_in_schema=False)
async def options(gateway: GatewayDep, credential: CredentialDep, room: RoomPath) -> Response:
    return describe_endpoint(gateway, credential)


router.include_router(stream_routes("whip"))
