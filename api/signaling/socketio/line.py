"""One Socket.IO client as the dialects see it."""

from collections.abc import Callable
from typing import Any, Protocol

from api.auth import Principal
from api.gateway import Gateway
from api.signaling.socketio.server import EventServer

OUTGOING_PACKETS = 256
NO_ANSWER: tuple[Any, ...] = ()
"""An acknowledgement without arguments."""


class Line:
    """What a dialect may do with its client. ``principal`` was checked when the client connected."""

    def __init__(
        self,
        server: EventServer,
        gateway: Gateway,
        principal: Principal,
        sid: str,
        connection: str,
        source: str | None,
        rooms_changed: Callable[[], None],
    ) -> None:
        """``rooms_changed()`` is told when the client has entered or left a room."""
        self.gateway = gateway
        self.principal = principal
        self.source = source
        self.rooms_changed = rooms_changed
        self._server = server
        self._sid = sid
        self._connection = connection

    async def emit(self, event: str, *arguments: Any) -> None:
        """An event for this client; one that doesn't read what it is sent is let go."""
        if self._server.backlog(self._connection) >= OUTGOING_PACKETS:
            await self._server.hang_up(self._connection)
            return
        await self._server.emit(event, arguments, to=self._sid)

    async def disconnect(self) -> None:
        """Ends the client's Socket.IO session from this side. Idempotent."""
        await self._server.disconnect(self._sid)


class Dialect(Protocol):
    """What a client's events mean."""

    async def handle(self, event: str, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments of the acknowledgement. Raises ``McuError``."""

    async def close(self) -> None:
        """The client is gone. Idempotent."""
