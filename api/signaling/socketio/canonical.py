"""The canonical messages as events: ``socket.emit(type, data, ack)``.

The acknowledgement is ``{ok: true, data}`` or ``{ok: false, error}``, as replies on the WebSocket are. Who asked for
none learns of what went wrong from the event ``error``.
"""

from typing import Any

import structlog

from api.errors import error_body
from api.signaling.conversation import Closing, Conversation
from api.signaling.following import Following
from api.signaling.messages import Data
from api.signaling.socketio.line import Line
from api.signaling.socketio.server import acknowledged
from mcu.errors import McuError, Unprocessable
from mcu.protocol.wire import EventMessage

log = structlog.get_logger()


class Canonical:
    """``Dialect``."""

    def __init__(self, line: Line) -> None:
        self._line = line
        holder = None if line.gateway.authority.open else line.principal
        self._conversation = Conversation(line.gateway, holder, self._tell, line.source)
        self._following: Following | None = None

    async def handle(self, event: str, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        try:
            data = await self._conversation.perform(event, _data(arguments))
        except McuError as error:
            body = error_body(error).model_dump(exclude_none=True)
            if not acknowledged.get():
                await self._line.emit("error", body | {"request": event[:64]})
            return ({"ok": False, "error": body},)
        if event == "join":
            # It begins once this has returned, and so after the acknowledgement.
            self._following = Following(self._follow(), self._line.disconnect, "socketio-news")
        elif event == "leave":
            await self._line.disconnect()
        return ({"ok": True, "data": data},)

    async def close(self) -> None:
        if self._following is not None:
            await self._following.close()
        await self._conversation.close()

    async def _tell(self, news: EventMessage) -> None:
        await self._line.emit(news.type, news.data)

    async def _follow(self) -> None:
        try:
            await self._conversation.follow()
        except Closing as closing:
            log.info("socketio_closed", code=closing.code, reason=closing.reason)


def _data(arguments: tuple[Any, ...]) -> Data:
    if not arguments or arguments[0] is None:
        return {}
    if not isinstance(arguments[0], dict):
        raise Unprocessable("send the data as one object", field="data")
    return arguments[0]
