"""uvicorn, with the bounds that a server in the open needs and an end within three seconds."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from api.settings import Settings
from mcu.protocol.wire import MAX_MESSAGE_BYTES

GRACEFUL_SHUTDOWN_S = 1
MAX_HEADER_BYTES = 32 * 1024
PING_INTERVAL_S = 5.0
PING_TIMEOUT_S = 10.0
ABORT_TIMEOUT_S = 5.0
SERVICE_UNAVAILABLE = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
)


class Companion(Protocol):
    """Something that begins once the server listens and ends with it."""

    async def start(self, url: str) -> None: ...

    async def stop(self) -> None: ...


class Server(uvicorn.Server):
    """A uvicorn server that says when it listens, and for which a signal is a normal end rather than a failure."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()
        self.companions: list[Companion] = []

    async def startup(self, sockets: list[Any] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()
        for companion in self.companions:
            await companion.start(self.url)

    async def shutdown(self, sockets: list[Any] | None = None) -> None:
        await asyncio.gather(super().shutdown(sockets), *(companion.stop() for companion in self.companions))

    @property
    def url(self) -> str:
        """How this machine reaches the server, once ``listening`` is set."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(self.config.host, self.config.host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def port(self) -> int:
        """The port it listens on, once ``listening`` is set."""
        port: int = self.servers[0].sockets[0].getsockname()[1]
        return port

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {sig: signal.signal(sig, self.handle_exit) for sig in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for sig, handler in before.items():
                signal.signal(sig, handler)


def build_server(app: ASGIApp, settings: Settings) -> Server:
    """A server for ``app`` on the address of ``settings``; its ``serve()`` returns after SIGINT or SIGTERM."""

    class BoundedH11Protocol(HeaderDeadlineProtocol):
        header_timeout_s = settings.limits.header_timeout_s

    return Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            http=BoundedH11Protocol,
            ws=PromptWebSocketProtocol,
            ws_max_size=MAX_MESSAGE_BYTES,
            ws_ping_interval=PING_INTERVAL_S,
            ws_ping_timeout=PING_TIMEOUT_S,
            ws_per_message_deflate=False,
            h11_max_incomplete_event_size=MAX_HEADER_BYTES,
            limit_concurrency=settings.limits.max_connections,
            timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_S,
            lifespan="on",
            log_config=None,
            server_header=False,
        )
    )


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop's where it is installed."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


class PromptWebSocketProtocol(WebSocketsSansIOProtocol):
    """Lets go of a client that neither reads nor answers the close; uvicorn alone keeps its connection for ever. Knows
    that a handshake may be refused; uvicorn alone takes a refusal with a body for a forgotten one, and logs an error.
    """

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            self.handshake_complete = True

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        super().on_task_complete(task)
        self.loop.call_later(ABORT_TIMEOUT_S, self.transport.abort)


class HeaderDeadlineProtocol(H11Protocol):
    """Ends connections whose request headers don't arrive in time, and counts WebSockets as connections: uvicorn alone
    waits for ever, and lets every WebSocket in.
    """

    header_timeout_s = 10.0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        if self.limit_concurrency is not None and len(self.connections) >= self.limit_concurrency:
            self.transport.write(SERVICE_UNAVAILABLE)
            self.transport.close()
        else:
            super().handle_websocket_upgrade(event)

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def _watch(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._forget()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self.header_timeout_s, self._give_up)

    def _give_up(self) -> None:
        self._deadline = None
        if self.conn.their_state is h11.IDLE:
            self.transport.close()

    def _forget(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
