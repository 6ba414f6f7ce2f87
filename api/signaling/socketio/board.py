"""The list of rooms that the chat dialect shows: everybody who may speak it is told when it may have changed."""

import asyncio
from collections.abc import Callable, Iterable

import structlog

from api.gateway import Gateway
from api.signaling.socketio.line import Line
from mcu.errors import McuError

log = structlog.get_logger()


class Board:
    """Changes that come while the last one is being told are told as one. ``readers()``: who is told now."""

    def __init__(self, gateway: Gateway, readers: Callable[[], Iterable[Line]]) -> None:
        self._gateway = gateway
        self._readers = readers
        self._changed = asyncio.Event()
        self._telling = asyncio.create_task(self._tell(), name="socketio-board")

    def changed(self) -> None:
        self._changed.set()

    async def close(self) -> None:
        """Idempotent."""
        self._telling.cancel()
        await asyncio.gather(self._telling, return_exceptions=True)

    async def _tell(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                rooms = [room for room in await self._gateway.engine.rooms() if room.participants]
            except McuError as error:
                log.warning("room_list_failed", code=error.error_code)
                continue
            for line in list(self._readers()):
                try:
                    shown = self._gateway.visible(line.principal, rooms)
                    await line.emit("room_change", [room.name for room in shown])
                except Exception:  # the boundary of one client: the others are told all the same, and the next time
                    log.exception("room_list_not_told")
