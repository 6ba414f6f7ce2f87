"""What a browser and a program really send while the layout changes: as large as their tile, nothing when unseen."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from client.cards import TestCard
from client.room import Room
from client.sources import Silence
from tests.kit.browser import RoomPage, launch_chromium
from tests.kit.server import Server, running_server
from tests.system.people import ADA, BO

ROOM = "uplinks"
PATIENCE_S = 40.0
VIEW = {
    "MCU_VIEW__WIDTH": "640",
    "MCU_VIEW__HEIGHT": "360",
    "MCU_VIEW__FPS": "15",
    "MCU_VIEW__VIDEO_KBPS": "500",
    "MCU_VIEW__TIERS": "1",  # tiles are looked for in the pixels of the canvas, also on a busy machine
}


async def arrange(server: Server, **layout: Any) -> None:
    async with httpx.AsyncClient(base_url=f"{server.url}/api/v1/rooms/{ROOM}") as http:
        answer = await http.put("/views/main/layout", json=layout)
        assert answer.status_code == 200, answer.text


async def decoded_widths(server: Server) -> dict[str, int]:
    """The width of everybody's pictures, as the server decodes them."""
    async with httpx.AsyncClient(base_url=f"{server.url}/api/v1/rooms/{ROOM}") as http:
        tiles = (await http.get("/views/main/tiles/health")).json()["tiles"]
    return {tile["name"]: tile["width"] for tile in tiles if tile["source"] == "camera"}


async def until_widths(server: Server, **wanted: int) -> None:
    async def fits() -> bool:
        return await decoded_widths(server) == wanted

    await until(fits)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Waits for what other processes bring about."""
    async with asyncio.timeout(PATIENCE_S):
        while not await condition():  # noqa: ASYNC110 - another process brings it about
            await asyncio.sleep(0.2)


async def sends(page: RoomPage, condition: str) -> None:
    """Waits until what the browser's own figures say of its picture is so; ``sent`` has them."""
    await page.page.wait_for_function(
        f"async () => {{ const sent = (await window.mcu.stats()).sent.video; return {condition}; }}",
        timeout=PATIENCE_S * 1000,
        polling=200,
    )


@pytest.mark.browser
@pytest.mark.long
@pytest.mark.timeout(180)
async def test_what_is_sent_follows_the_tile(tmp_path: Path) -> None:
    camera = ADA.write_camera(tmp_path / "ada.y4m")
    with running_server(tmp_path, VIEW) as server:
        address = f"{server.url}/?room={ROOM}&name=Ada&autojoin=1"
        async with (
            launch_chromium(camera=camera) as chromium,
            chromium.open(address) as page,
            Room.connect(server.url, ROOM, "Bo", audio=Silence(), video=TestCard(BO.hue, width=1280, height=720)) as bo,
        ):
            await page.wait_for_state("live", PATIENCE_S)
            me = await page.page.evaluate("() => window.mcu.me")
            await arrange(server, preset="pip", pinned=bo.participant.id)
            # Bo fills the canvas with a card of 1280 × 720; Ada's place is smaller than what is asked for at least.
            await until_widths(server, Ada=160, Bo=640)
            await sends(page, "sent.width === 160 && sent.height === 90")

            await arrange(server, preset="spotlight", pinned=me)
            await sends(page, "sent.width === 320")

            async def bo_rests() -> bool:
                return bo.uplink is not None and bo.uplink.video is None

            await until(bo_rests)
            paused = (await bo.packets_sent())["video"]

            async def bo_sends() -> bool:
                return (await bo.packets_sent())["video"] > paused + 10

            await arrange(server, preset="pip", pinned=bo.participant.id)
            await until(bo_sends)
            await until_widths(server, Ada=160, Bo=640)
            wishes = server.metrics()[f'mcu_uplink_wishes_total{{room="{ROOM}"}}']
            assert wishes <= 12
            assert page.complaints == []
