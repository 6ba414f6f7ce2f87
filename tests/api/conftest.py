"""Servers for the tests of this folder: in memory over ASGI, and a real one on a free port for WebSockets."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from pydantic import SecretStr

from api.app import create_app
from api.server import Server, build_server
from api.settings import Settings, StoreSettings
from mcu.config import EngineConfig
from mcu.protocol.models import ViewSpec
from tests.api.people import ADMIN_KEY, KEY, Meeting
from tests.conftest import StartEngine
from tests.kit.engine import FakeEngine
from tests.kit.rtc import LOOPBACK

BOUND_S = 10.0
IN_MEMORY: dict[str, Any] = {"store": StoreSettings(url=SecretStr("memory"))}
__all__ = ["ADMIN_KEY", "KEY"]

MakeClient = Callable[..., Awaitable[httpx.AsyncClient]]
MakeServer = Callable[..., Awaitable[Server]]


@pytest.fixture(autouse=True, scope="session")
def plain_log() -> None:
    """structlog's own default draws tracebacks with every local variable, which takes seconds."""
    structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()])


@pytest.fixture(autouse=True)
def no_ambient_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No mcu.toml of the developer's and no MCU_ variables get in."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("MCU_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def recordings_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "recordings"
    folder.mkdir()
    return folder


@pytest.fixture
def engine(recordings_dir: Path) -> FakeEngine:
    return FakeEngine(recordings_dir)


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
def make_client(engine: FakeEngine, recordings_dir: Path, stack: AsyncExitStack) -> MakeClient:
    """An HTTP client of an app with these settings; no socket between them."""

    async def make(**settings: Any) -> httpx.AsyncClient:
        app = create_app(Settings(recordings_dir=recordings_dir, **IN_MEMORY | settings), engine)
        await stack.enter_async_context(app.router.lifespan_context(app))
        transport = httpx.ASGITransport(app)
        return await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://mcu.test"))

    return make


@pytest.fixture
async def client(make_client: MakeClient) -> httpx.AsyncClient:
    """A client of an open server."""
    return await make_client()


@pytest.fixture
async def guarded(make_client: MakeClient) -> httpx.AsyncClient:
    """A client of a server with keys; it sends no credential by itself."""
    return await make_client(keys={"k1": KEY}, admin_keys=(ADMIN_KEY,))


@pytest.fixture
def make_server(engine: FakeEngine, recordings_dir: Path, stack: AsyncExitStack) -> MakeServer:
    """A listening server with these settings."""

    async def make(**settings: Any) -> Server:
        wanted = Settings(port=0, recordings_dir=recordings_dir, **IN_MEMORY | settings)
        server = build_server(create_app(wanted, engine), wanted)
        await _run(server, stack)
        return server

    return make


async def _run(server: Server, stack: AsyncExitStack) -> None:
    """Until the test is over."""
    serving = asyncio.create_task(server.serve())

    async def stop() -> None:
        server.should_exit = True
        await asyncio.wait_for(serving, BOUND_S)

    stack.push_async_callback(stop)
    await asyncio.wait_for(server.listening.wait(), BOUND_S)


@pytest.fixture
async def meeting(recordings_dir: Path, stack: AsyncExitStack, real_engine: StartEngine) -> Meeting:
    """A server with keys whose rooms are real."""
    return await meet(real_engine, recordings_dir, stack, keys={"k1": KEY}, admin_keys=(ADMIN_KEY,))


@pytest.fixture
async def open_meeting(recordings_dir: Path, stack: AsyncExitStack, real_engine: StartEngine) -> Meeting:
    """A server without keys whose rooms are real."""
    return await meet(real_engine, recordings_dir, stack)


async def meet(
    start: StartEngine, recordings_dir: Path, stack: AsyncExitStack, output_hosts: tuple[str, ...] = (), **settings: Any
) -> Meeting:
    engine = await start(EngineConfig(recordings_dir=recordings_dir, rtc=LOOPBACK, output_hosts=output_hosts))
    small = ViewSpec(width=64, height=64, fps=5)
    wanted = Settings(port=0, recordings_dir=recordings_dir, view=small, **IN_MEMORY | settings)
    server = build_server(create_app(wanted, engine), wanted)
    await _run(server, stack)
    return await Meeting(server, stack, keys=not wanted.open).begin()


@pytest.fixture
async def server(make_server: MakeServer) -> Server:
    return await make_server()
