"""A telephone leaves the Wi-Fi in the middle of a meeting: other interface, other address, and nobody tells anybody.

The socket and the peer connection hang in the void together. The client finds out, joins again with its token and
makes a new peer connection: for everybody else nobody ever left.
"""

import asyncio
import contextlib
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from pydantic import SecretStr

from api.auth import Authority, Grants, TokenSpec
from client.room import Room
from client.sources import Tone
from tests.kit.browser import RoomPage, launch_chromium
from tests.kit.server import Server, running_server
from tests.kit.twopaths import SERVER, TwoPaths, two_paths, within
from tests.system.people import BO, CHLOE

ROOM = "walk"
KEY = "a key of this test, long enough for HS256"
ADMIN_KEY = "an admin key of this test"
PATIENCE_S = 40.0
SETTINGS = {
    "MCU_HOST": "0.0.0.0",
    "MCU_KEYS__K1": KEY,
    "MCU_ADMIN_KEYS": f'["{ADMIN_KEY}"]',
    "MCU_VIEW__WIDTH": "320",
    "MCU_VIEW__HEIGHT": "180",
    "MCU_VIEW__FPS": "10",
    "MCU_VIEW__TIERS": "1",
}
ROOT = Path(__file__).parents[2]

Report = dict[str, Any]


def token(identity: str, **grants: Any) -> str:
    spec = TokenSpec(identity=identity, name=identity.title(), grants=Grants(room=ROOM, **grants))
    return Authority({"k1": SecretStr(KEY)}).issue(spec).token


class Phone:
    """The program on the telephone, by what it reports."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def until(self, holds: Callable[[Report], bool]) -> Report:
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            while line := await self._process.stdout.readline():
                report: Report = json.loads(line)
                if holds(report):
                    return report
        raise AssertionError("the phone hung up")


@contextlib.asynccontextmanager
async def calling(paths: TwoPaths, server: Server) -> AsyncIterator[Phone]:
    url = f"http://{SERVER}:{server.port}"
    command = paths.command(sys.executable, "-m", "tests.kit.phone", url, ROOM, token("bo"))
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, cwd=ROOT)
    try:
        yield Phone(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - whatever happens may make it hold
            await asyncio.sleep(0.05)


def tile_of(room: Room, who: str) -> str | None:
    return next((tile.state for tile in room.tiles.tiles if tile.participant == who), None)


async def pinned(server: Server) -> str | None:
    headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
    async with httpx.AsyncClient(base_url=server.url, headers=headers) as admin:
        layout: dict[str, Any] = (await admin.get(f"/api/v1/rooms/{ROOM}/views/main/layout")).json()
    who: str | None = layout["pinned"]
    return who


async def walk_out(paths: TwoPaths, server: Server, chloe: Room, phone: Phone) -> None:
    before = await phone.until(lambda report: report["pictures"] > 5)
    await until(lambda: tile_of(chloe, "bo") == "live")
    await chloe.moderation.pin("bo")
    await chloe.chat.say("on your way?")
    await phone.until(lambda report: report["chat"] == ["on your way?"])
    joined_at = chloe.participants["bo"].joined_at
    events = chloe.events(size=4096)

    paths.lose_wifi()
    await until(lambda: chloe.participants["bo"].presence == "reconnecting" or tile_of(chloe, "bo") != "live")
    assert tile_of(chloe, "bo") is not None, "a tile that waits, not a hole"
    await chloe.chat.say("still there?")
    await chloe.chat.say("mind the step", to=["bo"])
    back = await phone.until(lambda report: report["state"] == "joined" and report["reconnects"] == 1)
    assert back["id"] == "bo"
    assert back["offers"] == before["offers"] + 1
    await phone.until(lambda report: report["pictures"] > back["pictures"] + 5)
    told = await phone.until(lambda report: len(report["chat"]) == 3)
    assert told["chat"] == ["on your way?", "still there?", "mind the step"]
    await until(lambda: tile_of(chloe, "bo") == "live" and chloe.participants["bo"].presence == "connected")
    assert chloe.participants["bo"].joined_at == joined_at
    seen = [(await anext(events)).type for _ in range(len(events))]
    assert "participant_updated" in seen
    assert not {"participant_left", "participant_joined"} & set(seen), "they never left"
    assert await pinned(server) == "bo"


async def walk_out_with_a_browser(paths: TwoPaths, server: Server, chloe: Room, page: RoomPage) -> None:
    await page.wait_for_state("live", PATIENCE_S)
    await page.wait_for_frames(5, PATIENCE_S)
    await until(lambda: tile_of(chloe, "bo") == "live")
    await chloe.moderation.pin("bo")
    joined_at = chloe.participants["bo"].joined_at
    events = chloe.events(size=4096)
    paths.lose_wifi()
    await until(lambda: chloe.participants["bo"].presence == "reconnecting" or tile_of(chloe, "bo") != "live")
    await chloe.chat.say("still there?")
    await chloe.chat.say("mind the step", to=["bo"])
    await until(lambda: tile_of(chloe, "bo") == "live" and chloe.participants["bo"].presence == "connected")
    await page.wait_for_state("live", PATIENCE_S)
    await page.wait_for_frames(5, PATIENCE_S)
    for text in ("still there?", "mind the step"):
        await page.page.locator("#chat-log").get_by_text(text).wait_for(state="attached")
    assert await page.page.evaluate("window.mcu.me") == "bo"
    assert chloe.participants["bo"].joined_at == joined_at
    seen = [(await anext(events)).type for _ in range(len(events))]
    assert not {"participant_left", "participant_joined"} & set(seen), "they never left"
    assert await pinned(server) == "bo"


@pytest.mark.browser
@pytest.mark.long
@pytest.mark.timeout(240)
async def test_a_browser_leaves_the_wifi_and_stays_in_the_meeting(tmp_path: Path) -> None:
    with two_paths() as paths, within(paths.server), running_server(tmp_path, SETTINGS, "--workers", "0") as server:
        origin = f"http://{SERVER}:{server.port}"
        mine, theirs = token("chloe", role="moderator"), token("bo")
        async with contextlib.AsyncExitStack() as stack:
            with within(paths.phone):
                launching = launch_chromium(camera=BO.write_camera(tmp_path / "bo.y4m"), secure_origin=origin)
                chromium = await stack.enter_async_context(launching)
            joining = Room.connect(server.url, ROOM, "Chloe", token=mine, audio=Tone(CHLOE.tone_hz, 0.1), receive=False)
            chloe = await stack.enter_async_context(joining)
            fields = urlencode({"room": ROOM, "name": "bo", "token": theirs, "autojoin": "1"})
            page = await stack.enter_async_context(chromium.open(f"{origin}/?{fields}"))
            await walk_out_with_a_browser(paths, server, chloe, page)


@pytest.mark.timeout(150)
async def test_a_phone_leaves_the_wifi_and_stays_in_the_meeting(tmp_path: Path) -> None:
    with two_paths() as paths, within(paths.server), running_server(tmp_path, SETTINGS, "--workers", "0") as server:
        mine = token("chloe", role="moderator")
        sound = Tone(CHLOE.tone_hz, 0.1)
        joining = Room.connect(server.url, ROOM, "Chloe", token=mine, audio=sound, receive=False)
        async with joining as chloe, calling(paths, server) as phone:
            await walk_out(paths, server, chloe, phone)
