"""What stands around every request: bounds, the origin check, security headers and the last catch of errors."""

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import internal_problem, problem

log = structlog.get_logger()

SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))
# How much more than allowed, and for how long, is read and thrown away before a body that is too long is refused.
LINGER_FACTOR = 4
LINGER_S = 2.0
API_POLICY = "default-src 'none'; frame-ancestors 'none'"


class ErrorBoundary:
    """Whatever no handler knows becomes a 500 without details, and one line in the log."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except Exception:  # the boundary of one request
            log.exception("request_crashed", method=scope["method"], path=scope["path"])
            if started:
                raise
            await internal_problem()(scope, receive, send)


class SecurityHeaders:
    """Headers for every answer; a route that sets one of them keeps its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def add(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = MutableHeaders(scope=message)
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("X-Frame-Options", "DENY")
                headers.setdefault("Referrer-Policy", "no-referrer")
                headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
                headers.setdefault("Content-Security-Policy", API_POLICY)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, add)


class OriginGuard:
    """A page of another origin may neither change anything here nor open a WebSocket, unless it is allowed to.

    On a server without keys this is all that keeps a web site from driving the rooms of a visitor's own machine.
    Clients that aren't browsers send no ``Origin`` and pass.
    """

    def __init__(self, app: ASGIApp, allowed: Iterable[str] = ()) -> None:
        self._app = app
        self._allowed = frozenset(origin.rstrip("/") for origin in allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and not self._passes(scope):
            response = problem(403, "forbidden_origin", "this page's origin may not use this server (cors_origins)")
            await response(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _passes(self, scope: Scope) -> bool:
        if scope["type"] == "http" and scope["method"] in SAFE_METHODS:
            return True
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin is None or "*" in self._allowed or origin in self._allowed:
            return True
        return urlsplit(origin).netloc.lower() == headers.get("host", "").lower()


@dataclass(frozen=True, slots=True)
class BodyBound:
    """How large a body may be, and how long it may take to arrive."""

    max_bytes: int
    timeout_s: float


class BodyGuard:
    """A body has at most ``max_bytes``, a sound ``max_sound_bytes`` where that is more, and arrives within
    ``timeout_s``; both are checked before it is read whole. A film that is to be played has the bound ``films``.
    """

    def __init__(
        self,
        app: ASGIApp,
        max_bytes: int,
        timeout_s: float,
        max_sound_bytes: int = 0,
        films: BodyBound | None = None,
    ) -> None:
        self._app = app
        self._usual = BodyBound(max_bytes, timeout_s)
        self._sounds = BodyBound(max(max_bytes, max_sound_bytes), timeout_s)
        self._films = films or self._usual

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        declared, kind = headers.get("content-length", "0"), headers.get("content-type", "").strip().lower()
        bound = self._bound(scope, kind)
        most = bound.max_bytes
        if not declared.isdecimal() or int(declared[:20]) > most:
            await self._discard(receive, most)
            await self._too_large(most)(scope, receive, send)
            return
        deadline_s = asyncio.get_running_loop().time() + bound.timeout_s
        received, complete = 0, False

        async def bounded() -> Message:
            nonlocal received, complete
            if complete:
                return await receive()
            try:
                async with asyncio.timeout_at(deadline_s):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, "the body took too long to arrive") from None
            received += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if received > most:
                raise HTTPException(413, f"a body has at most {most} bytes")
            return message

        await self._app(scope, bounded, send)

    def _bound(self, scope: Scope, kind: str) -> BodyBound:
        if kind.startswith(("audio/", "video/")) and scope["method"] == "POST" and scope["path"].endswith("/playback"):
            return self._films
        return self._sounds if kind.startswith(("audio/", "application/ogg")) else self._usual

    async def _discard(self, receive: Receive, most: int) -> None:
        """Lets a client that is only somewhat too long finish, or a reset would cost it the answer (RFC 9112, 9.6)."""
        left = LINGER_FACTOR * most
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while left > 0:
                    message = await receive()
                    left -= len(message.get("body", b""))
                    if message["type"] == "http.disconnect" or not message.get("more_body", False):
                        return

    def _too_large(self, most: int) -> ASGIApp:
        detail = f"a body has at most {most} bytes"
        return problem(413, "too_large", detail, headers={"Connection": "close"})
