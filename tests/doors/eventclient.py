"""A Socket.IO client of a few lines, for what the stock client would never send."""

import asyncio
import itertools
import json
from collections import deque
from types import TracebackType
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from api.server import Server

BOUND_S = 10.0


class EventClient:
    """``async with EventClient(server) as client``: Engine.IO 4 on a WebSocket. Not for two tasks at once."""

    def __init__(self, server: Server, auth: Any = None, query: str = "") -> None:
        address = server.url.replace("http", "ws", 1)
        self._url = f"{address}/socket.io/?EIO=4&transport=websocket{query}"
        self._auth = auth
        self._ids = itertools.count(1)
        self._events: deque[list[Any]] = deque(maxlen=1000)
        self.answer = ""
        """What the server said to the Socket.IO connect."""
        self.connection: ClientConnection

    async def __aenter__(self) -> "EventClient":
        self.connection = await connect(self._url)
        assert (await self.packet()).startswith("0{")
        await self.connection.send("40" + (json.dumps(self._auth) if self._auth is not None else ""))
        self.answer = await self.packet()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.connection.close()

    async def packet(self) -> str:
        """The next packet that isn't a ping."""
        while True:
            text = await asyncio.wait_for(self.connection.recv(), BOUND_S)
            assert isinstance(text, str)
            if text != "2":
                return text
            await self.connection.send("3")

    async def send(self, event: str, *arguments: Any) -> None:
        await self.connection.send("42" + json.dumps([event, *arguments]))

    async def ask(self, event: str, *arguments: Any) -> list[Any]:
        """The arguments of the acknowledgement."""
        number = str(next(self._ids))
        await self.connection.send("42" + number + json.dumps([event, *arguments]))
        while True:
            text = await self.packet()
            if text.startswith("43"):
                assert text.startswith("43" + number + "[")
                answer: list[Any] = json.loads(text.removeprefix("43" + number))
                return answer
            self._keep(text)

    async def event(self, name: str) -> list[Any]:
        """The arguments of the next event of this name."""
        while True:
            if not self._events:
                self._keep(await self.packet())
                continue
            event = self._events.popleft()
            if event[0] == name:
                return event[1:]

    async def closed(self) -> int:
        """Reads on until the server ends the connection; its close code."""
        try:
            while True:
                await self.packet()
        except ConnectionClosed as end:
            return end.rcvd.code if end.rcvd else 1006

    def _keep(self, text: str) -> None:
        assert text.startswith("42["), text
        self._events.append(json.loads(text[2:]))
