"""Old clients on a whole server: a page of the call dialect, a PeerJS page and a Python participant in one room."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from client.room import Room
from client.sources import Sound, Tone
from mcu.protocol.models import TileMap
from tests.doors.pages import open_page
from tests.kit.browser import RoomPage, launch_chromium
from tests.kit.cards import Rgb
from tests.kit.server import Server, running_server
from tests.system.people import ADA, BO, CHLOE, OWN_VOICE_DB, Person, as_int16, voices
from tests.system.test_meeting import PATIENCE_S, SMALL_VIEW, hears, sees

ROOM = "회의"
PEOPLE = (ADA, BO, CHLOE)


def all_in(picture: Rgb, tiles: TileMap, people: tuple[Person, ...]) -> bool:
    """Each tile shows one of them, and each of them has one: old clients have no names."""
    shown = [person.name for tile in tiles.tiles for person in people if person.is_in(picture, tile)]
    return sorted(shown) == sorted(person.name for person in people) and len(tiles.tiles) == len(people)


def hears_the_others(samples: Sound, listener: Person) -> bool:
    levels = {name: level for name, level in voices(samples).items() if name in {person.name for person in PEOPLE}}
    own = levels.pop(listener.name)
    return min(levels.values()) > -50.0 and own < min(levels.values()) - OWN_VOICE_DB


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


@pytest.mark.browser
@pytest.mark.timeout(300)
async def test_old_clients_see_and_hear_the_room(tmp_path: Path) -> None:
    with running_server(tmp_path, SMALL_VIEW) as server:
        async with (
            Room.connect(server.url, ROOM, CHLOE.name, audio=Tone(CHLOE.tone_hz, 0.1), video=CHLOE.card) as chloe,
            old_page(server, ADA, tmp_path, "call.html", f"?room={ROOM}") as ada,
            old_page(server, BO, tmp_path, "peer.html") as bo,
        ):
            await bo.page.evaluate("begin('bo')")
            await bo.page.evaluate(f"dial('mcu:{ROOM}', {{name: 'Bo'}})")
            await sees(chloe, lambda picture: all_in(picture, chloe.tiles, PEOPLE))
            assert BO.name in {tile.name for tile in chloe.tiles.tiles}
            for page in (ada, bo):
                await page.wait_for_frame(lambda picture: all_in(picture, chloe.tiles, PEOPLE), PATIENCE_S)
            for page, person in ((ada, ADA), (bo, BO)):
                samples, _ = await page.sound(2.0)
                assert hears_the_others(as_int16(samples), person)
            assert hears_the_others(await hears(chloe, 2.0), CHLOE)
            await bo.page.evaluate("call.close()")
            await sees(chloe, lambda picture: all_in(picture, chloe.tiles, (ADA, CHLOE)))


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
            for page in (ada, bo):
                await page.wait_for_frames(3, PATIENCE_S)
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
            for page in (ada, bo):
                await page.wait_for_frames(3, PATIENCE_S)
                await page.wait_for("channel?.readyState === 'open'")
