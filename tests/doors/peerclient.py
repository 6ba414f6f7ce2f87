"""What a PeerJS page's socket does, one message at a time."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from api.server import Server
from tests.api.socket import BOUND_S


class PeerClient:
    """What a PeerJS page's socket does."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, kind: str, dst: str | None = None, payload: Any = None) -> None:
        await self.connection.send(json.dumps({"type": kind, "dst": dst, "payload": payload}))

    async def receive(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(await asyncio.wait_for(self.connection.recv(), BOUND_S))
        return message

    async def closed(self) -> int:
        try:
            while True:
                await self.receive()
        except ConnectionClosed as end:
            return end.rcvd.code if end.rcvd else 1006


@asynccontextmanager
async def a_peer(
    server: Server, identifier: str, token: str = "t", path: str = "/peerjs", key: str = "peerjs"
) -> AsyncIterator[PeerClient]:
    query = f"?key={key}&id={identifier}&token={token}&version=1.5.5"
    async with connect(server.url.replace("http", "ws", 1) + path + query) as connection:
        yield PeerClient(connection)


async def opened(peer: PeerClient) -> None:
    assert await peer.receive() == {"type": "OPEN"}
