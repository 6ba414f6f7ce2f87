"""The only timer of a room: its rounds, a few times a second."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from mcu.clock import NS_PER_S

log = structlog.get_logger()

INTERVAL_S = 0.25


class Housekeeping:
    """Made, started and closed by the room, on its event loop. ``look_after(late_ns)`` is one round; it is told how
    late the loop was for it.
    """

    def __init__(self, room: str, look_after: Callable[[int], Awaitable[None]]) -> None:
        self._room = room
        self._look_after = look_after
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._keep(), name=f"room-{self._room}")

    async def close(self) -> None:
        """Cancels the round it is at. Idempotent."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due_s = loop.time() + INTERVAL_S
            await asyncio.sleep(INTERVAL_S)
            late_s = loop.time() - due_s
            try:
                await self._look_after(round(late_s * NS_PER_S))
            except Exception:
                # The boundary of the room's only timer: one bad round must not end the later ones.
                log.exception("housekeeping_failed", room=self._room)
