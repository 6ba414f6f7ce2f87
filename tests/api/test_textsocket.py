"""What a socket bounds before anything is parsed, and that it finds out who is gone without a word."""

import asyncio
import base64
import json
import os
import struct
from typing import Any

import pytest

from api import server as server_module
from api.server import Server
from api.signaling.conversation import Closing
from api.signaling.textsocket import MESSAGES_BURST, OUTGOING_MESSAGES, TextSocket
from mcu.protocol.wire import MAX_MESSAGE_BYTES
from tests.api.conftest import MakeServer
from tests.api.socket import SocketClient
from tests.kit.clock import FakeClock

BOUND_S = 20.0


class Lines:
    """A WebSocket whose client has sent these messages."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self._messages = list(messages)
        self.sent: list[str] = []

    async def receive(self) -> dict[str, Any]:
        return {"type": "websocket.receive", **self._messages.pop(0)}

    async def send_text(self, text: str) -> None:
        self.sent.append(text)


def socket_of(lines: Lines, clock: FakeClock) -> TextSocket:
    return TextSocket(lines, clock)  # type: ignore[arg-type]  # as much of a WebSocket as is used


async def outcome(socket: TextSocket) -> int | str | None:
    try:
        return await socket.receive()
    except Closing as closing:
        return closing.code


async def test_a_flood_is_counted_before_anything_is_looked_at() -> None:
    too_long = {"text": "x" * (MAX_MESSAGE_BYTES + 1)}
    clock = FakeClock()
    socket = socket_of(Lines(*[{"text": "{"}] * MESSAGES_BURST, too_long, {"bytes": b"x"}, {"text": "{"}), clock)
    for _ in range(MESSAGES_BURST):
        assert await outcome(socket) == "{"
    assert await outcome(socket) == 1013
    assert await outcome(socket) == 1013
    clock.advance(ms=1000)
    assert await outcome(socket) == "{"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"text": "x" * (MAX_MESSAGE_BYTES + 1)}, 1009),
        ({"text": "보" * (MAX_MESSAGE_BYTES // 3 + 1)}, 1009),
        ({"bytes": b"{}"}, 1008),
    ],
)
async def test_what_is_too_long_or_no_text_goes_no_further(message: dict[str, Any], code: int) -> None:
    assert await outcome(socket_of(Lines(message), FakeClock())) == code


async def test_who_does_not_read_is_let_go_and_no_more_is_kept_for_them() -> None:
    socket = socket_of(Lines(), FakeClock())
    for _ in range(OUTGOING_MESSAGES):
        socket.send("news")
    with pytest.raises(Closing) as closing:
        socket.send("one too many")
    assert closing.value.code == 1013


class DumbClient:
    """Speaks WebSocket (RFC 6455) by hand and never answers a ping: a machine that lost its network."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, server: Server) -> "DumbClient":
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write(
            f"GET /api/v1/ws HTTP/1.1\r\nHost: mcu\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), BOUND_S)
        return cls(reader, writer)

    async def send(self, message: dict[str, Any]) -> None:
        payload = json.dumps(message).encode()
        assert len(payload) < 126
        self.writer.write(struct.pack("!BB4x", 0x81, 0x80 | len(payload)) + payload)  # masked with zeros
        await self.writer.drain()

    async def opcodes(self) -> set[int]:
        """What kinds of frames came until the server hung up: 1 text, 8 close, 9 ping."""
        seen: set[int] = set()
        try:
            while True:
                head = await self._reader.readexactly(2)
                seen.add(head[0] & 0x0F)
                length = head[1] & 0x7F
                if length >= 126:
                    size = await self._reader.readexactly(2 if length == 126 else 8)
                    length = int.from_bytes(size)
                await self._reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            return seen


async def test_who_answers_no_ping_is_gone_for_the_others(
    make_server: MakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert server_module.PING_INTERVAL_S + server_module.PING_TIMEOUT_S <= 15, "well within the grace time"
    monkeypatch.setattr(server_module, "PING_INTERVAL_S", 0.2)
    monkeypatch.setattr(server_module, "PING_TIMEOUT_S", 3.0)
    server = await make_server()
    async with SocketClient(server) as ada:
        await ada.ask("join", room="team", name="Ada")
        dumb = await DumbClient.connect(server)
        try:
            await dumb.send({"id": 1, "type": "join", "data": {"room": "team", "name": "Bob"}})
            opcodes = await asyncio.wait_for(dumb.opcodes(), BOUND_S)
        finally:
            dumb.writer.close()
        assert {1, 9} <= opcodes
        while (news := await ada.event("participant_updated"))["participant"]["name"] != "Bob":
            pass
        assert news["participant"]["presence"] == "reconnecting"
        assert await ada.ask("ping") == {}, "who answers stays"
