"""A task beside a client that is not one task itself."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog

log = structlog.get_logger()


class Following:
    """Runs ``follow`` until it returns or ``close()``; after the former ``over()`` is called. What ``follow`` raises is
    logged, and ends it like a return.
    """

    def __init__(self, follow: Coroutine[Any, Any, None], over: Callable[[], Awaitable[None]], name: str) -> None:
        self._over = over
        self._task = asyncio.create_task(self._run(follow), name=name)

    async def close(self) -> None:
        """``over()`` is not called any more. Idempotent, also from within ``over()``."""
        if self._task is not asyncio.current_task():
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, follow: Coroutine[Any, Any, None]) -> None:
        try:
            await follow
        except Exception:  # the boundary of one client: its fault is logged and ends nobody else
            log.exception("signaling_failed")
        try:
            await self._over()
        except Exception:  # the same boundary: nobody awaits this task to see it
            log.exception("client_not_ended")
