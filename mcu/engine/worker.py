"""A worker process: an ``InlineEngine`` of its own, asked by the gateway over a socket. It is started with
``python -m mcu.engine.worker 1 7``, where 1 is its number and 7 the socket's file descriptor.

It ends with the gateway: when the socket does, every room is closed and its recordings are finished first.
"""

import asyncio
import os
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog
from pydantic import BaseModel

from mcu.config import EngineConfig
from mcu.engine.collecting import leave_out_what_is_loaded
from mcu.engine.frames import (
    Figures,
    Frame,
    Mending,
    MetricsPage,
    Opening,
    RoomList,
    Start,
    dump_event,
    dump_fault,
    dump_reply,
    load_as,
    load_command,
)
from mcu.engine.inline import InlineEngine
from mcu.engine.link import Link, LinkLost
from mcu.errors import Internal, McuError, NotFound
from mcu.protocol.commands import Done, RecordingList
from mcu.protocol.events import RoomClosed
from mcu.recording.index import RecordingIndex
from mcu.recording.manifest import recordings_in
from mcu.room.events import Subscription
from mcu.room.room import Room

log = structlog.get_logger()

MAX_REQUESTS = 512
"""Requests in work; while there are so many, no more are read."""
FIGURES_S = 1.0
NEWS_TIMEOUT_S = 1.0
EXIT_TIMEOUT_S = 8.0


class Worker:
    """Answers the gateway until it says ``stop``, ends, or somebody sends SIGTERM."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._known = RecordingIndex()
        self._engine: InlineEngine
        self._config: EngineConfig
        self._rooms: dict[int, Room] = {}
        self._requests: set[asyncio.Task[None]] = set()
        self._news: set[asyncio.Task[None]] = set()
        self._room_for_requests = asyncio.Semaphore(MAX_REQUESTS)
        self._figures: asyncio.Task[None] | None = None

    async def serve(self) -> bool:
        """False when it could not begin; a spare that nobody needed is no failure."""
        with suppress(LinkLost):
            await self._link.send(Frame("warm"))
        start = await self._link.receive()
        if start is None or start.kind == "stop":
            return True
        if not await self._start(start):
            return False
        loop = asyncio.get_running_loop()
        reading = loop.create_task(self._read(), name="worker-reader")
        loop.add_signal_handler(signal.SIGTERM, reading.cancel)
        try:
            stop = await reading
        except asyncio.CancelledError:
            stop = None
            with suppress(LinkLost):
                await self._link.send(Frame("leaving"))
        await self._close(stop)
        return True

    async def _start(self, start: Frame) -> bool:
        try:
            told = load_as(Start, start.body)
            structlog.contextvars.bind_contextvars(worker=told.worker)
            self._config = told.config
            self._engine = InlineEngine(self._config, recordings=self._known)
            await self._engine.start()
        except Exception as error:  # the boundary of the start: whatever it was, the gateway is told
            log.exception("worker_failed_to_start")
            await self._link.send(Frame("fault", start.number, body=dump_fault(Internal(str(error)))))
            return False
        await self._answer(start.number, Done())
        self._figures = asyncio.get_running_loop().create_task(self._send_figures(), name="worker-figures")
        log.info("worker_started", pid=os.getpid())
        return True

    async def _read(self) -> Frame | None:
        """Takes requests in their order. Returns the one to stop, or None when the gateway is gone."""
        while True:
            frame = await self._link.receive()
            if frame is None or frame.kind == "stop":
                return frame
            await self._room_for_requests.acquire()
            _keep(self._requests, self._carry_out(frame), f"worker-{frame.kind}")

    async def _carry_out(self, frame: Frame) -> None:
        try:
            try:
                await self._answer(frame.number, await self._perform(frame))
            except McuError as error:
                await self._link.send(Frame("fault", frame.number, body=dump_fault(error)))
            except LinkLost:
                raise
            except Exception:  # the boundary of one request: its fault ends no other room
                log.exception("request_failed", request=frame.kind)
                fault = dump_fault(Internal("something went wrong here; the server's log says what"))
                await self._link.send(Frame("fault", frame.number, body=fault))
        except LinkLost:
            log.debug("answer_unheard", request=frame.kind)
        finally:
            self._room_for_requests.release()

    async def _perform(self, frame: Frame) -> BaseModel:
        match frame.kind:
            case "call":
                answer = await self._room(frame.room).call(load_command(frame.body))
                await asyncio.sleep(0)  # the news of it goes first: what was answered for, the gateway remembers
                return answer
            case "open":
                return await self._open(frame.room, load_as(Opening, frame.body))
            case "close":
                return await self._close_room(self._room(frame.room))
            case "rooms":
                return RoomList(rooms=tuple(await self._engine.rooms()))
            case "metrics":
                return MetricsPage(text=await self._engine.metrics())
            case "mend":
                return await self._mend(load_as(Mending, frame.body))
            case _:
                raise Internal(f"a worker can't be asked for {frame.kind!r}")

    async def _answer(self, number: int, reply: BaseModel) -> None:
        name, body = dump_reply(reply)
        await self._link.send(Frame("reply", number, name=name, body=body))

    def _room(self, number: int) -> Room:
        room = self._rooms.get(number)
        if room is None:
            raise NotFound("this room has been closed", code="no_such_room")
        return room

    async def _open(self, number: int, opening: Opening) -> BaseModel:
        for recording in opening.recordings:
            self._known.add(recording)
        room = await self._engine.open(opening.spec)
        self._rooms[number] = room
        _keep(self._news, self._tell(number, room, room.events()), f"worker-news-{opening.spec.name}")
        return room.info

    async def _close_room(self, room: Room) -> Done:
        if await self._engine.find(room.name) is not room:
            raise NotFound("this room has been closed", code="no_such_room")
        await self._engine.close_room(room.name)
        return Done()

    async def _mend(self, mending: Mending) -> RecordingList:
        if mending.recordings is None:
            return await asyncio.to_thread(_all_recordings, self._config.recordings_dir)
        mended = await asyncio.to_thread(_mended, self._config.recordings_dir, mending.recordings)
        for recording in mended.recordings:
            self._known.add(recording)
        return mended

    async def _tell(self, number: int, room: Room, news: Subscription) -> None:
        """Sends a room's news until it is closed. A gateway that falls behind loses some and is told so."""
        try:
            closed = False
            while not closed:
                async for event in news:
                    await self._link.send(Frame("event", room=number, body=dump_event(event)))
                    closed = isinstance(event, RoomClosed)
                if not closed:
                    news = room.events()
                    await self._link.send(Frame("behind", room=number))
            name, body = dump_reply(RecordingList(recordings=self._known.of(room.name)))
            await self._link.send(Frame("closed", room=number, name=name, body=body))
        except LinkLost:
            log.debug("news_unheard", room=room.name)
        finally:
            del self._rooms[number]

    async def _send_figures(self) -> None:
        before_s, cpu_before_s = time.monotonic(), time.process_time()
        with suppress(LinkLost):
            while True:
                await asyncio.sleep(FIGURES_S)
                now_s, cpu_s = time.monotonic(), time.process_time()
                rooms = await self._engine.rooms()
                figures = Figures(
                    rooms=len(rooms),
                    participants=sum(room.participants for room in rooms),
                    cpu_share=(cpu_s - cpu_before_s) / (now_s - before_s),
                    cpu_s=cpu_s,
                    resident_bytes=resident_bytes(),
                )
                before_s, cpu_before_s = now_s, cpu_s
                await self._link.send(Frame("figures", body=figures.model_dump_json().encode()))

    async def _close(self, stop: Frame | None) -> None:
        _exit_anyway()
        if self._figures is not None:
            self._figures.cancel()
        await self._engine.close()
        if self._news:
            await asyncio.wait(self._news, timeout=NEWS_TIMEOUT_S)
        tasks = [*self._news, *self._requests, *([self._figures] if self._figures else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if stop is not None:
            with suppress(LinkLost):
                await self._answer(stop.number, Done())
        await self._link.close()


def _all_recordings(directory: Path) -> RecordingList:
    index = RecordingIndex()
    index.load(directory)
    return RecordingList(recordings=index.all)


def _mended(directory: Path, recordings: tuple[str, ...]) -> RecordingList:
    return RecordingList(recordings=tuple(info for one in recordings for info in recordings_in(directory / one)))


def _keep(tasks: set[asyncio.Task[None]], work: Coroutine[Any, Any, None], name: str) -> None:
    task = asyncio.get_running_loop().create_task(work, name=name)
    tasks.add(task)

    def ended(task: asyncio.Task[None]) -> None:
        tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("worker_task_failed", task=name, exc_info=error)

    task.add_done_callback(ended)


def _exit_anyway() -> None:
    """A thread that hangs in a library doesn't keep the process."""
    deadline = threading.Timer(EXIT_TIMEOUT_S, os._exit, (1,))
    deadline.daemon = True
    deadline.start()


def resident_bytes() -> int:
    """Of this process; where the system doesn't tell, its most so far."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - read once a second
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


async def serve(descriptor: int) -> bool:
    """Serves the socket until the end; see ``Worker``."""
    link = await Link.over(socket.socket(fileno=descriptor))
    try:
        return await Worker(link).serve()
    finally:
        await link.close()


def run(number: int, descriptor: int, loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None) -> int:
    """The process's whole life; its exit code."""
    structlog.contextvars.bind_contextvars(worker=number)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C reaches it by way of the gateway
    leave_out_what_is_loaded()
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return 0 if runner.run(serve(descriptor)) else 1


if __name__ == "__main__":
    sys.exit(run(int(sys.argv[1]), int(sys.argv[2])))
