"""``/api/v1/ws``: the canonical signaling, JSON text messages on a WebSocket.

One socket is three tasks: the reader answers the client's messages one after the other, the pump brings the room's
events, the writer sends both from one bounded queue. Whichever meets the end first names the close code:

=====  ==================================================================
1000   the client left
1008   not a JSON object with an id and a type, binary, or no join in time
1009   a message above ``MAX_MESSAGE_BYTES``
1011   a fault of the server
1012   the server is going away, or the room goes on in another process: join again
1013   a flood, or a client that doesn't read what it is sent
4001   kicked, or replaced by a second join with the same identity
4002   the room was closed
4003   a moderator did not let them in from the lobby
=====  ==================================================================
"""

import asyncio

from fastapi import APIRouter, WebSocket
from pydantic import ValidationError
from pydantic_core import to_json

from api.auth import Principal
from api.errors import error_body, problem_response
from api.gateway import Gateway
from api.signaling.conversation import POLICY_VIOLATION, Closing, Conversation
from api.signaling.messages import Data
from api.signaling.textsocket import TextSocket, object_of
from api.source import source_of
from mcu.errors import McuError, Unauthorised
from mcu.protocol.wire import ErrorBody, EventMessage, Reply, Request

router = APIRouter()


@router.websocket("/ws")
async def signaling(websocket: WebSocket, ticket: str | None = None) -> None:
    """Joins and runs a session. A ``ticket`` from ``POST /rooms/{room}/join`` stands in for the join message's token;
    a bad one is refused with 401 before the socket opens.
    """
    gateway: Gateway = websocket.app.state.gateway
    try:
        holder = gateway.authority.redeem(ticket) if ticket is not None else None
    except Unauthorised as error:
        await websocket.send_denial_response(problem_response(error))
        return
    await websocket.accept()
    await Socket(websocket, gateway, holder).serve()


class Socket:
    """One WebSocket. ``serve`` returns when it is closed and the participant has left or is detached."""

    def __init__(self, websocket: WebSocket, gateway: Gateway, holder: Principal | None) -> None:
        self._socket = TextSocket(websocket)
        self._join_timeout_s = gateway.settings.limits.join_timeout_s
        self._conversation = Conversation(gateway, holder, self._tell, source_of(websocket))

    async def serve(self) -> None:
        await self._socket.serve(self._read, self._conversation.close)

    async def _read(self) -> None:
        deadline_s = asyncio.get_running_loop().time() + self._join_timeout_s
        while not self._conversation.begun:
            try:
                async with asyncio.timeout_at(deadline_s):
                    text = await self._socket.receive()
            except TimeoutError:
                raise Closing(POLICY_VIOLATION, "join first") from None
            await self._answer(parse_request(text))
        while True:
            await self._answer(parse_request(await self._socket.receive()))

    async def _answer(self, request: Request | Reply) -> None:
        if isinstance(request, Reply):
            self._send(request)
            return
        try:
            data = await self._conversation.perform(request.type, request.data)
        except McuError as error:
            self._send(Reply(reply_to=request.id, ok=False, error=error_body(error)))
            return
        self._send(Reply(reply_to=request.id, ok=True, data=data))
        if request.type == "join":
            self._socket.tasks.create_task(self._conversation.follow(), name="websocket-pump")
        if request.type == "leave":
            raise Closing(1000, "left")

    async def _tell(self, news: EventMessage) -> None:
        self._send(news)

    def _send(self, message: Reply | EventMessage) -> None:
        self._socket.send(_text(message))


def parse_request(text: str) -> Request | Reply:
    """Parses one message. What can be answered is answered; without an id there is nothing to answer to."""
    message = object_of(text)
    try:
        return Request.model_validate(message)
    except ValidationError as error:
        number = message.get("id")
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= 2**53:
            raise Closing(POLICY_VIOLATION, "no id") from None
        first = error.errors(include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        return Reply(reply_to=number, ok=False, error=ErrorBody(code="bad_request", message=first["msg"], field=field))


def _text(message: Reply | EventMessage) -> str:
    if isinstance(message, EventMessage):
        return message.model_dump_json()
    body: Data = {"reply_to": message.reply_to, "ok": message.ok}
    if message.error is not None:
        body["error"] = message.error.model_dump(exclude_none=True)
    else:
        body["data"] = message.data
    return to_json(body).decode()
