"""Old clients on a whole server: with everybody else in one room, and among themselves."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from mcu.protocol.models import TileMap
from tests.doors.pages import open_page
from tests.kit import libwebrtc
from tests.kit.browser import RoomPage, launch_chromium
from tests.kit.cards import Rgb, read_card
from tests.kit.libwebrtc import Viewer
from tests.kit.server import Server, running_server
from tests.system.people import ADA, BO, CHLOE, DAE, Person, as_int16, hears_all_but, voices
from tests.system.test_meeting import SMALL_VIEW, in_browser

ROOM = "회의"
PATIENCE_S = 60.0
AUDIBLE_DBFS = -50.0


def all_in(picture: Rgb, tiles: TileMap, people: tuple[Person, ...]) -> bool:
    """Each tile shows one of them, and each of them has one: old clients have no names."""
    shown = [person.name for tile in tiles.tiles for person in people if person.is_in(picture, tile)]
    return sorted(shown) == sorted(person.name for person in people) and len(tiles.tiles) == len(people)


@contextlib.asynccontextmanager
async def old_page(
    server: Server, person: Person, directory: Path, name: str, query: str = ""
) -> AsyncIterator[RoomPage]:
    camera = person.write_camera(directory / f"{person.sender}.y4m")
    microphone = person.write_microphone(directory / f"{person.sender}.wav")
    async with (
        launch_chromium(camera=camera, microphone=microphone) as chromium,
        open_page(chromium, server.url, name, query) as page,
    ):
        yield page


@dataclass(frozen=True, slots=True)
class Mixed:
    """One of each kind: Ada on our page, Bo on a PeerJS page, Chloé on a page of the call dialect, 대현 by WHIP, and a
    viewer by WHEP.
    """

    server: Server
    ada: RoomPage
    bo: RoomPage
    chloe: RoomPage
    viewer: Viewer


@contextlib.asynccontextmanager
async def everyone(server: Server, directory: Path) -> AsyncIterator[Mixed]:
    room, card = quote(ROOM), DAE.card.draw(0).tobytes()
    whip = f"{server.url}/whip/{room}?name={quote(DAE.name)}"
    async with (
        in_browser(ADA, server, directory) as ada,
        old_page(server, BO, directory, "peer.html") as bo,
        old_page(server, CHLOE, directory, "call.html", f"?room={room}") as chloe,
        libwebrtc.publishing(whip, DAE.hue, DAE.tone_hz, picture=card),
        libwebrtc.watching(f"{server.url}/whep/{room}") as (_, viewer),
    ):
        await bo.page.evaluate("begin('bo')")
        await bo.page.evaluate(f"dial('mcu:{ROOM}', {{name: 'Bo'}})")
        yield Mixed(server, ada, bo, chloe, viewer)


async def tiles_of(server: Server, count: int) -> TileMap:
    """Where everybody is, once there are so many."""
    async with httpx.AsyncClient(base_url=server.url) as http, asyncio.timeout(PATIENCE_S):
        while True:
            answer = await http.get(f"/api/v1/rooms/{quote(ROOM)}/views/main/tiles")
            tiles = TileMap.model_validate(answer.json())
            if len(tiles.tiles) == count:
                return tiles
            await asyncio.sleep(0.05)


async def are_seen(people: tuple[Person, ...], met: Mixed, pages: tuple[RoomPage, ...]) -> None:
    """On each of these pages and by the viewer, each in a tile and nobody else in one."""
    tiles = await tiles_of(met.server, len(people))
    for page in pages:
        await page.wait_for_frame(lambda picture: all_in(picture, tiles, people), PATIENCE_S)
    async with asyncio.timeout(PATIENCE_S):
        while met.viewer.picture is None or not all_in(met.viewer.picture, tiles, people):  # noqa: ASYNC110 - a native thread brings them
            await asyncio.sleep(0.05)


async def everyone_is_heard_by_everyone(met: Mixed) -> None:
    async with asyncio.timeout(PATIENCE_S):
        for page, person in ((met.ada, ADA), (met.bo, BO), (met.chloe, CHLOE)):
            while not hears_all_but(as_int16((await page.sound(1.5))[0]), person):
                pass
        while min(voices(met.viewer.sound).values()) < AUDIBLE_DBFS:  # noqa: ASYNC110 - a native thread brings it
            await asyncio.sleep(0.2)


async def everyone_reads_what_is_said(met: Mixed) -> None:
    """On two data channels, and in our page's own chat."""
    await met.bo.page.evaluate(f"connect('mcu:{ROOM}')")
    await met.chloe.wait_for("channel.readyState === 'open'")
    await met.chloe.page.evaluate("channel.send('안녕')")
    await met.bo.wait_for("heard.some((words) => words.endsWith(': 안녕'))")
    await met.bo.page.evaluate("data.send('hello')")
    await met.chloe.wait_for("heard.includes('Bo: hello')")
    await met.ada.wait_for("['안녕', 'hello'].every((words) => document.body.textContent.includes(words))")


@pytest.mark.browser
@pytest.mark.timeout(300)
async def test_clients_of_every_kind_meet_in_one_room(tmp_path: Path) -> None:
    with running_server(tmp_path, SMALL_VIEW, "--workers", "1") as server:
        async with everyone(server, tmp_path) as met:
            await are_seen((ADA, BO, CHLOE, DAE), met, (met.ada, met.bo, met.chloe))
            await everyone_is_heard_by_everyone(met)
            await everyone_reads_what_is_said(met)
            assert met.ada.complaints == []
            await met.bo.page.evaluate("call.close(); data.close()")
            await are_seen((ADA, CHLOE, DAE), met, (met.ada, met.chloe))


async def meets(page: RoomPage, other: Person) -> None:
    """The page shows the other's card and nothing else, and sounds like them."""

    def shows_them(picture: Rgb) -> bool:
        reading = read_card(picture)
        return reading is not None and reading.sender == other.sender

    await page.wait_for_frame(shows_them, PATIENCE_S)
    async with asyncio.timeout(PATIENCE_S):
        while True:
            levels = voices(as_int16((await page.sound(1.5))[0]))
            if levels.pop(other.name) > AUDIBLE_DBFS and max(levels.values()) < AUDIBLE_DBFS:
                return


@pytest.mark.browser
@pytest.mark.long
async def test_peers_call_each_other(tmp_path: Path) -> None:
    environment = {"MCU_WORKERS": "0"}
    with running_server(tmp_path, environment) as server:
        async with (
            old_page(server, ADA, tmp_path, "peer.html") as ada,
            old_page(server, BO, tmp_path, "peer.html") as bo,
        ):
            await ada.page.evaluate("begin('ada')")
            assert await bo.page.evaluate("begin()")
            await bo.page.evaluate("dial('ada')")
            await meets(ada, BO)
            await meets(bo, ADA)
            await ada.page.evaluate("peer.disconnect(); peer.reconnect()")
            await ada.wait_for("peer.open")
            await bo.page.evaluate("call.close(); dial('ada')")
            await meets(bo, ADA)
            await bo.page.evaluate("dial('nobody')")
            await bo.wait_for("problems.includes('peer-unavailable')")


@pytest.mark.browser
@pytest.mark.long
async def test_a_mesh_connects_pages_to_each_other(tmp_path: Path) -> None:
    with running_server(tmp_path, {"MCU_WORKERS": "0"}) as server:
        async with httpx.AsyncClient(base_url=server.url) as http:
            opened = await http.post("/api/v1/rooms", json={"name": "mesh", "topology": "mesh"})
            assert opened.status_code == 201
        async with (
            old_page(server, ADA, tmp_path, "call.html", "?room=mesh") as ada,
            old_page(server, BO, tmp_path, "call.html", "?room=mesh") as bo,
        ):
            await meets(ada, BO)
            await meets(bo, ADA)
            for page in (ada, bo):
                await page.wait_for("channel?.readyState === 'open'")
            await bo.page.evaluate("channel.send('hi')")
            await ada.wait_for("heard.includes('hi')")
