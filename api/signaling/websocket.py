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
from collections.abc import Awaitable
from typing import Any

import structlog
from fastapi import APIRouter, WebSocket
from pydantic import ValidationError
from pydantic_core import from_json, to_json
from starlette.websockets import WebSocketDisconnect

from api.auth import Principal
from api.errors import error_body, problem_response
from api.gateway import Gateway
from api.signaling.conversation import (
    FLOOD,
    INTERNAL_ERROR,
    POLICY_VIOLATION,
    SERVICE_RESTART,
    TOO_LONG,
    Closing,
    Conversation,
)
from api.signaling.messages import Data
from mcu.clock import Clock, SystemClock
from mcu.errors import McuError, Unauthorised
from mcu.flood import Bucket
from mcu.protocol.wire import MAX_MESSAGE_BYTES, ErrorBody, EventMessage, Reply, Request

log = structlog.get_logger()
router = APIRouter()

OUTGOING_MESSAGES = 256
MESSAGES_PER_S = 50.0
MESSAGES_BURST = 100
CLOSE_TIMEOUT_S = 2.0


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

    def __init__(
        self, websocket: WebSocket, gateway: Gateway, holder: Principal | None, clock: Clock | None = None
    ) -> None:
        self._websocket = websocket
        self._gateway = gateway
        self._conversation = Conversation(gateway, holder, self._tell)
        self._bucket = Bucket(MESSAGES_PER_S, MESSAGES_BURST, clock or SystemClock())
        self._outgoing: asyncio.Queue[str] = asyncio.Queue(OUTGOING_MESSAGES)
        self._tasks: asyncio.TaskGroup

    async def serve(self) -> None:
        closing = Closing(SERVICE_RESTART, "the server is going away")
        writer = asyncio.create_task(self._write(), name="websocket-writer")
        try:
            async with asyncio.TaskGroup() as self._tasks:
                self._tasks.create_task(self._read(), name="websocket-reader")
        except* Closing as ends:
            closing = next(end for end in ends.exceptions if isinstance(end, Closing))
        except* Exception as faults:  # the boundary of one socket: its fault is logged and ends nobody else
            log.error("signaling_failed", exc_info=faults)
            closing = Closing(INTERNAL_ERROR, "internal error")
        finally:
            try:
                await self._detach()
            finally:
                await self._close(writer, closing)

    async def _detach(self) -> None:
        try:
            await self._conversation.close()
        except Exception:  # the same boundary: the socket is closed whatever the room does
            log.exception("detach_failed")

    async def _read(self) -> None:
        deadline_s = asyncio.get_running_loop().time() + self._gateway.settings.limits.join_timeout_s
        while not self._conversation.begun:
            try:
                async with asyncio.timeout_at(deadline_s):
                    request = await self._receive()
            except TimeoutError:
                raise Closing(POLICY_VIOLATION, "join first") from None
            await self._answer(request)
        while True:
            await self._answer(await self._receive())

    async def _receive(self) -> Request | Reply:
        """The next request, or the reply to one that could not be understood. Raises ``Closing``."""
        try:
            message = await self._websocket.receive()
        except WebSocketDisconnect:
            raise Closing(None) from None
        if message["type"] == "websocket.disconnect":
            raise Closing(None)
        if not self._bucket.take():
            raise Closing(FLOOD, "too many messages")
        text = message.get("text")
        if text is None:
            raise Closing(POLICY_VIOLATION, "binary messages are not understood")
        if len(text) > MAX_MESSAGE_BYTES or len(text.encode()) > MAX_MESSAGE_BYTES:
            raise Closing(TOO_LONG, "message too long")
        return parse_request(text)

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
            self._tasks.create_task(self._conversation.follow(), name="websocket-pump")
        if request.type == "leave":
            raise Closing(1000, "left")

    async def _tell(self, news: EventMessage) -> None:
        self._send(news)

    def _send(self, message: Reply | EventMessage) -> None:
        try:
            self._outgoing.put_nowait(_text(message))
        except asyncio.QueueFull:
            raise Closing(FLOOD, "messages are not being read") from None

    async def _write(self) -> None:
        try:
            while True:
                text = await self._outgoing.get()
                await self._websocket.send_text(text)
                self._outgoing.task_done()
        except WebSocketDisconnect:
            return  # the reader is told of it too

    async def _close(self, writer: asyncio.Task[None], closing: Closing) -> None:
        """Sends what is still queued, then the close frame; a client that doesn't read is waited for no longer."""
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                if closing.code is not None:
                    await _either(self._outgoing.join(), writer)
                    await self._websocket.close(closing.code, _bounded(closing.reason))
        except (TimeoutError, WebSocketDisconnect, RuntimeError):
            log.debug("socket_gone", code=closing.code)
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
        log.info("socket_closed", code=closing.code, reason=closing.reason)


def parse_request(text: str) -> Request | Reply:
    """Parses one message. What can be answered is answered; without an id there is nothing to answer to."""
    try:
        message = from_json(text, allow_inf_nan=False)
    except ValueError:
        raise Closing(POLICY_VIOLATION, "not valid JSON") from None
    if not isinstance(message, dict):
        raise Closing(POLICY_VIOLATION, "not a JSON object")
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


async def _either(awaitable: Awaitable[Any], task: asyncio.Task[Any]) -> None:
    """Waits until one of them is done; ``task`` is left running."""
    other = asyncio.ensure_future(awaitable)
    try:
        await asyncio.wait({other, task}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        other.cancel()
        await asyncio.gather(other, return_exceptions=True)


def _bounded(reason: str) -> str:
    """A close frame carries at most 123 bytes of reason (RFC 6455, section 5.5)."""
    return reason.encode()[:120].decode("utf-8", "ignore")
