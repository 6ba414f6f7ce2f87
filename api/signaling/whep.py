"""``/whep/{room}``: one HTTP request makes a viewer of a room, whom nobody sees (WHEP, draft-ietf-wish-whep).

``/whep/{room}/{participant}`` is for one person's own stream.
"""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.direction import one_way
from api.routes.common import GatewayDep, ParticipantPath, RoomPath, problems
from api.signaling.exchange import STARTED, CredentialDep, begin, body_of, describe_endpoint, read_offer, stream_routes
from mcu.protocol.names import ViewName
from mcu.protocol.quality import TierChoice

router = APIRouter(tags=["whep"])


@router.post(
    "/whep/{room}",
    status_code=201,
    operation_id="whep_watch",
    response_class=Response,
    responses=problems(400, 404, 406, 409, 413, 415, 503) | {201: STARTED},
    openapi_extra=body_of("application/sdp", "an SDP offer, recvonly"),
)
async def watch(
    request: Request,
    gateway: GatewayDep,
    credential: CredentialDep,
    room: RoomPath,
    view: Annotated[ViewName, Query(description="which of the room's pictures")] = "main",
    tier: Annotated[TierChoice, Query(description="the finest that is sent")] = "auto",
) -> Response:
    """Receives a view of a room and its sound. 409 with `Retry-After` while nobody is there."""
    principal = gateway.authority.authenticate(credential)
    gateway.check_watching(principal, room)
    gateway.streams.check_capacity()
    offer, carries = one_way(await read_offer(request), "recvonly")
    session = await gateway.watch(principal, room, view, tier)
    return await begin(gateway, "whep", session, offer, carries, credential)


@router.post(
    "/whep/{room}/{participant}",
    status_code=201,
    operation_id="whep_watch_participant",
    response_class=Response,
    responses=problems(400, 404, 406, 409, 413, 415, 503),
    openapi_extra=body_of("application/sdp", "an SDP offer, recvonly"),
)
async def watch_participant(
    request: Request, gateway: GatewayDep, credential: CredentialDep, room: RoomPath, participant: ParticipantPath
) -> Response:
    """Receives one participant's camera and voice as they send them: nothing is decoded or encoded. 406 with
    `codec_mismatch` when the offer lacks the codec they send: a view that shows them alone, at `/whep/{room}?view=`, is
    encoded for its viewers. The stream ends when they leave, and when their first picture turns out not to fit.
    """
    principal = gateway.authority.authenticate(credential)
    gateway.check_watching(principal, room)
    gateway.streams.check_capacity()
    offer, carries = one_way(await read_offer(request), "recvonly")
    session = await gateway.follow(principal, room, participant)
    return await begin(gateway, "whep", session, offer, carries, credential, participant)


@router.options("/whep/{room}/{participant}", include_in_schema=False)
async def participant_options(gateway: GatewayDep, credential: CredentialDep, room: RoomPath) -> Response:
    return describe_endpoint(gateway, credential)


@router.options("/whep/{room}", include_in_schema=False)
async def options(gateway: GatewayDep, credential: CredentialDep, room: RoomPath) -> Response:
    return describe_endpoint(gateway, credential)


router.include_router(stream_routes("whep"))
