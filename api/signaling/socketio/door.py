"""The ASGI application at ``/socket.io``: the client's file, the bounds, and what each client speaks.

A client presents its token as ``auth: {token}``, or as ``token`` in the query. What it speaks is decided by the first
event it sends.
"""

import re
from collections.abc import Callable
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs

import structlog
from socketio.exceptions import ConnectionRefusedError as Refused
from starlette.requests import HTTPConnection
from starlette.responses import FileResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.auth import Principal
from api.errors import error_body, problem
from api.gateway import Gateway
from api.signaling.socketio.admin import AdminPanel
from api.signaling.socketio.board import Board
from api.signaling.socketio.call import CallDialect
from api.signaling.socketio.canonical import Canonical
from api.signaling.socketio.chat import ChatDialect
from api.signaling.socketio.line import NO_ANSWER, Dialect, Line
from api.signaling.socketio.server import EventServer
from api.source import source_of
from mcu.clock import Clock, SystemClock
from mcu.errors import Unauthorised
from mcu.flood import Bucket
from mcu.protocol.wire import MAX_MESSAGE_BYTES

log = structlog.get_logger()

PACKETS_PER_S = 50.0
PACKETS_BURST = 150
MAX_QUERY_FIELDS = 32
CLIENT_FILE = "socket.io.min.js"
CLIENT_PATHS = frozenset(("/socket.io/socket.io.js", "/socket.io/socket.io.min.js"))
PACKET = re.compile(r"1|2probe|3(?:probe)?|5|4[0-2].*", re.DOTALL)
"""What clients send: Engine.IO's close, probe, pong and upgrade; Socket.IO's connect, disconnect and event. Nobody is
asked for acknowledgements, and no event holds binary data.
"""

DIALECTS: dict[str, Callable[[Line], Dialect]] = {
    "enter_room": ChatDialect,
    "nickname": ChatDialect,
    "new_message": ChatDialect,
    "join_room": CallDialect,
}
"""By the first event that a client sends; every other first event begins the canonical one."""


class SocketIoDoor:
    """Started with the server; ``close()`` before its engine. Used from the event loop only."""

    def __init__(self, gateway: Gateway, clock: Clock | None = None) -> None:
        self._gateway = gateway
        self._clock = clock or SystemClock()
        self._server = EventServer(MAX_MESSAGE_BYTES)
        self._server.on("connect", self._connect)
        self._server.on("disconnect", self._disconnect)
        self._server.on("*", self._event)
        self._panel = AdminPanel(self._server, gateway.authority) if gateway.settings.admin_keys else None
        self._lines: dict[str, Line] = {}
        self._dialects: dict[str, Dialect] = {}
        self._buckets: dict[str, Bucket] = {}
        self._board = Board(gateway, self._chatting)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] in CLIENT_PATHS and scope["method"] in ("GET", "HEAD"):
            await client_file()(scope, receive, send)
            return
        connection = _query(scope["query_string"].decode("latin-1"), "sid")
        if connection is None and len(self._server.eio.sockets) >= self._gateway.settings.limits.max_connections:
            await _refusal(503, "no_capacity", "too many clients")(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._server.eio.handle_request(scope, BoundedSocket(receive, send, self._bucket()), send)
        elif scope["method"] == "POST":
            await self._posted(connection, scope, receive, send)
        else:
            await self._server.eio.handle_request(scope, receive, send)

    async def close(self) -> None:
        """Everybody leaves. Idempotent."""
        for sid in list(self._lines):
            await self._disconnect(sid)
        await self._board.close()
        if self._panel is not None:
            panel, self._panel = self._panel, None
            await panel.close()
        await self._server.shutdown()

    def _chatting(self) -> list[Line]:
        """Those who speak the chat dialect, or might: a page waits for the list of rooms before it says anything."""
        speaking = self._dialects
        return [line for sid, line in self._lines.items() if isinstance(speaking.get(sid), ChatDialect | None)]

    async def _posted(self, connection: str | None, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _body(receive)
        packets = body.decode("utf-8", "replace").split("\x1e") if body is not None else []
        if body is None:
            await _refusal(413, "too_large", f"a body has at most {MAX_MESSAGE_BYTES} bytes")(scope, receive, send)
        elif not all(PACKET.fullmatch(packet) for packet in packets):
            await _refusal(400, "bad_request", "not packets of Engine.IO 4")(scope, receive, send)
        elif connection is None or not self._server.knows(connection):
            await _refusal(400, "bad_request", "there is no such session")(scope, receive, send)
        elif not self._takes(connection, len(packets)):
            await self._server.hang_up(connection)
            await _refusal(429, "too_many", "too many packets")(scope, receive, send)
        else:
            await self._server.eio.handle_request(scope, _Replay(body), send)

    def _takes(self, connection: str, packets: int) -> bool:
        if connection not in self._buckets:
            self._buckets = {one: bucket for one, bucket in self._buckets.items() if one in self._server.eio.sockets}
            self._buckets[connection] = self._bucket()
        return all(self._buckets[connection].take() for _ in range(packets))

    def _bucket(self) -> Bucket:
        return Bucket(PACKETS_PER_S, PACKETS_BURST, self._clock)

    async def _connect(self, sid: str, environ: dict[str, Any], auth: Any = None) -> None:
        try:
            principal = self._authenticated(environ, auth)
        except Unauthorised as error:
            raise Refused(error.message, error_body(error).model_dump(exclude_none=True)) from None
        connection = self._server.manager.eio_sid_from_sid(sid, "/")
        source = source_of(HTTPConnection(environ["asgi.scope"]))
        self._lines[sid] = Line(self._server, self._gateway, principal, sid, connection, source, self._board.changed)

    def _authenticated(self, environ: dict[str, Any], auth: Any) -> Principal:
        token = auth.get("token") if isinstance(auth, dict) else None
        token = token or _query(environ.get("QUERY_STRING", ""), "token")
        if token is not None and not isinstance(token, str):
            raise Unauthorised("the token is not valid here")
        return self._gateway.authority.authenticate(token)

    async def _disconnect(self, sid: str, reason: str = "") -> None:
        self._lines.pop(sid, None)
        dialect = self._dialects.pop(sid, None)
        if dialect is not None:
            try:
                await dialect.close()
            except Exception:  # the boundary of one client: it is gone whatever the room does
                log.exception("detach_failed")

    async def _event(self, event: str, sid: str, *arguments: Any) -> tuple[Any, ...]:
        line = self._lines.get(sid)
        if line is None:
            return NO_ANSWER
        if sid not in self._dialects:
            self._dialects[sid] = DIALECTS.get(event, Canonical)(line)
        return await self._dialects[sid].handle(event, arguments)


class BoundedSocket:
    """``receive`` of a WebSocket that ends it with 1008, 1009 or 1013 before anybody parses what breaks the bounds."""

    def __init__(self, receive: Receive, send: Send, bucket: Bucket) -> None:
        self._receive = receive
        self._send = send
        self._bucket = bucket
        self._ended = False

    async def __call__(self) -> Message:
        message = {"type": "websocket.disconnect"} if self._ended else await self._receive()
        if message["type"] != "websocket.receive":
            return message
        text = message.get("text")
        if not self._bucket.take():
            return await self._end(1013, "too many packets")
        if text is not None and (len(text) > MAX_MESSAGE_BYTES or len(text.encode()) > MAX_MESSAGE_BYTES):
            return await self._end(1009, "packet too long")
        if text is None or not PACKET.fullmatch(text):
            return await self._end(1008, "not a packet of Engine.IO 4")
        return message

    async def _end(self, code: int, reason: str) -> Message:
        self._ended = True
        await self._send({"type": "websocket.close", "code": code, "reason": reason})
        return {"type": "websocket.disconnect", "code": code}


class _Replay:
    """``receive`` of a request whose body was read already."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __call__(self) -> Message:
        return {"type": "http.request", "body": self._body, "more_body": False}


async def _body(receive: Receive) -> bytes | None:
    """None: too long, or never sent whole."""
    chunks, size = [], 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > MAX_MESSAGE_BYTES:
            return None
        if not message.get("more_body", False):
            return b"".join(chunks)


def client_file() -> FileResponse:
    """The stock ``socket.io-client``, as its makers built it."""
    path = files("api.signaling.socketio") / "client" / CLIENT_FILE
    return FileResponse(str(path), media_type="text/javascript; charset=utf-8", headers={"Cache-Control": "no-cache"})


def _refusal(status: int, code: str, detail: str) -> ASGIApp:
    return problem(status, code, detail, headers={"Connection": "close"})


def _query(text: str, name: str) -> str | None:
    try:
        return parse_qs(text, max_num_fields=MAX_QUERY_FIELDS).get(name, [None])[0]
    except ValueError:  # too many of them
        return None
