"""The way into a room: asked for on a socket, open at once or when a moderator says so."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from client.ending import end_task
from client.errors import ConnectionLost, RequestRefused
from client.signaling import Signaling
from mcu.protocol.wire import EventMessage


@dataclass(frozen=True, slots=True)
class Invitation:
    """Where to join, and as whom. ``give_up_s``: how long to try to come back after a loss; None: for ever."""

    url: str
    room: str
    name: str
    token: str | None
    give_up_s: float | None
    password: str | None = field(default=None, repr=False)
    on_waiting: Callable[[], None] | None = None


class Admission:
    """One attempt to get in, on one socket. ``on_waiting()`` is called when it leads to the lobby."""

    def __init__(self, invitation: Invitation, on_waiting: Callable[[], None]) -> None:
        self._invitation = invitation
        self._on_waiting = on_waiting
        self._decision: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    async def ask(self, socket: Signaling, resume_token: str | None) -> dict[str, Any]:
        """What the server says to somebody who is in. Raises RequestRefused, also when a moderator says no, and
        ConnectionLost.
        """
        invitation = self._invitation
        who = {"room": invitation.room, "name": invitation.name, "token": invitation.token}
        if invitation.password is not None:
            who["password"] = invitation.password
        joined = await socket.request("join", {**who, "resume": resume_token})
        return await self._wait(socket) if "waiting" in joined else joined

    def decided(self, message: EventMessage) -> None:
        """The news ``joined`` or ``denied``."""
        if self._decision.done():
            return
        if message.type == "joined":
            self._decision.set_result(message.data)
        else:
            code, reason = str(message.data.get("code", "denied")), str(message.data.get("message", "not let in"))
            self._decision.set_exception(RequestRefused(code, reason))

    async def _wait(self, socket: Signaling) -> dict[str, Any]:
        """In the lobby."""
        self._on_waiting()
        if self._invitation.on_waiting is not None:
            self._invitation.on_waiting()
        gone = asyncio.create_task(socket.gone.wait())
        try:
            decided: set[asyncio.Future[Any]] = {self._decision, gone}
            await asyncio.wait(decided, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await end_task(gone)
        if not self._decision.done():
            raise ConnectionLost("the connection to the server is gone")
        return self._decision.result()
