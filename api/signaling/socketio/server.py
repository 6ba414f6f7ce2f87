"""python-socketio's server with the bounds that a server in the open needs.

It stands on three of its methods that are not documented (the version is pinned to a minor one): the library hands
whatever a client sends on to them unchecked, logs a traceback for what it can't use, and tells the client nothing.
"""

import json
from contextvars import ContextVar
from typing import Any

import socketio
import structlog
from pydantic_core import from_json

log = structlog.get_logger()

PING_INTERVAL_S = 10
PING_TIMEOUT_S = 10
RESERVED_EVENTS = frozenset(("connect", "disconnect", "connect_error", "*"))

acknowledged: ContextVar[bool] = ContextVar("acknowledged", default=False)
"""Whether the client asked for an acknowledgement of the event that is being handled."""


class Hostile(ValueError):
    """A packet that no client of the protocol sends."""


class BoundedJson:
    """``json`` for packets: nesting is bounded, and neither NaN nor infinity is a number."""

    @staticmethod
    def loads(text: str) -> Any:
        return from_json(text, allow_inf_nan=False)

    @staticmethod
    def dumps(value: Any, **options: Any) -> str:
        return json.dumps(value, **options)


class EventServer(socketio.AsyncServer):  # type: ignore[misc]  # python-socketio has no types
    """Events of one client are handled one after the other. A malformed packet ends the client's connection."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(
            async_mode="asgi",
            async_handlers=False,
            cors_allowed_origins=[],  # OriginGuard and CORSMiddleware stand in front of it
            max_http_buffer_size=max_bytes,
            ping_interval=PING_INTERVAL_S,
            ping_timeout=PING_TIMEOUT_S,
            http_compression=False,
            json=BoundedJson,
        )

    def knows(self, eio_sid: str) -> bool:
        """There is such a connection, and it wasn't hung up."""
        connection = self.eio.sockets.get(eio_sid)
        return connection is not None and not connection.closed

    async def hang_up(self, eio_sid: str) -> None:
        """Ends a connection without waiting for what it was still to read. Idempotent."""
        connection = self.eio.sockets.get(eio_sid)
        if connection is not None and not connection.closed:
            await connection.close(wait=False, reason=self.reason.SERVER_DISCONNECT)

    def backlog(self, eio_sid: str) -> int:
        """Packets that wait for this client to read them."""
        connection = self.eio.sockets.get(eio_sid)
        return 0 if connection is None else int(connection.queue.qsize())

    async def _handle_eio_message(self, eio_sid: str, data: Any) -> None:
        try:
            await super()._handle_eio_message(eio_sid, data)
        except ValueError as error:
            log.info("socketio_packet_refused", error=type(error).__name__)
            await self.hang_up(eio_sid)

    async def _handle_connect(self, eio_sid: str, namespace: str | None, data: Any) -> None:
        if self.manager.sid_from_eio_sid(eio_sid, namespace or "/") is not None:
            raise Hostile("connected already")
        await super()._handle_connect(eio_sid, namespace, data)

    async def _handle_event(self, eio_sid: str, namespace: str | None, id: int | None, data: Any) -> None:  # noqa: A002 - the library's name
        if not isinstance(data, list) or not data or not isinstance(data[0], str) or data[0] in RESERVED_EVENTS:
            raise Hostile("not an event")
        acknowledged.set(id is not None)
        await super()._handle_event(eio_sid, namespace, id, data)
