"""Each door as somebody hostile uses it: what they send, and what they are told, in a word or two.

An outcome is ``closed 1008`` (a WebSocket's close code), ``error unknown_type`` (an error in the door's own words, with
its code where it has codes), or ``status 413`` (an HTTP status).
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

import httpx
from aiortc import RTCSessionDescription
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.kit import rtc
from tests.kit.server import Server

ROOM = "open"
PATIENCE_S = 40.0
Message = str | bytes


class Caller(Protocol):
    """Somebody at a door, who has come as far as one can before one is rude."""

    async def send(self, message: Message) -> None: ...

    async def outcome(self) -> str:
        """The next thing that is an error, or an end."""


class SocketCaller:
    """At a door that is a WebSocket. ``told`` finds the error in a message; None: it is something else."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def told(self, text: str) -> str | None:
        message = json.loads(text)
        return f"error {message['error']['code']}" if message.get("ok") is False else None

    async def send(self, message: Message) -> None:
        with contextlib.suppress(ConnectionClosed):
            await self.socket.send(message)

    async def outcome(self) -> str:
        async with asyncio.timeout(PATIENCE_S):
            try:
                while True:
                    text = await self.socket.recv()
                    found = self.told(str(text))
                    if found is not None:
                        return found
            except ConnectionClosed as end:
                return f"closed {end.rcvd.code if end.rcvd else 1006}"

    async def until(self, wanted: str) -> None:
        """Reads on until a message has this in it."""
        async with asyncio.timeout(PATIENCE_S):
            while wanted not in str(await self.socket.recv()):
                pass


class ChatCaller(SocketCaller):
    def told(self, text: str) -> str | None:
        return "error" if text.startswith("mosaic-mcu: ") else None


class PeerCaller(SocketCaller):
    def told(self, text: str) -> str | None:
        kind = json.loads(text)["type"]
        return f"error {kind}" if kind in ("ERROR", "EXPIRE") else None


class EventCaller(SocketCaller):
    """Socket.IO: an error is an event of that name; Engine.IO's ``1`` is a close in its own words."""

    def told(self, text: str) -> str | None:
        if text == "1":
            return "hung up"
        event = json.loads(text[2:]) if text.startswith("42[") else []
        return f"error {event[1]['code']}" if event and event[0] == "error" else None


class ChannelCaller:
    """On a data channel."""

    def __init__(self, channel: object) -> None:
        self._channel = channel
        self._outcomes: asyncio.Queue[str] = asyncio.Queue(100)
        channel.on("message", self._heard)  # type: ignore[attr-defined]  # RTCDataChannel's, whose makers gave no types
        channel.on("close", lambda: self._outcomes.put_nowait("closed"))  # type: ignore[attr-defined]  # the same

    async def send(self, message: Message) -> None:
        if self._channel.readyState == "open":  # type: ignore[attr-defined]  # the same
            self._channel.send(message)  # type: ignore[attr-defined]  # the same

    async def outcome(self) -> str:
        async with asyncio.timeout(PATIENCE_S):
            return await self._outcomes.get()

    def _heard(self, message: Message) -> None:
        text = str(message)
        if text.startswith("mosaic-mcu: "):
            self._outcomes.put_nowait("error")
        elif text.startswith('{"type":"error"'):
            self._outcomes.put_nowait(f"error {json.loads(text)['data']['code']}")


class HttpCaller:
    """Posts what is sent as an offer."""

    def __init__(self, http: httpx.AsyncClient, path: str) -> None:
        self._http = http
        self._path = path
        self._last = ""

    async def send(self, message: Message) -> None:
        answer = await self._http.post(self._path, content=message, headers={"Content-Type": "application/sdp"})
        assert answer.headers["content-type"] == "application/problem+json", answer.text
        self._last = f"status {answer.status_code} {answer.json()['code']}"

    async def outcome(self) -> str:
        return self._last


def _address(server: Server, path: str) -> str:
    return f"ws://127.0.0.1:{server.port}{path}"


@asynccontextmanager
async def websocket(server: Server) -> AsyncIterator[Caller]:
    async with connect(_address(server, "/api/v1/ws"), max_size=None) as socket:
        caller = SocketCaller(socket)
        await socket.send(json.dumps({"id": 1, "type": "join", "data": {"room": ROOM, "name": "Mallory"}}))
        await caller.until('"reply_to":1')
        yield caller


@asynccontextmanager
async def rawchat(server: Server) -> AsyncIterator[Caller]:
    async with connect(_address(server, f"/?room={ROOM}"), max_size=None) as socket:
        yield ChatCaller(socket)


@asynccontextmanager
async def peerjs(server: Server) -> AsyncIterator[Caller]:
    async with connect(_address(server, "/peerjs?key=peerjs&id=mallory&token=t"), max_size=None) as socket:
        caller = PeerCaller(socket)
        await caller.until("OPEN")
        yield caller


@asynccontextmanager
async def _socketio(server: Server, first: list[object], answer: str) -> AsyncIterator[Caller]:
    async with connect(_address(server, "/socket.io/?EIO=4&transport=websocket"), max_size=None) as socket:
        caller = EventCaller(socket)
        await socket.send("40")
        await caller.until("40{")
        await socket.send("421" + json.dumps(first))
        await caller.until(answer)
        yield caller


@asynccontextmanager
async def canonical(server: Server) -> AsyncIterator[Caller]:
    async with _socketio(server, ["join", {"room": ROOM, "name": "Mallory"}], "431[") as caller:
        yield caller


@asynccontextmanager
async def chat_dialect(server: Server) -> AsyncIterator[Caller]:
    async with _socketio(server, ["enter_room", ROOM], "431[") as caller:
        yield caller


@asynccontextmanager
async def call_dialect(server: Server) -> AsyncIterator[Caller]:
    async with _socketio(server, ["join_room", ROOM], "431[") as caller:
        yield caller


@asynccontextmanager
async def whip(server: Server) -> AsyncIterator[Caller]:
    async with httpx.AsyncClient(base_url=server.url, timeout=PATIENCE_S) as http:
        yield HttpCaller(http, f"/whip/{ROOM}")


@asynccontextmanager
async def whep(server: Server) -> AsyncIterator[Caller]:
    async with httpx.AsyncClient(base_url=server.url, timeout=PATIENCE_S) as http:
        yield HttpCaller(http, f"/whep/{ROOM}")


@asynccontextmanager
async def channel(server: Server) -> AsyncIterator[Caller]:
    """Beside a microphone that a WebSocket negotiated."""
    client = rtc.new_client(video=False)
    opened = asyncio.Event()
    made = client.pc.createDataChannel("chat")
    made.on("open", opened.set)
    async with connect(_address(server, "/api/v1/ws"), max_size=None) as socket:
        try:
            await socket.send(json.dumps({"id": 1, "type": "join", "data": {"room": ROOM, "name": "Mallory"}}))
            offer = await rtc.make_offer(client)
            await socket.send(json.dumps({"id": 2, "type": "offer", "data": {"sdp": offer}}))
            async with asyncio.timeout(PATIENCE_S):
                while (message := json.loads(await socket.recv())).get("reply_to") != 2:
                    pass
                await client.pc.setRemoteDescription(RTCSessionDescription(message["data"]["sdp"], "answer"))
                await opened.wait()
            yield ChannelCaller(made)
        finally:
            await client.close()
