"""The web page: the files of ``client/web``, at ``/`` and under ``/web/``, with a content security policy."""

from importlib.resources import files
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketClose

PAGE_POLICY = "; ".join(
    (
        "default-src 'self'",
        "connect-src 'self' ws: wss:",
        "img-src 'self' data: blob:",
        "media-src 'self' blob: mediastream:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
DEVICES = "camera=(self), microphone=(self), display-capture=(self)"

# The system's table of types is not to be relied on: browsers refuse modules of a wrong type.
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".wasm": "application/wasm",
    ".woff2": "font/woff2",
}


def page_directory() -> Path:
    """Where the installed page is."""
    return Path(str(files("client") / "web"))


class Page(StaticFiles):
    """What the router falls back to: a file of the page, or 404. Nothing outside ``directory`` is served."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory=directory, html=True, check_dir=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await WebSocketClose()(scope, receive, send)
            return
        path = scope["path"].lstrip("/")
        path = path.removeprefix("web/") if path.startswith("web/") else path
        if scope["method"] not in ("GET", "HEAD") or "\\" in path or path == "404.html":
            raise HTTPException(404)
        response = await self.get_response(path or ".", scope)
        self._dress(response, path)
        await response(scope, receive, send)

    def _dress(self, response: Response, path: str) -> None:
        response.headers["Cache-Control"] = "no-cache"
        response.headers["Content-Security-Policy"] = PAGE_POLICY
        response.headers["Permissions-Policy"] = DEVICES
        kind = MEDIA_TYPES.get(Path(path).suffix.lower() if path else ".html")
        if kind is not None and "content-type" in response.headers:
            response.headers["Content-Type"] = kind
