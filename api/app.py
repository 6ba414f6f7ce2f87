"""The application: settings and an engine in, an ASGI app out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from starlette.exceptions import HTTPException

from api import asyncapi, swagger
from api.auth import Authority
from api.engine import start_engine
from api.errors import Problem, on_http_exception, on_invalid_request, on_mcu_error
from api.gateway import Gateway
from api.guards import BodyBound, BodyGuard, ErrorBoundary, OriginGuard, SecurityHeaders
from api.outputs import forget_lost_outputs
from api.page import Page, page_directory
from api.recordings import forget_lost_recordings
from api.routes import (
    access,
    announcements,
    capacity,
    decor,
    groups,
    health,
    layouts,
    messages,
    outputs,
    participants,
    playback,
    ready,
    recordings,
    rooms,
    tokens,
    views,
)
from api.settings import Settings
from api.signaling import rawchat, websocket, whep, whip
from api.signaling.peerjs import door as peerjs
from api.signaling.peerjs.lingering import Lingering
from api.signaling.peerjs.realm import Realm
from api.signaling.socketio import SocketIoDoor
from api.signaling.started import Started
from api.webhooks.webhooks import Webhooks
from mcu.engine.engine import Engine
from mcu.engine.keeping import KeepingEngine
from mcu.errors import McuError
from mcu.protocol.announcements import MAX_SOUND_BYTES
from mcu.store.kept_bans import KeptBans
from mcu.store.store import Store

log = structlog.get_logger()

API_PREFIX = "/api/v1"
ENGINE_CLOSE_TIMEOUT_S = 1.7

DESCRIPTION = """
A WebRTC MCU: everybody in a room downloads one picture of everyone and one sound of everyone but themselves.

Media and live signaling go over the WebSocket `/api/v1/ws`; what stands here governs rooms. Errors are
`application/problem+json` (RFC 9457) with a stable `code`.
"""


def create_app(settings: Settings, engine: Engine | None = None) -> FastAPI:
    """The app for ``settings``. Rooms run in ``engine``; where none is given the real one is made when the app starts
    and closed when it ends. A given engine is closed with the app too.
    """
    app = FastAPI(
        title="mosaic-mcu",
        version=package_version(),
        description=DESCRIPTION,
        lifespan=lambda running: _running(running, settings, engine),
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
    )
    app.state.gateway = None
    _add_doors(app)
    app.add_exception_handler(McuError, on_mcu_error)
    app.add_exception_handler(RequestValidationError, on_invalid_request)
    app.add_exception_handler(HTTPException, on_http_exception)
    _describe_problems(app)
    _add_guards(app, settings)
    return app


@asynccontextmanager
async def _running(app: FastAPI, settings: Settings, engine: Engine | None) -> AsyncIterator[None]:
    """Everything that lives as long as the app does, from the store up to the doors."""
    async with AsyncExitStack() as stack:
        store = await Store.open(settings.store_place, settings.store.server)
        stack.push_async_callback(store.close)
        webhooks = Webhooks(settings, store)
        stack.push_async_callback(webhooks.close)
        running = KeepingEngine(engine or await start_engine(settings), store, webhooks.announcer)
        stack.push_async_callback(_close, running)
        running.journal.on_written = webhooks.wake
        bans = KeptBans(running.journal, store if store.shared else None)
        gateway = Gateway(settings, Authority(settings.keys, settings.admin_keys), running, bans, webhooks, store)
        await running.load()
        await bans.load(store, datetime.now(UTC))
        await forget_lost_recordings(store, settings.recordings_dir)
        await asyncio.to_thread(forget_lost_outputs, settings.outputs_place)
        await webhooks.start()
        for name in settings.permanent_rooms:
            await running.open(gateway.spec(name, permanent=True))
        await running.reopen()
        app.state.gateway = gateway
        app.state.socketio = socketio = SocketIoDoor(gateway)
        app.state.peers = peers = Realm()
        app.state.lingering = lingering = Lingering(settings.media.grace_s)
        _announce(settings)
        try:
            yield
        finally:
            app.state.gateway = None
            await socketio.close()
            peers.close()
            await lingering.close()
            await gateway.streams.close()


def _add_doors(app: FastAPI) -> None:
    for routes in (
        rooms,
        access,
        participants,
        groups,
        announcements,
        playback,
        messages,
        ready,
        views,
        decor,
        layouts,
        recordings,
        outputs,
        tokens,
        capacity,
    ):
        app.include_router(routes.router, prefix=API_PREFIX)
    app.include_router(websocket.router, prefix=API_PREFIX)
    app.include_router(whip.router)
    app.include_router(whep.router)
    app.include_router(rawchat.router)
    app.include_router(peerjs.router)
    app.mount("/socket.io", Started("socketio"))
    app.include_router(health.router)
    app.include_router(asyncapi.router)
    app.include_router(swagger.router)
    app.router.default = Page(page_directory())


def _describe_problems(app: FastAPI) -> None:
    """One schema of all errors, which FastAPI would repeat at each: they are of a media type that it doesn't know."""
    describe = app.openapi

    def openapi() -> dict[str, Any]:
        document = describe()
        document["components"]["schemas"].setdefault("Problem", Problem.model_json_schema())
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend the document


def package_version() -> str:
    try:
        return version("mosaic-mcu")
    except PackageNotFoundError:
        return "0.0.0"


def _add_guards(app: FastAPI, settings: Settings) -> None:
    # The last one added is the outermost.
    app.add_middleware(
        BodyGuard,
        max_bytes=settings.limits.max_body_bytes,
        timeout_s=settings.limits.body_timeout_s,
        max_sound_bytes=MAX_SOUND_BYTES,
        films=BodyBound(settings.playback.max_bytes, settings.playback.upload_timeout_s),
    )
    app.add_middleware(OriginGuard, allowed=settings.cors_origins)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            # No cookie means anything here, but the Socket.IO Admin UI asks with credentials, and is refused without.
            allow_credentials=True,
            # Some WHIP clients send ETag where If-Match belongs.
            allow_headers=["Authorization", "Content-Type", "If-Match", "ETag", "Range"],
            expose_headers=["ETag", "Location", "Retry-After", "Content-Range", "Link", "Accept-Patch", "Accept-Post"],
        )
    app.add_middleware(ErrorBoundary)
    app.add_middleware(SecurityHeaders)


def _announce(settings: Settings) -> None:
    if settings.open:
        where = "this machine" if settings.loopback else "everybody who reaches it"
        log.warning("open_mode", message=f"no keys are set: {where} may do everything", host=settings.host)
    log.info("ready", host=settings.host, port=settings.port, permanent_rooms=list(settings.permanent_rooms))


async def _close(engine: Engine) -> None:
    try:
        async with asyncio.timeout(ENGINE_CLOSE_TIMEOUT_S):
            await engine.close()
    except TimeoutError:
        log.error("engine_close_timeout", timeout_s=ENGINE_CLOSE_TIMEOUT_S)
    else:
        log.info("engine_closed")
