"""The worker processes together: started, started again when they end, chosen from."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from mcu.clock import NS_PER_S, Clock
from mcu.config import EngineConfig
from mcu.engine.placement import Backoff, least_loaded, load
from mcu.engine.process import Listener, Program, WorkerProcess
from mcu.errors import McuError, NoCapacity

log = structlog.get_logger()

PICK_TIMEOUT_S: Final = 10.0
"""How long a room waits for a worker to be ready."""
STOP_TIMEOUT_S: Final = 5.0
RETRY_AFTER_S: Final = 2


class Fleet:
    """``count`` workers, numbered from 1; a number outlives its process. Used on one event loop."""

    def __init__(self, config: EngineConfig, count: int, program: Program, clock: Clock, listener: Listener) -> None:
        self.restarts = 0
        self._config = config
        self._program = program
        self._clock = clock
        self._listener = listener
        self._workers = {number: self._new(number) for number in range(1, count + 1)}
        self._keepers: list[asyncio.Task[None]] = []
        self._news = asyncio.Event()
        self._stopped = False

    @property
    def workers(self) -> tuple[WorkerProcess, ...]:
        return tuple(self._workers.values())

    @property
    def ready(self) -> tuple[WorkerProcess, ...]:
        return tuple(worker for worker in self._workers.values() if worker.ready)

    async def start(self) -> None:
        """Returns once every worker is ready. Raises RuntimeError when one can't start; the others are ended then."""
        results = await asyncio.gather(*(one.start(self._config) for one in self.workers), return_exceptions=True)
        faults = [fault for fault in results if isinstance(fault, BaseException)]
        if faults:
            await self.stop()
            raise RuntimeError(f"a worker can't start: {faults[0]}") from faults[0]
        loop = asyncio.get_running_loop()
        self._keepers = [loop.create_task(self._keep(n), name=f"worker-keeper-{n}") for n in self._workers]

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

    def none_ready(self) -> NoCapacity:
        return NoCapacity("no worker process is ready: they are being started again", retry_after_s=RETRY_AFTER_S)

    async def stop(self) -> None:
        """Ends every worker, its rooms first. Idempotent."""
        self._stopped = True
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await asyncio.gather(*(worker.stop(STOP_TIMEOUT_S) for worker in self.workers))

    def _new(self, number: int) -> WorkerProcess:
        return WorkerProcess(number, self._program, self._listener)

    async def _keep(self, number: int) -> None:
        backoff = Backoff()
        while True:
            began_ns = self._clock.now_ns()
            await self._workers[number].lost.wait()
            delay_s = backoff.next_ns(self._clock.now_ns() - began_ns) / NS_PER_S
            await asyncio.sleep(delay_s)
            worker = self._workers[number] = self._new(number)
            self.restarts += 1
            try:
                await worker.start(self._config)
            except (McuError, OSError) as error:
                log.error("worker_not_started", worker=number, error=str(error))
                worker.lost.set()
            else:
                self._news.set()
