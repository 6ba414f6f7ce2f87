"""Every route that the app has, read from the app itself, with a request that it understands."""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi.routing import iter_route_contexts
from starlette.routing import WebSocketRoute

from api.app import create_app
from api.settings import Settings
from tests.kit.images import RED, file_of, plain

PARAMETERS = {
    "room": "team",
    "view": "main",
    "participant": "ada",
    "group": "wolves",
    "announcement": "a1",
    "playback": "f1",
    "message": "m1",
    "change": "c1",
    "recording": "r1",
    "output": "o1",
    "stream": "s1",
    "file": "composite.mp4",
    "key": "peerjs",
}


OTHER_BODIES = {"application/sdp": b"v=0\r\n", "application/trickle-ice-sdpfrag": b"a=ice-ufrag:x\r\n"}


@dataclass(frozen=True, slots=True)
class EveryRoute:
    """``operation`` is empty for what stands in no document."""

    method: str
    path: str
    operation: str = ""
    kind: str | None = None
    body: bytes | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    async def ask(
        self, client: httpx.AsyncClient, headers: Mapping[str, str] | None = None, **parameters: str
    ) -> httpx.Response:
        """The answer to the example of the document. ``parameters`` are those of the path which shall be others."""
        path = self.path.format(**PARAMETERS | parameters)
        sent = {**(headers or {}), **({"Content-Type": self.kind} if self.kind else {})}
        return await client.request(self.method, path, content=self.body, headers=sent)


@functools.cache
def document() -> dict[str, Any]:
    return create_app(Settings()).openapi()


@functools.cache
def every_route() -> tuple[EveryRoute, ...]:
    """By method; a HEAD beside a GET is that GET."""
    app = create_app(Settings())
    described = app.openapi()["paths"]
    found = []
    for context in iter_route_contexts(app.routes):
        for method in sorted(context.methods or ()):
            if context.path is None or (method == "HEAD" and "GET" in (context.methods or ())):
                continue
            operation = described.get(context.path, {}).get(method.lower())
            kind, body = _body(operation or {})
            found.append(EveryRoute(method, context.path, (operation or {}).get("operationId", ""), kind, body))
    return tuple(found)


def sockets() -> set[str]:
    """The paths that are opened as WebSockets."""
    contexts = iter_route_contexts(create_app(Settings()).routes)
    return {str(one.path) for one in contexts if isinstance(one.original_route, WebSocketRoute)}


def examples(operation: Mapping[str, Any]) -> list[Any]:
    """Of the JSON body; none where it takes none."""
    schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    found: list[Any] = schema.get("examples", [])
    return found


def _body(operation: Mapping[str, Any]) -> tuple[str | None, bytes | None]:
    kinds: Mapping[str, Any] = operation.get("requestBody", {}).get("content", {})
    if not kinds:
        return None, None
    if "application/json" in kinds:
        return "application/json", json.dumps(next(iter(examples(operation)), {})).encode()
    for kind, body in OTHER_BODIES.items():
        if kind in kinds:
            return kind, body
    assert "image/png" in kinds, kinds
    return "image/png", file_of(plain(RED))
