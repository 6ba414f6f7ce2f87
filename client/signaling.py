"""The room's WebSocket (``/api/v1/ws``): requests with replies, events, and the news that it is gone."""

import asyncio
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import structlog
from pydantic import ValidationError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from client.errors import ConnectionLost, RequestRefused
from mcu.protocol.wire import MAX_MESSAGE_BYTES, EventMessage, Reply, Request

log = structlog.get_logger()

OPEN_TIMEOUT_S = 10.0
REPLY_TIMEOUT_S = 15.0
HEARTBEAT_S = 5.0
HEARTBEAT_TIMEOUT_S = 5.0
SUSPICION_TIMEOUT_S = 2.0
"""How long a server may take to answer a ping when something else has gone silent already."""
MAX_PENDING = 64

OnEvent = Callable[[EventMessage], None]
OnGone = Callable[[], None]


def socket_url(server_url: str) -> str:
    """``http(s)://host:port[/prefix]`` → the WebSocket's address. Raises ValueError for anything else."""
    parts = urlsplit(server_url)
    schemes = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
    if parts.scheme not in schemes or not parts.hostname:
        raise ValueError(f"a server's address looks like http://host:port, not {server_url!r}")
    return urlunsplit((schemes[parts.scheme], parts.netloc, parts.path.rstrip("/") + "/api/v1/ws", "", ""))


class Signaling:
    """One socket's life. ``open`` it, ``request`` until it is ``gone``, then make a new one.

    ``on_event`` is called on the event loop, in the order of the wire, ``on_gone`` once at the end; neither may raise.
    ``close`` is idempotent.
    """

    def __init__(self, socket: ClientConnection, on_event: OnEvent, on_gone: OnGone) -> None:
        self._socket = socket
        self._on_event = on_event
        self._on_gone = on_gone
        self._last_id = 0
        self._pending: dict[int, asyncio.Future[Reply]] = {}
        self.gone = asyncio.Event()
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._beat())]

    @classmethod
    async def open(cls, server_url: str, on_event: OnEvent, on_gone: OnGone) -> "Signaling":
        """Raises ConnectionLost when the server can't be reached."""
        try:
            socket = await connect(
                socket_url(server_url),
                open_timeout=OPEN_TIMEOUT_S,
                close_timeout=2,
                ping_interval=None,  # the protocol's own ping tells us more: that the server still answers
                max_size=MAX_MESSAGE_BYTES * 8,
                proxy=None,
            )
        except (OSError, TimeoutError, InvalidHandshake, InvalidURI) as error:
            raise ConnectionLost(f"{server_url} can't be reached: {str(error) or type(error).__name__}") from error
        return cls(socket, on_event, on_gone)

    async def request(
        self, kind: str, data: dict[str, Any] | None = None, timeout_s: float = REPLY_TIMEOUT_S
    ) -> dict[str, Any]:
        """The reply's data. Raises RequestRefused when the server says no, ConnectionLost when it says nothing."""
        if self.gone.is_set():
            raise ConnectionLost("the connection to the server is gone")
        if len(self._pending) >= MAX_PENDING:
            raise ConnectionLost(f"the server owes {MAX_PENDING} answers")
        self._last_id += 1
        number = self._last_id
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._pending[number] = answer
        try:
            await self._socket.send(Request(id=number, type=kind, data=data or {}).model_dump_json())
            async with asyncio.timeout(timeout_s):
                reply = await answer
        except (ConnectionClosed, TimeoutError) as error:
            raise ConnectionLost(f"the server did not answer {kind!r}") from error
        finally:
            self._pending.pop(number, None)
        if not reply.ok:
            if reply.error is None:
                raise RequestRefused("internal", f"{kind!r} was refused without a reason")
            raise RequestRefused(reply.error.code, reply.error.message, reply.error.field)
        return reply.data or {}

    async def check(self, timeout_s: float = SUSPICION_TIMEOUT_S) -> None:
        """Asks for a sign of life. A server that gives none in time is gone, whatever TCP thinks: a network that
        changed tells neither end.
        """
        try:
            await self.request("ping", timeout_s=timeout_s)
        except RequestRefused:
            return  # it lives
        except ConnectionLost:
            self._socket.transport.abort()  # the other end would not answer a close either
            self._mark_gone()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._socket.close()
        self._mark_gone()

    def _mark_gone(self) -> None:
        if self.gone.is_set():
            return
        self.gone.set()
        for answer in self._pending.values():
            if not answer.done():
                answer.set_exception(ConnectionLost("the connection to the server is gone"))
        self._on_gone()

    async def _read(self) -> None:
        try:
            async for text in self._socket:
                self._dispatch(text)
        except ConnectionClosed:
            return  # whoever waits is told below
        finally:
            self._mark_gone()

    def _dispatch(self, text: str | bytes) -> None:
        try:
            message = json.loads(text)
            if "reply_to" in message:
                reply = Reply.model_validate(message)
                answer = self._pending.get(reply.reply_to)
                if answer is not None and not answer.done():
                    answer.set_result(reply)
            else:
                self._on_event(EventMessage.model_validate(message))
        except (ValueError, TypeError, ValidationError) as error:
            log.warning("message_not_understood", error=str(error)[:200])

    async def _beat(self) -> None:
        while not self.gone.is_set():
            await asyncio.sleep(HEARTBEAT_S)
            await self.check(HEARTBEAT_TIMEOUT_S)
