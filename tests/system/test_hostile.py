"""Whoever knocks at the doors with rubbish gets a clear error, and those inside notice nothing."""

import asyncio
import contextlib
import json
import random
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from client.room import Room
from client.sources import Tone
from tests.kit.server import Server, running_server
from tests.mcu.rtc.offers import CHROMIUM
from tests.system.people import CHLOE

SMALL_VIEW = {"MCU_VIEW__WIDTH": "320", "MCU_VIEW__HEIGHT": "180", "MCU_VIEW__FPS": "25", "MCU_VIEW__VIDEO_KBPS": "300"}
PATIENCE_S = 40.0
MUTATIONS = 60
STRANGERS_DATAGRAMS = 500


class Attacker:
    """A client that speaks just enough of the protocol to break it. ``ask`` answers with the error's code."""

    def __init__(self, socket_: ClientConnection) -> None:
        self._socket = socket_
        self._asked = 0

    async def ask(self, kind: str, **data: Any) -> str:
        self._asked += 1
        await self._socket.send(json.dumps({"id": self._asked, "type": kind, "data": data}))
        async with asyncio.timeout(PATIENCE_S):
            while True:
                answer = json.loads(await self._socket.recv())
                if answer.get("reply_to") == self._asked:
                    return "ok" if answer["ok"] else str(answer["error"]["code"])

    async def closed_after(self, message: str | bytes) -> int:
        await self._socket.send(message)
        async with asyncio.timeout(PATIENCE_S):
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await self._socket.recv()
        assert self._socket.close_code is not None
        return self._socket.close_code


@contextlib.asynccontextmanager
async def attacker(server: Server) -> AsyncIterator[Attacker]:
    async with connect(f"ws://127.0.0.1:{server.port}/api/v1/ws", max_size=None) as socket_:
        yield Attacker(socket_)


async def bad_messages(server: Server) -> None:
    async with attacker(server) as one:
        assert await one.ask("offer", sdp="v=0") != "ok"
        assert await one.ask("join", room="open", name="\u202e\u2066") == "invalid"
        assert await one.ask("join", room="open", name="x" * 65) == "invalid"
        assert await one.ask("join", room="open", name="Mallory", token="eyJ.not.one") == "unauthorised"
        assert await one.ask("join", room="open", name="Mallory") == "ok"
        assert await one.ask("conquer") == "unknown_type"
        assert await one.ask("layout", layout={"preset": "mosaic"}) == "invalid"
        assert await one.ask("layout", layout={"gap": 10**9}) == "invalid"
        assert await one.ask("candidate", candidate={"candidate": "candidate:" + "9" * 2000}) == "invalid"
        assert await one.ask("offer", sdp="v" * 65_537) == "invalid"
        assert await one.ask("offer", sdp="v=0\r\nnonsense") == "bad_sdp"
        assert await one.ask("offer", sdp=only_vp9(CHROMIUM)) == "no_common_codec"
        assert await one.ask("ping") == "ok"
    for message, code in (("no json", 1008), (b"\x00\x01", 1008), ("[1, 2]", 1008), ('"' + "x" * 200_000 + '"', 1009)):
        async with attacker(server) as one:
            assert await one.closed_after(message) == code


def only_vp9(sdp: str) -> str:
    head, video = sdp.split("m=video", 1)
    lines = [line for line in video.split("\n") if "VP8" not in line and "H264" not in line]
    return head + "m=video" + "\n".join(lines)


async def mutated_offers(server: Server) -> None:
    """Each is answered, or refused with a code that says why."""
    chance = random.Random(7)
    async with attacker(server) as one:
        assert await one.ask("join", room="open", name="Mallory") == "ok"
        for number in range(MUTATIONS):
            lines = CHROMIUM.split("\n")
            for _ in range(chance.randint(1, 6)):
                place = chance.randrange(len(lines))
                lines[place] = chance.choice(
                    ("", "a=", "m=video 0 X", lines[place][:7], lines[place] * 2, "\x00", "é" * 9)
                )
            code = await one.ask("offer", sdp="\r\n".join(lines))
            assert code in ("ok", "bad_sdp", "no_common_codec", "invalid"), (code, number)
            if number % 20 == 19:
                # Patience with our own flood limit.
                await asyncio.sleep(0.5)


async def bad_requests(server: Server) -> None:
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        as_json = {"Content-Type": "application/json"}
        layout = "/api/v1/rooms/open/views/main/layout"
        for method, path, content, status, code in (
            ("POST", "/api/v1/rooms", b"{not json", 400, "bad_request"),
            ("POST", "/api/v1/rooms", b'{"name": ""}', 422, "invalid"),
            ("POST", "/api/v1/rooms", b" " * 2_000_000, 413, "too_large"),
            ("PUT", layout, b'{"preset": "mosaic"}', 422, "invalid"),
            ("GET", "/api/v1/rooms/nowhere", b"", 404, "no_such_room"),
            ("GET", "/api/v1/rooms/open/recordings/..%2f..%2fetc/files/passwd", b"", 404, None),
        ):
            answer = await http.request(method, path, content=content, headers=as_json)
            assert answer.status_code == status, (path, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
            assert code is None or answer.json()["code"] == code


def strangers_datagrams(server: Server) -> None:
    """What anybody can send to the ports that media flows through."""
    chance = random.Random(11)
    hello = bytes.fromhex("16feff0000000000000000003a010000") + chance.randbytes(60)
    alert = bytes.fromhex("15feff0000000000000000000202 28".replace(" ", ""))
    for address in media_addresses(server):
        with socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for number in range(STRANGERS_DATAGRAMS):
                kind = number % 6
                datagram = (b"", hello, alert, b"\x80\x60" + chance.randbytes(40), b"\x00\x01", chance.randbytes(200))[
                    kind
                ]
                stranger.sendto(datagram, address)


def media_addresses(server: Server) -> list[tuple[str, int]]:
    """Where the server's processes listen for datagrams, as the kernel says."""
    inodes = set()
    for link in (link for pid in server.pids for link in Path(f"/proc/{pid}/fd").iterdir()):
        with contextlib.suppress(OSError):
            target = str(link.readlink())
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    found = []
    for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[9] in inodes:
            host, port = fields[1].split(":")
            found.append((socket.inet_ntoa(bytes.fromhex(host)[::-1]), int(port, 16)))
    return found


@pytest.mark.timeout(180)
async def test_those_inside_notice_nothing(tmp_path: Path, workers: tuple[str, ...]) -> None:
    with running_server(tmp_path, SMALL_VIEW, *workers) as server:
        async with Room.connect(
            server.url, "open", "Chloé", audio=Tone(CHLOE.tone_hz, 0.1), video=CHLOE.card
        ) as inside:
            await anext(inside.pictures())
            assert media_addresses(server)
            await bad_messages(server)
            await mutated_offers(server)
            await bad_requests(server)
            await asyncio.to_thread(strangers_datagrams, server)
            before = inside.stats.pictures
            async with asyncio.timeout(PATIENCE_S):
                async for _ in inside.pictures():
                    if inside.stats.pictures > before + 25:
                        break
            assert inside.stats.offers == 1, "its connection had to be made anew"
            assert inside.stats.reconnects == 0
        metrics = server.metrics()
        assert metrics['mcu_ticks_failed_total{room="open",thread="picture"}'] == 0
        assert metrics['mcu_ticks_failed_total{room="open",thread="sound"}'] == 0
        assert [line for line in server.log.splitlines() if '"level": "error"' in line] == []
        assert "Traceback" not in server.log
