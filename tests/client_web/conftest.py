"""A browser and a room made of nothing, for the tests of the page."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from tests.client_web.fakeserver import FakeServer
from tests.client_web.onepage import OnePage
from tests.client_web.serving import serve
from tests.kit.browser import Chromium, launch_chromium
from tests.kit.testcard import write_camera, write_microphone

CAMERA_HUE = 30.0


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def server() -> AsyncIterator[FakeServer]:
    async with serve() as fake:
        yield fake


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def chromium(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Chromium]:
    """A browser whose camera shows ``CAMERA_HUE`` and whose microphone says 440 Hz."""
    folder = tmp_path_factory.mktemp("capture")
    camera = write_camera(folder / "camera.y4m", CAMERA_HUE, width=320, height=180)
    async with (
        launch_chromium(camera=camera, microphone=write_microphone(folder / "mic.wav", 440)) as browser,
        AsyncExitStack() as stack,
    ):
        yield OnePage(browser, stack)


@pytest_asyncio.fixture(loop_scope="package")
async def room(server: FakeServer) -> AsyncIterator[FakeServer]:
    """The server, as if nobody had ever come."""
    server.reset()
    yield server
    await server.close()
