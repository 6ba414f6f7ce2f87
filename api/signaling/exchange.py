"""What WHIP and WHEP share: offers and answers over HTTP, and the requests to the streams that come of them."""

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Header, Path, Request, Response

from api.bodies import bounded_body, content_type
from api.direction import Kind
from api.gateway import Gateway
from api.ice import IceServer
from api.routes.common import BearerDep, GatewayDep, RoomPath, file_of, problems
from api.session import Session
from api.signaling import trickle
from api.signaling.streams import Stream, StreamKind, digest, leave
from mcu.errors import BadRequest, NotAcceptable, Unauthorised, UnsupportedMedia

SDP = "application/sdp"
MAX_OFFER_BYTES = 64 * 1024

StreamPath = Annotated[str, Path(alias="stream", max_length=64, description="The stream's id, as `Location` has it.")]
IfMatch = Annotated[str | None, Header(description="The ETag of the ICE session that it is for.", max_length=256)]
Body = dict[str, Any]


def body_of(kind: str, description: str) -> Body:
    """How OpenAPI describes a body that is text of another format."""
    return {
        "requestBody": {
            "required": True,
            "description": description,
            "content": {kind: {"schema": {"type": "string"}}},
        }
    }


STARTED = file_of(
    SDP,
    "The answer, with all candidates.",
    {
        "Location": "The stream's address.",
        "ETag": "Names its ICE session, for `If-Match`.",
        "Accept-Patch": "What the stream's address takes.",
        "Link": "The ICE servers, `rel=ice-server`.",
    },
)
"""What the answer to an offer has in it."""


async def credential_of(request: Request, bearer: BearerDep) -> str | None:
    """A token or a key. Some players send it without the word ``Bearer``, some that word without a token."""
    if bearer is not None:
        return bearer or None
    alone = request.headers.get("authorization", "").strip()
    return alone if alone and " " not in alone and alone.lower() != "bearer" else None


CredentialDep = Annotated[str | None, Depends(credential_of)]


async def read_offer(request: Request) -> str:
    """Raises ``UnsupportedMedia``, ``TooLarge`` or ``BadRequest``."""
    return await _read(request, SDP, MAX_OFFER_BYTES, "bad_sdp")


async def begin(
    gateway: Gateway,
    kind: StreamKind,
    session: Session,
    offer: str,
    carries: frozenset[Kind],
    credential: str | None,
    follows: str | None = None,
) -> Response:
    """Answers the offer for a session that has just begun, which ends where there is no answer. The stream ends with
    the participant that it ``follows``.
    """
    try:
        if kind == "whip" and len(carries) == 1:
            await session.media_state("audio" in carries, "video" in carries, None)
        answer = await session.offer(offer, "main")
    except BaseException as error:
        await leave(session)
        if isinstance(error, BadRequest) and error.error_code in ("no_common_codec", "codec_mismatch"):
            raise NotAcceptable(error.message, code=error.error_code, field="sdp") from None
        raise
    stream = Stream(kind, session, trickle.ice_credentials(offer), digest(credential), follows)
    gateway.streams.add(stream)
    response = Response(answer, status_code=201, media_type=SDP)
    response.headers["Location"] = f"/{kind}/{quote(session.room, safe='')}/streams/{stream.id}"
    response.headers["ETag"] = stream.etag
    response.headers["Accept-Patch"] = trickle.CONTENT_TYPE
    _link_ice_servers(response, gateway.ice_servers(session.me.id))
    return response


def describe_endpoint(gateway: Gateway, credential: str | None) -> Response:
    """The answer to ``OPTIONS``: for those who may ask, with the ICE servers, which they need before their offer."""
    response = _options("POST, OPTIONS")
    response.headers["Accept-Post"] = SDP
    try:
        principal = gateway.authority.authenticate(credential)
    except Unauthorised:
        return response
    _link_ice_servers(response, gateway.ice_servers(principal.identity or "guest"))
    return response


def stream_routes(kind: StreamKind) -> APIRouter:
    """The requests to a stream: trickle ICE and its end."""
    router = APIRouter(tags=[kind])
    path = f"/{kind}/{{room}}/streams/{{stream}}"

    @router.patch(
        path,
        status_code=204,
        operation_id=f"{kind}_trickle",
        responses=problems(400, 404, 412, 413, 415),
        openapi_extra=body_of(trickle.CONTENT_TYPE, "ICE candidates (RFC 8840)"),
    )
    async def trickle_ice(
        request: Request,
        gateway: GatewayDep,
        credential: CredentialDep,
        room: RoomPath,
        identifier: StreamPath,
        if_match: IfMatch = None,
    ) -> None:
        """Adds ICE candidates. A restart of ICE is refused with 422, and the stream goes on."""
        stream = _own(gateway, kind, room, identifier, credential)
        text = await _read(request, trickle.CONTENT_TYPE, trickle.MAX_FRAGMENT_BYTES, "bad_sdpfrag")
        await stream.trickle(trickle.parse_fragment(text), if_match)

    @router.delete(path, status_code=200, operation_id=f"{kind}_stop", response_class=Response, responses=problems(404))
    async def stop(gateway: GatewayDep, credential: CredentialDep, room: RoomPath, identifier: StreamPath) -> Response:
        """Ends the stream."""
        await gateway.streams.end(_own(gateway, kind, room, identifier, credential))
        return Response()

    @router.options(path, operation_id=f"{kind}_stream_options", include_in_schema=False)
    async def options(room: RoomPath, identifier: StreamPath) -> Response:
        response = _options("PATCH, DELETE, OPTIONS")
        response.headers["Accept-Patch"] = trickle.CONTENT_TYPE
        return response

    return router


def _own(gateway: Gateway, kind: StreamKind, room: str, identifier: str, credential: str | None) -> Stream:
    """A stream, for who made it or moderates its room. Raises ``NotFound``, ``Unauthorised`` or ``Forbidden``."""
    stream = gateway.streams.get(kind, room, identifier)
    if not stream.made_with(credential):
        gateway.check_moderating(gateway.authority.authenticate(credential), room)
    return stream


async def _read(request: Request, kind: str, max_bytes: int, code: str) -> str:
    if content_type(request) != kind:
        raise UnsupportedMedia(f"send the body as {kind}")
    try:
        return (await bounded_body(request, max_bytes)).decode()
    except UnicodeDecodeError:
        raise BadRequest("the body is not UTF-8", code=code) from None


def _options(methods: str) -> Response:
    response = Response()
    response.headers["Allow"] = methods
    # Clients look here for PATCH before they trickle, browsers or not.
    response.headers["Access-Control-Allow-Methods"] = "POST, PATCH, DELETE, OPTIONS"
    return response


def _link_ice_servers(response: Response, servers: list[IceServer]) -> None:
    """RFC 9725, section 4.6: one ``Link`` for each URL."""
    for server in servers:
        for url in server.urls:
            link = f'<{url}>; rel="ice-server"'
            if server.username is not None:
                link += f'; username="{_quoted(server.username)}"'
            if server.credential is not None:
                link += f'; credential="{_quoted(server.credential)}"; credential-type="password"'
            response.headers.append("Link", link)


def _quoted(text: str) -> str:
    """The inside of a quoted-string (RFC 9110, section 5.6.4)."""
    return text.replace("\\", "\\\\").replace('"', '\\"')
