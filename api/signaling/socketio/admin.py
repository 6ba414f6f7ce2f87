"""What the Socket.IO Admin UI (https://admin.socket.io) asks for: the namespace ``/admin``, where admin keys are set.

Figures only: who may look at a server's load has no business with what people say, nor with their tokens, which the
library's other mode would show.
"""

from typing import Any

from api.auth import Authority
from api.signaling.socketio.server import EventServer
from mcu.errors import Unauthorised


class AdminPanel:
    """The password is an admin key, the user name whatever one likes. ``close()`` before the server's."""

    def __init__(self, server: EventServer, authority: Authority) -> None:
        self._authority = authority
        self._panel = server.instrument(auth=self._knows, mode="production", read_only=True)

    async def close(self) -> None:
        await self._panel.shutdown()
        self._panel.uninstrument()

    def _knows(self, credentials: Any) -> bool:
        password = credentials.get("password") if isinstance(credentials, dict) else None
        if not isinstance(password, str):
            return False
        try:
            return self._authority.authenticate(password).everywhere
        except Unauthorised:
            return False
