"""The page and the room made of nothing on a real port."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from tests.client_web.fakeserver import FakeServer
from tests.client_web.policy import StrictPolicy

WEB = Path(__file__).resolve().parents[2] / "client" / "web"


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield  # Ctrl-C belongs to pytest


@asynccontextmanager
async def serve() -> AsyncIterator[FakeServer]:
    """Serves the page and its room on a free port of 127.0.0.1 (a secure context for browsers)."""
    fake = FakeServer()
    routes = [
        WebSocketRoute("/api/v1/ws", fake.endpoint),
        Route("/api/v1/rooms/{room}/views/{view}/layout", fake.layout, methods=["GET", "DELETE"]),
        Route("/api/v1/rooms/{room}/views/{view}/layout/scheduled", fake.schedule, methods=["GET"]),
        Route("/api/v1/rooms/{room}/views/{view}/layout/scheduled/{change}", fake.schedule, methods=["DELETE"]),
        Route("/api/v1/rooms/{room}/participants/{participant}", fake.patch, methods=["PATCH"]),
        Route("/api/v1/rooms/{room}", fake.patch_room, methods=["PATCH"]),
        Route("/api/v1/rooms/{room}/bans", fake.door, methods=["GET"]),
        Route("/api/v1/rooms/{room}/bans/{participant}", fake.door, methods=["DELETE"]),
        Mount("/", StaticFiles(directory=WEB, html=True)),
    ]
    app = Starlette(routes=routes, middleware=[Middleware(StrictPolicy)])
    listener = socket.create_server(("127.0.0.1", 0))
    server = _Server(uvicorn.Config(app, lifespan="off", log_level="warning", timeout_graceful_shutdown=1))
    task = asyncio.create_task(server.serve([listener]))
    fake.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        yield fake
    finally:
        await fake.close()
        server.should_exit = True
        await task
        listener.close()
