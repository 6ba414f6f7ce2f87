"""People with tokens in rooms of the real engine: nobody sends media, so a join costs little."""

import json
from contextlib import AsyncExitStack
from typing import Any

import httpx
from pydantic import SecretStr

from api.auth import Authority, Grants, TokenSpec
from api.server import Server
from tests.api.socket import SocketClient

KEY = "a key of the tests, long enough for HS256"
ADMIN_KEY = "an admin key of the tests"
ROOM = "/api/v1/rooms/team"


def pass_for(identity: str | None, room: str = "team", **grants: Any) -> str:
    """A join token of a server with ``KEY``."""
    name = identity.title() if identity else None
    spec = TokenSpec(identity=identity, name=name, grants=Grants.model_validate({"room": room} | grants))
    return Authority({"k1": SecretStr(KEY)}).issue(spec).token


class Meeting:
    """One server with keys, and those who come to its room ``team``."""

    def __init__(self, server: Server, stack: AsyncExitStack, *, keys: bool) -> None:
        """Without ``keys`` the server takes everybody for an admin."""
        self.server = server
        self._keys = keys
        self._stack = stack
        self.admin: httpx.AsyncClient

    async def begin(self) -> "Meeting":
        self.admin = await self.caller(ADMIN_KEY if self._keys else None)
        return self

    async def caller(self, credential: str | None) -> httpx.AsyncClient:
        """Somebody who uses HTTP."""
        headers = {"Authorization": f"Bearer {credential}"} if credential else {}
        return await self._stack.enter_async_context(httpx.AsyncClient(base_url=self.server.url, headers=headers))

    async def socket(self) -> SocketClient:
        return await self._stack.enter_async_context(SocketClient(self.server))

    async def enter(self, identity: str, resume: str | None = None, **grants: Any) -> SocketClient:
        """A socket whose owner has joined; what the chat was is still to be read from it."""
        socket = await self.socket()
        await socket.ask("join", room="team", token=pass_for(identity, **grants), resume=resume)
        return socket

    async def set_room(self, **changes: Any) -> httpx.Response:
        """Opens the room where it isn't open yet, then changes it as an admin."""
        await self.admin.post("/api/v1/rooms", json={"name": "team"})
        answer = await self.admin.patch(ROOM, json=changes)
        assert answer.status_code == 200, answer.text
        return answer


async def quiet(socket: SocketClient, *kinds: str) -> None:
    """Everything that was on its way to ``socket`` has come, and nothing of these kinds was in it."""
    await socket.ask("ping")
    came = [event["type"] for event in socket.pending if event["type"] in kinds]
    assert not came, json.dumps(list(socket.pending))
