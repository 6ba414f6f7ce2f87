"""Doors that are there while the server runs."""

from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from api.errors import problem

TRY_AGAIN_LATER = 1013


class Started:
    """Hands everything on to the application ``app.state.<name>`` that was put there when the server started."""

    def __init__(self, name: str) -> None:
        self._name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        door: ASGIApp | None = getattr(scope["app"].state, self._name, None)
        if door is not None:
            await door(scope, receive, send)
        elif scope["type"] == "websocket":
            await WebSocketClose(TRY_AGAIN_LATER)(scope, receive, send)
        else:
            await problem(503, "no_capacity", "the server is starting or stopping")(scope, receive, send)
