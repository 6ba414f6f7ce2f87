"""Malformed and hostile messages at every door: an error of that door's kind, and a meeting that notices nothing."""

import asyncio
import contextlib
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from client.room import Room
from client.sources import Tone
from mcu.protocol.wire import MAX_MESSAGE_BYTES
from tests.kit.server import Server, running_server
from tests.mcu.rtc.offers import CHROMIUM
from tests.system import hostiledoors as doors
from tests.system.hostiledoors import Caller, Message
from tests.system.people import CHLOE
from tests.system.test_hostile import SMALL_VIEW

PATIENCE_S = 40.0
FLOOD = 400
LONG = MAX_MESSAGE_BYTES * "x" + "x"
DEEP = 5000 * "["
Door = Callable[[Server], AbstractAsyncContextManager[Caller]]


@dataclass(frozen=True, slots=True)
class Case:
    """``message`` is sent ``times`` times, by somebody who has just come in; ``outcome`` is what they are told."""

    door: Door
    message: Message
    outcome: str
    times: int = 1

    @property
    def name(self) -> str:
        return f"{self.door.__name__}: {self.times} × {self.message[:40]!r}"


def request(kind: str, **data: object) -> str:
    return json.dumps({"id": 9, "type": kind, "data": data})


def event(*parts: object) -> str:
    return "42" + json.dumps(parts)


def peer(kind: object, dst: object, payload: object = None) -> str:
    return json.dumps({"type": kind, "dst": dst, "payload": payload})


def say(payload: object) -> str:
    return json.dumps({"type": "new_message", "payload": payload})


CASES = (
    Case(doors.websocket, LONG, "closed 1009"),
    Case(doors.websocket, "{no json", "closed 1008"),
    Case(doors.websocket, b"\x00\x01", "closed 1008"),
    Case(doors.websocket, DEEP, "closed 1008"),
    Case(doors.websocket, '{"id":9,"type":"chat","data":{"text":' + 100 * "[" + 100 * "]" + "}}", "error invalid"),
    Case(doors.websocket, request("chat", text={"a": 1}), "error invalid"),
    Case(doors.websocket, '{"id":9,"type":7}', "error bad_request"),
    Case(doors.websocket, request("conquer"), "error unknown_type"),
    Case(doors.websocket, request("offer", sdp="v=0"), "error bad_sdp"),
    Case(doors.websocket, request("app", topic="x", payload="x" * 20_000), "error invalid"),
    Case(doors.websocket, request("ping"), "closed 1013", FLOOD),
    Case(doors.rawchat, LONG, "closed 1009"),
    Case(doors.rawchat, "{no json", "closed 1008"),
    Case(doors.rawchat, b"\x00\x01", "closed 1008"),
    Case(doors.rawchat, DEEP, "closed 1008"),
    Case(doors.rawchat, say({"a": [1]}), "error"),
    Case(doors.rawchat, say("x" * 5000), "error"),
    Case(doors.rawchat, json.dumps({"type": "conquer"}), "error"),
    Case(doors.rawchat, json.dumps({"type": ["nickname"], "payload": "x"}), "error"),
    Case(doors.rawchat, json.dumps({"type": "nickname", "payload": "\u202e"}), "error"),
    Case(doors.peerjs, LONG, "closed 1009"),
    Case(doors.peerjs, "{no json", "error ERROR"),
    Case(doors.peerjs, b"\x00\x01", "closed 1008"),
    Case(doors.peerjs, DEEP, "error ERROR"),
    Case(doors.peerjs, peer("CONQUER", "ada"), "error ERROR"),
    Case(doors.peerjs, peer("OFFER", {"a": 1}), "error ERROR"),
    Case(doors.peerjs, peer("OFFER", f"mcu:{doors.ROOM}", {"type": "media", "sdp": 7}), "error EXPIRE"),
    Case(doors.peerjs, peer("CANDIDATE", f"mcu:{doors.ROOM}", [1, 2]), "error EXPIRE"),
    Case(doors.peerjs, peer("HEARTBEAT", None), "closed 1013", FLOOD),
    Case(doors.canonical, "42" + LONG, "closed 1009"),
    Case(doors.canonical, "no packet", "closed 1008"),
    Case(doors.canonical, "42{no json", "hung up"),
    Case(doors.canonical, "42" + DEEP, "hung up"),
    Case(doors.canonical, b"\x00\x01", "closed 1008"),
    Case(doors.canonical, event(7), "hung up"),
    Case(doors.canonical, event("chat", {"text": [1]}), "error invalid"),
    Case(doors.canonical, event("chat", "text"), "error invalid"),
    Case(doors.canonical, event("conquer", {}), "error unknown_type"),
    Case(doors.canonical, event("ping"), "closed 1013", FLOOD),
    Case(doors.chat_dialect, event("new_message", {"a": 1}, doors.ROOM), "error invalid"),
    Case(doors.chat_dialect, event("new_message", "x" * 5000, doors.ROOM), "error invalid"),
    Case(doors.chat_dialect, event("enter_room", 7), "error invalid"),
    Case(doors.chat_dialect, event("nickname"), "error invalid"),
    Case(doors.chat_dialect, event("conquer"), "error unknown_type"),
    Case(doors.chat_dialect, "42" + DEEP, "hung up"),
    Case(doors.chat_dialect, event("nickname", "x"), "closed 1013", FLOOD),
    Case(doors.call_dialect, event("offer", [1], doors.ROOM), "error invalid"),
    Case(doors.call_dialect, event("offer", {"sdp": "v=0"}, doors.ROOM), "error bad_sdp"),
    Case(doors.call_dialect, event("offer", {"sdp": CHROMIUM[:200]}, doors.ROOM), "error bad_sdp"),
    Case(doors.call_dialect, event("ice", "candidate", doors.ROOM), "error invalid"),
    Case(doors.call_dialect, event("answer", {}, doors.ROOM), "error wrong_state"),
    Case(doors.call_dialect, event("conquer"), "error unknown_type"),
    Case(doors.call_dialect, "42" + LONG, "closed 1009"),
    Case(doors.call_dialect, event("ice", None, doors.ROOM), "closed 1013", FLOOD),
    *(
        Case(door, message, f"status {outcome}")
        for door in (doors.whip, doors.whep)
        for message, outcome in (
            ("v=0\r\n" + LONG, "413 too_large"),
            ("hello", "400 bad_sdp"),
            ("", "400 bad_request"),
            (b"v=0\r\n\xff\x00", "400 bad_sdp"),
            (DEEP, "400 bad_sdp"),
            (CHROMIUM[:200], "400 bad_sdp"),
            (CHROMIUM.replace("a=mid:1", "a=mid:0"), "400 bad_sdp"),
            ("v=0\r\n" + 100 * "m=audio 9 X 0\r\n", "406 not_acceptable"),
        )
    ),
    Case(doors.channel, 20_000 * "x", "error"),
    Case(doors.channel, 3000 * "x", "error"),
    Case(doors.channel, b"\x00\x01", "error"),
    Case(doors.channel, '{"type":"conquer"}', "error unknown_type"),
    Case(doors.channel, '{"type":"chat","data":7}', "error bad_request"),
    Case(doors.channel, "{" + DEEP, "error"),
    Case(doors.channel, "", "closed", FLOOD),
)


async def told(server: Server, case: Case) -> str:
    async with case.door(server) as caller:
        for _ in range(case.times):
            await caller.send(case.message)
        found = await caller.outcome()
        while case.times > 1 and found.startswith("error"):
            found = await caller.outcome()  # what a flood says may be wrong as well
    return found


async def half_open(server: Server) -> None:
    """They begin something, and are gone without a word or never go on."""
    offer = "Host: x\r\nContent-Type: application/sdp\r\nContent-Length: 900\r\n\r\nv=0"
    head = f"POST /whip/{doors.ROOM} HTTP/1.1\r\n"
    for beginning in ("GET /api/v1/ws HTTP/1.1\r\nUpg", head + offer, "\x16\x03\x01", "GET / HTTP/1.1\r\n" + LONG):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(beginning.encode())
        async with asyncio.timeout(PATIENCE_S):
            with contextlib.suppress(ConnectionResetError):
                await reader.read()
        writer.close()
    for door in (doors.websocket, doors.rawchat, doors.peerjs, doors.canonical, doors.call_dialect):
        async with door(server) as caller:
            assert isinstance(caller, doors.SocketCaller)
            caller.socket.transport.abort()


@pytest.mark.timeout(300)
async def test_every_door_has_its_errors_and_those_inside_notice_nothing(tmp_path: Path) -> None:
    limits = {"MCU_LIMITS__HEADER_TIMEOUT_S": "1", "MCU_LIMITS__BODY_TIMEOUT_S": "1", "MCU_LIMITS__JOIN_TIMEOUT_S": "2"}
    with running_server(tmp_path, SMALL_VIEW | limits, "--workers", "1") as server:
        sound = Tone(CHLOE.tone_hz, 0.1)
        async with Room.connect(server.url, doors.ROOM, "Chloé", audio=sound, video=CHLOE.card) as inside:
            await anext(inside.pictures())
            found = {case.name: await told(server, case) for case in CASES}
            assert found == {case.name: case.outcome for case in CASES}
            await half_open(server)
            before = inside.stats.pictures
            async with asyncio.timeout(PATIENCE_S):
                async for _ in inside.pictures():
                    if inside.stats.pictures > before + 25:
                        break
            assert inside.stats.offers == 1, "its connection had to be made anew"
            assert inside.stats.reconnects == 0
        assert [line for line in server.log.splitlines() if '"level": "error"' in line] == []
        assert "Traceback" not in server.log
