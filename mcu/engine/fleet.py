"""The worker processes together: started, started again when they end, chosen from."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import structlog

from mcu.clock import NS_PER_S, Clock
from mcu.config import EngineConfig
from mcu.engine.placement import Backoff, least_loaded, load
from mcu.engine.process import Listener, Program, WorkerProcess
from mcu.engine.spare import Spare
from mcu.errors import McuError, NoCapacity

log = structlog.get_logger()

PICK_TIMEOUT_S: Final = 10.0
"""How long a room waits for a worker to be ready."""
STOP_TIMEOUT_S: Final = 5.0
RETRY_AFTER_S: Final = 2
SPARE_NUMBER: Final = 0
ADOPT_TIMEOUT_S: Final = 5.0
"""A spare that hasn't begun by then is given up for a fresh start."""
REPLACED_WITHIN_S: Final = 0.5


class Fleet:
    """``count`` workers, numbered from 1; a number outlives its process. With ``spare`` one more process waits to take
    the place of one that ends. Used on one event loop.
    """

    def __init__(
        self,
        config: EngineConfig,
        count: int,
        program: Program,
        clock: Clock,
        listener: Listener,
        *,
        spare: bool = False,
    ) -> None:
        self.restarts = 0
        self._config = config
        self._program = program
        self._clock = clock
        self._listener = listener
        self._workers = {number: self._new(number) for number in range(1, count + 1)}
        self._spare = Spare(lambda: self._new(SPARE_NUMBER), clock) if spare else None
        self._adopting: set[int] = set()
        self._keepers: list[asyncio.Task[None]] = []
        self._news = asyncio.Event()
        self._stopped = False

    @property
    def workers(self) -> tuple[WorkerProcess, ...]:
        return tuple(self._workers.values())

    @property
    def ready(self) -> tuple[WorkerProcess, ...]:
        return tuple(worker for worker in self._workers.values() if worker.ready)

    @property
    def spare(self) -> Spare | None:
        return self._spare

    async def start(self) -> None:
        """Returns once every worker is ready; the spare takes longer. Raises RuntimeError when one can't start; the
        others are ended then.
        """
        results = await asyncio.gather(*(one.start(self._config) for one in self.workers), return_exceptions=True)
        faults = [fault for fault in results if isinstance(fault, BaseException)]
        if faults:
            await self.stop()
            raise RuntimeError(f"a worker can't start: {faults[0]}") from faults[0]
        loop = asyncio.get_running_loop()
        self._keepers = [loop.create_task(self._keep(n), name=f"worker-keeper-{n}") for n in self._workers]
        if self._spare is not None:
            self._spare.start()

    async def pick(self, rooms_of: Callable[[WorkerProcess], int]) -> WorkerProcess:
        """The least loaded worker that is ready; waits for one. Raises NoCapacity when none is in time."""
        try:
            async with asyncio.timeout(PICK_TIMEOUT_S):
                while not self.ready:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise self.none_ready() from None
        return self._workers[least_loaded({one.number: load(one.figures, rooms_of(one)) for one in self.ready})]

    async def replaced(self, number: int) -> None:
        """Returns once the worker that ended has a successor, where that is a matter of a moment: those that are left
        should not get all of its rooms.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(REPLACED_WITHIN_S):
                while not self._workers[number].ready and (self._spare_ready or number in self._adopting):
                    self._news.clear()
                    await self._news.wait()

    @property
    def _spare_ready(self) -> bool:
        return self._spare is not None and self._spare.ready

    def none_ready(self) -> NoCapacity:
        return NoCapacity("no worker process is ready: they are being started again", retry_after_s=RETRY_AFTER_S)

    async def stop(self) -> None:
        """Ends every worker, its rooms first. Idempotent."""
        self._stopped = True
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        ending = [worker.stop(STOP_TIMEOUT_S) for worker in self.workers]
        await asyncio.gather(*ending, *([self._spare.close()] if self._spare is not None else []))

    def _new(self, number: int) -> WorkerProcess:
        return WorkerProcess(number, self._program, self._listener)

    async def _keep(self, number: int) -> None:
        backoff = Backoff()
        while True:
            began_ns = self._clock.now_ns()
            await self._workers[number].lost.wait()
            await asyncio.sleep(backoff.next_ns(self._clock.now_ns() - began_ns) / NS_PER_S)
            self.restarts += 1
            await self._replace(number)

    async def _replace(self, number: int) -> None:
        spare = self._spare.take() if self._spare is not None else None
        worker = self._workers[number] = spare or self._new(number)
        self._adopting |= {number} if spare is not None else set()
        try:
            if spare is not None:
                await spare.begin(self._config, number, ADOPT_TIMEOUT_S)
            else:
                await worker.start(self._config)
        except (McuError, OSError) as error:
            log.error("worker_not_started", worker=number, error=str(error))
            worker.lost.set()
        finally:
            self._adopting.discard(number)
            self._news.set()
