"""Firefox by three doors: our page, WHIP and WHEP; judged by what it and others see and hear."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from mcu.protocol.models import TileMap
from tests.kit import libwebrtc
from tests.kit.cards import crop
from tests.kit.firefox import Firefox, launch_firefox
from tests.kit.libwebrtc import Viewer
from tests.kit.server import Server, free_port, running_server
from tests.kit.testcard import Rgb
from tests.kit.tones import Samples
from tests.system.test_doors import END, SCRIPT, SETTINGS, plain_page, shows, sounds, until_empty

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.timeout(300)]

PATIENCE_S = 60.0
ROOM = "fox"
GREEN, BLUE = 120.0, 240.0
FOX_HZ, OTHER_HZ = 440, 610


@asynccontextmanager
async def a_room(server: Server, directory: Path) -> AsyncIterator[tuple[Firefox, Viewer]]:
    """Firefox with a page yet to be opened, a blue publisher whose tone is ``OTHER_HZ``, and a viewer."""
    async with (
        libwebrtc.publishing(f"{server.url}/whip/{ROOM}?name=Other", BLUE, OTHER_HZ),
        launch_firefox(directory, GREEN, FOX_HZ) as firefox,
        libwebrtc.watching(f"{server.url}/whep/{ROOM}") as (_, viewer),
    ):
        yield firefox, viewer


async def tiles_of(server: Server) -> TileMap:
    """Where both are, once they are."""
    async with httpx.AsyncClient(base_url=server.url) as http, asyncio.timeout(PATIENCE_S):
        while True:
            answer = await http.get(f"/api/v1/rooms/{ROOM}/views/main/tiles")
            tiles = TileMap.model_validate(answer.json())
            if len(tiles.tiles) == 2:
                return tiles
            await asyncio.sleep(0.05)


def both_are_in(picture: Rgb | None, tiles: TileMap) -> bool:
    hues = {"Other": BLUE}
    return picture is not None and all(
        shows(crop(picture, tile.box), hues.get(tile.name, GREEN)) for tile in tiles.tiles
    )


async def viewer_sees_and_hears_both(viewer: Viewer, tiles: TileMap) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not both_are_in(viewer.picture, tiles):  # noqa: ASYNC110 - a native thread brings them
            await asyncio.sleep(0.05)
        while not (sounds(viewer.sound, FOX_HZ) and sounds(viewer.sound, OTHER_HZ)):  # noqa: ASYNC110 - a native thread brings it
            await asyncio.sleep(0.05)


async def hears(firefox: Firefox, tone_hz: float) -> Samples:
    """The first sound with that tone in it."""
    async with asyncio.timeout(PATIENCE_S):
        while not sounds(heard := await firefox.sound(), tone_hz):
            pass
    return heard


async def test_firefox_meets_somebody_on_the_page(tmp_path: Path) -> None:
    with running_server(tmp_path, SETTINGS, "--workers", "1") as server:
        async with a_room(server, tmp_path) as (firefox, viewer):
            await firefox.goto(f"{server.url}/?room={ROOM}&name=Fox&autojoin=1&audio=raw")
            await firefox.wait_for("window.mcu?.state === 'live'")
            tiles = await tiles_of(server)
            await firefox.wait_for_frame(lambda picture: both_are_in(picture, tiles), PATIENCE_S)
            assert not sounds(await hears(firefox, OTHER_HZ), FOX_HZ)
            await viewer_sees_and_hears_both(viewer, tiles)


async def test_firefox_publishes_and_watches_on_a_plain_page(tmp_path: Path) -> None:
    port = free_port()
    variables = SETTINGS | {"MCU_CORS_ORIGINS": f'["http://localhost:{port}"]'}
    with running_server(tmp_path, variables, "--workers", "1") as server:
        async with a_room(server, tmp_path) as (firefox, viewer), plain_page(port) as page:
            await firefox.goto(page)
            await firefox.call(SCRIPT, [f"{server.url}/whip/{ROOM}?name=Fox", f"{server.url}/whep/{ROOM}"])
            tiles = await tiles_of(server)
            await firefox.wait_for_frame(lambda picture: both_are_in(picture, tiles), PATIENCE_S)
            assert sounds(await hears(firefox, OTHER_HZ), FOX_HZ)
            await viewer_sees_and_hears_both(viewer, tiles)
            assert set(await firefox.call("() => window.trickled")) == {204}
            assert await firefox.call(END) == [200, 200]
        await until_empty(server, ROOM)
