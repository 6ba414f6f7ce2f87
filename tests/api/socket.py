"""A signaling client for tests: it sends requests, keeps events apart from replies and waits with a bound."""

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


class SocketClient:
    """``async with SocketClient(server) as socket``. Not for two tasks at once."""

    def __init__(self, server: Server, query: str = "", **options: Any) -> None:
        self._url = f"{server.url.replace('http', 'ws', 1)}/api/v1/ws{query}"
        self._options = options
        self._ids = itertools.count(1)
        self._events: deque[dict[str, Any]] = deque(maxlen=1000)
        self.connection: ClientConnection

    async def __aenter__(self) -> "SocketClient":
        # What nobody reads would hold up the goodbye, which comes after it, for ten seconds.
        self.connection = await connect(self._url, **{"max_queue": None} | self._options)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.connection.close()

    async def receive(self) -> dict[str, Any]:
        text = await asyncio.wait_for(self.connection.recv(), BOUND_S)
        message: dict[str, Any] = json.loads(text)
        return message

    async def request(self, kind: str, **data: Any) -> dict[str, Any]:
        """The whole reply."""
        number = next(self._ids)
        await self.connection.send(json.dumps({"id": number, "type": kind, "data": data}))
        return await self.reply_to(number)

    async def reply_to(self, number: int) -> dict[str, Any]:
        while True:
            message = await self.receive()
            if "reply_to" in message:
                assert message["reply_to"] == number
                return message
            self._events.append(message)

    async def ask(self, kind: str, **data: Any) -> dict[str, Any]:
        """The data of a reply that must be good."""
        reply = await self.request(kind, **data)
        assert reply["ok"], reply
        result: dict[str, Any] = reply["data"]
        return result

    async def refused(self, kind: str, **data: Any) -> dict[str, Any]:
        """The error of a reply that must be one."""
        reply = await self.request(kind, **data)
        assert not reply["ok"], reply
        error: dict[str, Any] = reply["error"]
        return error

    async def event(self, kind: str) -> dict[str, Any]:
        """The data of the next event of this type."""
        while True:
            message = self._events.popleft() if self._events else await self.receive()
            if message.get("type") == kind:
                data: dict[str, Any] = message["data"]
                return data

    @property
    def pending(self) -> tuple[dict[str, Any], ...]:
        """Events that came and were not asked for yet."""
        return tuple(self._events)

    async def closed(self) -> int:
        """Reads on until the server ends the socket; its close code."""
        try:
            while True:
                await self.receive()
        except ConnectionClosed as end:
            return end.rcvd.code if end.rcvd else 1006
