"""A worker process kept in reserve: started, everything loaded, waiting for its number. Loading is most of what a start
takes; with a spare, rooms whose worker died are open again in a new one before their people have asked for them.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from mcu.clock import NS_PER_S, Clock
from mcu.engine.placement import Backoff
from mcu.engine.process import WorkerProcess
from mcu.errors import McuError

log = structlog.get_logger()

PAUSE_S: Final = 2.0
"""Before a spare is started: those who have just lost their room come back meanwhile, and need the processor."""
STOP_TIMEOUT_S: Final = 1.0


class Spare:
    """At most one process at a time. Used on one event loop; ``start`` it once."""

    def __init__(self, make: Callable[[], WorkerProcess], clock: Clock) -> None:
        self._make = make
        self._clock = clock
        self._worker: WorkerProcess | None = None
        self._taken = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        worker = self._worker
        return worker is not None and worker.warm.is_set() and not worker.lost.is_set()

    @property
    def pid(self) -> int | None:
        return self._worker.pid if self._worker is not None else None

    def start(self) -> None:
        self._keeper = asyncio.get_running_loop().create_task(self._keep(), name="spare-keeper")

    def take(self) -> WorkerProcess | None:
        """The spare, which is the caller's from now on, and is followed by another; None while there is none."""
        if not self.ready:
            return None
        worker, self._worker = self._worker, None
        self._taken.set()
        return worker

    async def close(self) -> None:
        """Ends the process: it has no rooms. Idempotent."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        worker, self._worker = self._worker, None
        if worker is not None:
            if not worker.warm.is_set():
                worker.kill()
            await worker.stop(STOP_TIMEOUT_S)

    async def _keep(self) -> None:
        backoff = Backoff()
        while True:
            await asyncio.sleep(PAUSE_S)
            began_ns = self._clock.now_ns()
            self._taken.clear()
            worker = self._worker = self._make()
            try:
                await worker.launch()
            except (McuError, OSError) as error:
                log.error("spare_not_started", error=str(error))
            else:
                await _either(worker.lost, self._taken)
            if not self._taken.is_set():
                self._worker = None
                await asyncio.sleep(backoff.next_ns(self._clock.now_ns() - began_ns) / NS_PER_S)


async def _either(one: asyncio.Event, other: asyncio.Event) -> None:
    waits = {asyncio.ensure_future(event.wait()) for event in (one, other)}
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
