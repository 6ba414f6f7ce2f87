"""A WebSocket of text messages, bounded both ways, whatever dialect is spoken on it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from fastapi import WebSocket
from pydantic_core import from_json
from starlette.websockets import WebSocketDisconnect

from api.signaling.conversation import FLOOD, INTERNAL_ERROR, POLICY_VIOLATION, SERVICE_RESTART, TOO_LONG, Closing
from mcu.clock import Clock, SystemClock
from mcu.flood import Bucket
from mcu.protocol.wire import MAX_MESSAGE_BYTES

log = structlog.get_logger()

OUTGOING_MESSAGES = 256
MESSAGES_PER_S = 50.0
MESSAGES_BURST = 100
CLOSE_TIMEOUT_S = 2.0


class TextSocket:
    """One accepted WebSocket. Whichever of its tasks raises ``Closing`` first names the close code; a fault of ours is
    logged and closes it with 1011.
    """

    def __init__(self, websocket: WebSocket, clock: Clock | None = None) -> None:
        self._websocket = websocket
        self._bucket = Bucket(MESSAGES_PER_S, MESSAGES_BURST, clock or SystemClock())
        self._outgoing: asyncio.Queue[str] = asyncio.Queue(OUTGOING_MESSAGES)
        self.tasks: asyncio.TaskGroup
        """Those that end with the socket; there is one while ``serve`` runs."""

    async def serve(self, read: Callable[[], Awaitable[None]], gone: Callable[[], Awaitable[None]]) -> None:
        """Runs ``read()``, which ends with ``Closing``; then ``gone()``. Returns when the socket is closed."""
        closing = Closing(SERVICE_RESTART, "the server is going away")
        writer = asyncio.create_task(self._write(), name="websocket-writer")
        try:
            async with asyncio.TaskGroup() as self.tasks:
                await read()
        except* Closing as ends:
            closing = next(end for end in ends.exceptions if isinstance(end, Closing))
        except* Exception as faults:  # the boundary of one socket: its fault is logged and ends nobody else
            log.error("signaling_failed", exc_info=faults)
            closing = Closing(INTERNAL_ERROR, "internal error")
        finally:
            try:
                await self._tell(gone)
            finally:
                await self._close(writer, closing)

    async def receive(self) -> str:
        """The next message. Raises ``Closing``: nothing is parsed that is too long, or comes too fast."""
        try:
            message = await self._websocket.receive()
        except WebSocketDisconnect:
            raise Closing(None) from None
        if message["type"] == "websocket.disconnect":
            raise Closing(None)
        if not self._bucket.take():
            raise Closing(FLOOD, "too many messages")
        text: str | None = message.get("text")
        if text is None:
            raise Closing(POLICY_VIOLATION, "binary messages are not understood")
        if len(text) > MAX_MESSAGE_BYTES or len(text.encode()) > MAX_MESSAGE_BYTES:
            raise Closing(TOO_LONG, "message too long")
        return text

    def send(self, text: str) -> None:
        """Raises ``Closing`` for a client that doesn't read what it is sent."""
        try:
            self._outgoing.put_nowait(text)
        except asyncio.QueueFull:
            raise Closing(FLOOD, "messages are not being read") from None

    async def _tell(self, gone: Callable[[], Awaitable[None]]) -> None:
        try:
            await gone()
        except Exception:  # the same boundary: the socket is closed whatever the room does
            log.exception("detach_failed")

    async def _write(self) -> None:
        try:
            while True:
                text = await self._outgoing.get()
                await self._websocket.send_text(text)
                self._outgoing.task_done()
        except WebSocketDisconnect:
            return  # the reader is told of it too

    async def _close(self, writer: asyncio.Task[None], closing: Closing) -> None:
        """Sends what is still queued, then the close frame; a client that doesn't read is waited for no longer."""
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                if closing.code is not None:
                    await _either(self._outgoing.join(), writer)
                    await self._websocket.close(closing.code, _bounded(closing.reason))
        except (TimeoutError, WebSocketDisconnect, RuntimeError):
            log.debug("socket_gone", code=closing.code)
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
        log.info("socket_closed", code=closing.code, reason=closing.reason)


async def _either(awaitable: Awaitable[Any], task: asyncio.Task[Any]) -> None:
    """Waits until one of them is done; ``task`` is left running."""
    other = asyncio.ensure_future(awaitable)
    try:
        await asyncio.wait({other, task}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        other.cancel()
        await asyncio.gather(other, return_exceptions=True)


def _bounded(reason: str) -> str:
    """A close frame carries at most 123 bytes of reason (RFC 6455, section 5.5)."""
    return reason.encode()[:120].decode("utf-8", "ignore")


def object_of(text: str) -> dict[str, Any]:
    """A message that must be a JSON object. Raises ``Closing``: whoever sends anything else speaks another dialect."""
    try:
        message = from_json(text, allow_inf_nan=False)
    except ValueError:
        raise Closing(POLICY_VIOLATION, "not valid JSON") from None
    if not isinstance(message, dict):
        raise Closing(POLICY_VIOLATION, "not a JSON object")
    return message
