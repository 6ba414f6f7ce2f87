"""Swagger UI, served from files of this package: the page works where nothing but this server can be reached.

``files/`` holds swagger-ui-dist 5.35.0 of npm as its makers built it (Apache-2.0, its licences beside it), and
``index.html`` and ``start.js``, which are ours. Nothing is inline, so the policy allows no inline script.
"""

from collections.abc import Awaitable, Callable
from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

router = APIRouter()
_files = StaticFiles(directory=Path(str(files("api.swagger") / "files")))

PATH = "/docs"
FILES = {
    "index.html": "text/html; charset=utf-8",
    "start.js": "text/javascript; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
}
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


def paths() -> dict[str, str]:
    """Where each of the files is served."""
    return {PATH if name == "index.html" else f"{PATH}/{name}": name for name in FILES}


def _serving(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        answer = await _files.get_response(name, request.scope)
        answer.headers.update({"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"})
        if answer.status_code == 200:
            answer.headers["Content-Type"] = FILES[name]
        return answer

    return serve


for path, name in paths().items():
    router.add_route(path, _serving(name), methods=["GET"], name=f"swagger {name}", include_in_schema=False)
