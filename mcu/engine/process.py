"""A worker process as the gateway sees it: started, asked, listened to, reaped."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar

import structlog
from pydantic import BaseModel

from mcu.config import EngineConfig
from mcu.engine.frames import Figures, Frame, Start, load_as, load_fault
from mcu.engine.link import Link, LinkLost
from mcu.errors import McuError, NoCapacity
from mcu.protocol.commands import Done

log = structlog.get_logger()

START_TIMEOUT_S: Final = 60.0
SILENCE_S: Final = 15.0
"""A worker that hasn't even sent its figures for so long hangs, and is killed."""
EXIT_TIMEOUT_S: Final = 10.0
"""How long one whose link has ended may take to finish its recordings."""
POLL_S: Final = 0.02
MAX_PENDING: Final = 4096
RETRY_AFTER_S: Final = 1

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Program:
    """What a worker runs: arguments for this Python, to which the worker's number (0: a spare, whose number comes
    later) and its socket's file descriptor are added, and its environment. The program hands both to
    ``mcu.engine.worker.run``.
    """

    arguments: tuple[str, ...] = ("-m", "mcu.engine.worker")
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))


class Listener(Protocol):
    """Who is told what a worker says by itself. Called on the event loop; must not raise or wait."""

    def on_news(self, worker: "WorkerProcess", frame: Frame) -> None:
        """An ``event``, ``behind`` or ``closed`` of a room."""
        ...

    def on_lost(self, worker: "WorkerProcess") -> None:
        """Once, before whoever waits for an answer learns of it; also after ``stop``."""
        ...


class WorkerProcess:
    """``start`` it once, ``request`` until it is ``lost``; ``reaped`` is set when the process is gone too. A spare is
    only launched: it is ``warm`` once it has loaded everything, and begins when it is given a number.
    """

    def __init__(self, number: int, program: Program, listener: Listener) -> None:
        self.number = number
        self.figures = Figures()
        self.ready = False
        self.warm = asyncio.Event()
        self.lost = asyncio.Event()
        self.reaped = asyncio.Event()
        self.status: str | None = None
        self._program = program
        self._listener = listener
        self._process: subprocess.Popen[bytes] | None = None
        self._link: Link | None = None
        self._life: asyncio.Task[None] | None = None
        self._last_number = 0
        self._pending: dict[int, asyncio.Future[Frame]] = {}
        self._log = log.bind(worker=number)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    async def start(self, config: EngineConfig) -> None:
        """Returns once rooms can be opened. Raises ``McuError`` or ``OSError`` when it comes to nothing."""
        await self.launch()
        await self.begin(config, self.number)

    async def launch(self) -> None:
        """Starts the process. Raises ``OSError``."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with theirs:
                self._process = self._spawn(theirs.fileno())
            self._link = await Link.over(ours)
        except BaseException:
            ours.close()
            self.kill()
            raise
        self._life = asyncio.get_running_loop().create_task(self._live(self._link), name=f"worker-{self.number}")

    async def begin(self, config: EngineConfig, number: int, timeout_s: float = START_TIMEOUT_S) -> None:
        """Returns once rooms can be opened. Raises ``McuError``; the process is ended then."""
        self.number = number
        self._log = log.bind(worker=number)
        start = Start(worker=number, config=config)
        try:
            async with asyncio.timeout(timeout_s):
                await self.request(Frame("start", body=start.model_dump_json().encode()), Done)
        except TimeoutError:
            self.kill()
            raise NoCapacity("a worker did not start in time", retry_after_s=RETRY_AFTER_S) from None
        if self.lost.is_set():
            raise gone()
        self.ready = True
        self._log.info("worker_ready", pid=self.pid)

    def _spawn(self, descriptor: int) -> subprocess.Popen[bytes]:
        """Takes a few milliseconds of the event loop. The worker finds its modules where this process finds them; a
        Ctrl-C in the terminal is not for it.
        """
        search_path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)  # noqa: PTH109 - '' means that one
        return subprocess.Popen(
            [sys.executable, "-P", *self._program.arguments, str(self.number), str(descriptor)],
            env={**self._program.environment, "PYTHONPATH": search_path},
            stdin=subprocess.DEVNULL,
            pass_fds=(descriptor,),
            start_new_session=True,
        )

    async def request(self, frame: Frame, reply: type[M]) -> M:
        """Sends a request and reads the answer. Raises what the worker raised, or ``NoCapacity`` when it is gone."""
        return load_as(reply, (await self.exchange(frame)).body)

    async def exchange(self, frame: Frame) -> Frame:
        """The answer to a request as it came. Raises as ``request`` does."""
        if self._link is None or self._life is None or self._life.done():
            raise gone()
        if len(self._pending) >= MAX_PENDING:
            raise NoCapacity("the room's worker is behind: try again", retry_after_s=RETRY_AFTER_S)
        self._last_number += 1
        number = self._last_number
        answer: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._pending[number] = answer
        try:
            await self._link.send(Frame(frame.kind, number, frame.room, frame.name, frame.body))
            return await answer
        except LinkLost:
            raise gone() from None
        finally:
            self._pending.pop(number, None)

    async def stop(self, timeout_s: float) -> None:
        """Asks it to finish and to end; ends it when it hasn't answered in time. Idempotent. When this is cancelled the
        worker still notices that nobody listens, finishes, and ends by itself.
        """
        try:
            with suppress(McuError):
                async with asyncio.timeout(timeout_s):
                    await self.request(Frame("stop"), Done)
        except TimeoutError:
            self._log.error("worker_hangs", waited_s=timeout_s)
            self.kill()
        finally:
            if self._link is not None:
                await self._link.close()
        if self._life is not None:
            await asyncio.wait({self._life})

    def kill(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()

    async def _live(self, link: Link) -> None:
        """Reads what the worker says until it is gone or leaving, then waits for the process to end."""
        try:
            await self._read(link)
        except (LinkLost, TimeoutError) as error:
            self._log.error("worker_hangs", error=str(error) or f"silent for {SILENCE_S:.0f} s")
            self.kill()
        finally:
            self.ready = False
            self.lost.set()
            self._listener.on_lost(self)
            for answer in self._pending.values():
                if not answer.done():
                    answer.set_exception(gone())
            await link.close()
            await self._reap()

    async def _read(self, link: Link) -> None:
        while True:
            async with asyncio.timeout(SILENCE_S if self.ready else None):
                frame = await link.receive()
            if frame is None or frame.kind == "leaving":
                return
            match frame.kind:
                case "reply" | "fault":
                    self._answered(frame)
                case "figures":
                    self.figures = load_as(Figures, frame.body)
                case "warm":
                    self.warm.set()
                case _:
                    self._listener.on_news(self, frame)

    def _answered(self, frame: Frame) -> None:
        answer = self._pending.get(frame.number)
        if answer is None or answer.done():
            return
        if frame.kind == "fault":
            answer.set_exception(load_fault(frame.body))
        else:
            answer.set_result(frame)

    async def _reap(self) -> None:
        process = self._process
        if process is None:
            return
        deadline_s = asyncio.get_running_loop().time() + EXIT_TIMEOUT_S
        while (status := process.poll()) is None:
            if asyncio.get_running_loop().time() > deadline_s:
                process.kill()
            await asyncio.sleep(POLL_S)
        self.reaped.set()
        self.status = signal.Signals(-status).name if status < 0 else str(status)
        if status:
            self._log.warning("worker_ended", pid=process.pid, status=self.status)
        else:
            self._log.info("worker_ended", pid=process.pid)


def gone() -> NoCapacity:
    return NoCapacity("the process this room ran in has ended: join again", retry_after_s=RETRY_AFTER_S)
