"""Rooms in worker processes, so that they use all of a machine's cores and one that crashes takes only its own.

Each worker has an ``InlineEngine`` and UDP ports of its own: media never passes through the gateway. A room that loses
its worker is opened again in another one as far as it is known (``Memory``): views, layouts, what views wear, and
recordings as a second part. Its people are told (``Moved``) and join again.
"""

import asyncio
import itertools
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import structlog
from pydantic import BaseModel

from mcu.chores import Chores
from mcu.clock import NS_PER_S, Clock, SystemClock
from mcu.config import EngineConfig
from mcu.engine.capacity import Place
from mcu.engine.exposition import merge
from mcu.engine.fleet import Fleet
from mcu.engine.fleet_metrics import counter, worker_pages
from mcu.engine.frames import Frame, MetricsPage, Opening, RoomList, load_as
from mcu.engine.memory import Memory
from mcu.engine.mending import Mender
from mcu.engine.process import Program, WorkerProcess
from mcu.engine.remote import RemoteRoom
from mcu.engine.restoring import restore, restore_the_rest
from mcu.errors import McuError, NoCapacity, NotFound
from mcu.protocol.commands import Done, RecordingList
from mcu.protocol.models import RoomInfo, RoomSpec
from mcu.recording.index import RecordingIndex

log = structlog.get_logger()

RETRY_AFTER_S: Final = 10
OPEN_TIMEOUT_S: Final = 15.0
"""How long a newcomer waits for a room that is being opened, or opened again."""
ANSWER_TIMEOUT_S: Final = 0.8
CHORES_TIMEOUT_S: Final = 0.1

M = TypeVar("M", bound=BaseModel)


class ProcessEngine:
    """An ``Engine`` of ``workers`` processes, and with ``spare`` one more in reserve. Make it and use it on one event
    loop. ``start`` raises RuntimeError when a worker can't start.
    """

    def __init__(
        self,
        config: EngineConfig | None = None,
        workers: int = 2,
        program: Program | None = None,
        clock: Clock | None = None,
        *,
        spare: bool = False,
    ) -> None:
        if workers < 1:
            raise ValueError(f"needs at least one worker, not {workers}")
        self._config = config or EngineConfig()
        self._clock = clock or SystemClock()
        self._fleet = Fleet(self._config, workers, program or Program(), self._clock, self, spare=spare)
        self._recordings = RecordingIndex()
        self._numbers = itertools.count(1)
        self._rooms: dict[str, RemoteRoom] = {}
        self._by_number: dict[int, RemoteRoom] = {}
        self._opening: dict[str, asyncio.Task[RemoteRoom]] = {}
        self._mender = Mender(self._recordings)
        self._chores = Chores("rooms")
        self._overflows = 0
        self._lost_rooms = 0
        self._closed = False

    @property
    def fleet(self) -> Fleet:
        return self._fleet

    async def start(self) -> None:
        await self._fleet.start()
        await self._mender.all(await self._fleet.pick(self._rooms_of))

    async def open(self, room: RoomSpec) -> RemoteRoom:
        """Finds the room or starts it. Raises NoCapacity when none more fits."""
        if self._closed:
            raise NoCapacity("the server is shutting down", retry_after_s=RETRY_AFTER_S)
        found = await self.find(room.name)
        if found is not None:
            return found
        if len(self._rooms) + len(self._opening) >= self._config.max_rooms:
            raise NoCapacity(
                f"all {self._config.max_rooms} rooms of this server are in use: try again later",
                retry_after_s=RETRY_AFTER_S,
            )
        return await self._opened(self._begin(room.name, self._open(room)))

    async def find(self, name: str) -> RemoteRoom | None:
        """Waits for a room that is being opened. Raises NoCapacity when that takes too long."""
        room = self._rooms.get(name)
        opening = self._opening.get(name)
        if room is not None or opening is None:
            return room
        return await self._opened(opening)

    async def rooms(self) -> Sequence[RoomInfo]:
        """Raises NoCapacity when no worker is ready."""
        return [room for place in await self.places() for room in place.rooms]

    async def places(self) -> Sequence[Place]:
        """Raises NoCapacity when no worker is ready. One that doesn't answer in time is left out."""
        workers = self._fleet.ready
        if not workers:
            raise self._fleet.none_ready()
        lists = await asyncio.gather(*(self._ask(worker, Frame("rooms"), RoomList) for worker in workers))
        told = zip(workers, lists, strict=True)
        return [Place(worker.figures.cpu_share, found.rooms) for worker, found in told if found is not None]

    async def close_room(self, name: str) -> None:
        """Everybody is told, recordings are finished. Raises NotFound."""
        room = await self.find(name)
        if room is None or self._rooms.pop(name, None) is None:
            raise NotFound("there is no such room", code="no_such_room")
        await room.worker.request(Frame("close", room=room.number), Done)
        log.info("room_closed", room=name)

    async def metrics(self) -> str:
        """Every worker's page added up, and what is known of the workers themselves."""
        asked = (self._ask(worker, Frame("metrics"), MetricsPage) for worker in self._fleet.ready)
        pages = await asyncio.gather(*asked)
        return merge(
            [*(page.text for page in pages if page is not None), *worker_pages(self._fleet), *self._own_pages()]
        )

    async def close(self) -> None:
        """Closes every room and ends the workers, bounded by a few seconds. Idempotent."""
        if self._closed:
            return
        self._closed = True
        opening = tuple(self._opening.values())
        for task in opening:
            task.cancel()
        await asyncio.gather(*opening, return_exceptions=True)
        await asyncio.gather(self._chores.close(CHORES_TIMEOUT_S), self._mender.close())
        await self._fleet.stop()
        for room in tuple(self._by_number.values()):
            self._forget(room)

    # Opening

    def _begin(self, name: str, opening: Coroutine[Any, Any, RemoteRoom]) -> "asyncio.Task[RemoteRoom]":
        task = asyncio.get_running_loop().create_task(opening, name=f"open-{name}")
        self._opening[name] = task
        task.add_done_callback(lambda done: self._begun(name, done))
        return task

    def _begun(self, name: str, task: "asyncio.Task[RemoteRoom]") -> None:
        if self._opening.get(name) is task:
            del self._opening[name]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("room_not_opened", room=name, error=str(error))

    async def _opened(self, opening: "asyncio.Task[RemoteRoom]") -> RemoteRoom:
        done, _ = await asyncio.wait({opening}, timeout=OPEN_TIMEOUT_S)
        if not done or opening.cancelled():
            raise NoCapacity("the room could not be opened in time: try again", retry_after_s=RETRY_AFTER_S)
        return opening.result()

    async def _open(self, spec: RoomSpec) -> RemoteRoom:
        return self._admit(await self._place(Memory(spec)))

    def _admit(self, room: RemoteRoom) -> RemoteRoom:
        self._rooms[room.name] = room
        return room

    async def _place(self, memory: Memory) -> RemoteRoom:
        """Opens a room on the least loaded worker. Raises NoCapacity, or what the worker raises."""
        while True:
            worker = await self._fleet.pick(self._rooms_of)
            try:
                return await self._place_on(worker, memory)
            except NoCapacity:
                if not worker.lost.is_set():
                    raise

    async def _place_on(self, worker: WorkerProcess, memory: Memory) -> RemoteRoom:
        room = RemoteRoom(next(self._numbers), memory, worker, self._forget)
        self._by_number[room.number] = room
        opening = Opening(spec=memory.spec, recordings=self._recordings.of(memory.spec.name))
        try:
            frame = Frame("open", room=room.number, body=opening.model_dump_json().encode())
            opened = await worker.request(frame, RoomInfo)
        except BaseException:
            self._forget(room)
            raise
        memory.views = opened.views
        log.info("room_placed", room=room.name, worker=worker.number)
        return room

    def _rooms_of(self, worker: WorkerProcess) -> int:
        return sum(room.worker is worker for room in self._by_number.values())

    # Losing a worker

    def on_lost(self, worker: WorkerProcess) -> None:
        """For the fleet."""
        rooms = [room for room in self._by_number.values() if room.worker is worker]
        if rooms and not self._closed:
            log.error("worker_lost", worker=worker.number, rooms=[room.name for room in rooms])
        for room in rooms:
            self._lose(room)

    def _lose(self, room: RemoteRoom) -> None:
        current = self._rooms.get(room.name) is room
        if self._closed or not current:
            self._forget(room)
            return
        self._lost_rooms += 1
        again = not self._causes_trouble(room.memory)
        if again:
            room.move()
        self._forget(room)
        if again:
            lost_at = datetime.fromtimestamp(self._clock.wall_ns() / NS_PER_S, UTC)
            self._begin(room.name, self._reopen(room.worker, room.memory, lost_at))

    def _causes_trouble(self, memory: Memory) -> bool:
        """Counts the loss of a worker."""
        if not memory.losses.too_many(self._clock.now_ns()):
            return False
        log.error("room_given_up", room=memory.spec.name, reason="three of its workers ended within a minute")
        return True

    async def _reopen(self, worker: WorkerProcess, was: Memory, lost_at: datetime) -> RemoteRoom:
        if was.recordings or was.outputs:
            await worker.reaped.wait()  # nobody may be writing what is mended, or sending where it goes on
        await self._fleet.replaced(worker.number)
        while not self._fleet.ready:
            with suppress(NoCapacity):
                await self._fleet.pick(self._rooms_of)
        while True:
            room = await self._place(was.survive(lost_at))
            if was.recordings:
                await self._mender.some(room.worker, tuple(was.recordings))
            await restore(room, was, lost_at)
            if not room.worker.lost.is_set():
                self._chores.start(restore_the_rest(room, was, lost_at))
                return self._admit(room)
            if self._causes_trouble(was):
                raise NoCapacity("this room can't be opened: its workers end", retry_after_s=RETRY_AFTER_S)

    # News of workers

    def on_news(self, worker: WorkerProcess, frame: Frame) -> None:
        """For the fleet."""
        room = self._by_number.get(frame.room)
        if room is None or room.worker is not worker:
            return
        if frame.kind == "event":
            room.deliver(frame.body)
        elif frame.kind == "behind":
            room.fall_behind()
        else:
            self._learn(load_as(RecordingList, frame.body))
            self._forget(room)

    def _learn(self, recordings: RecordingList) -> None:
        for recording in recordings.recordings:
            self._recordings.add(recording)

    def _forget(self, room: RemoteRoom) -> None:
        """The room is no more, here at least. Idempotent."""
        if self._by_number.pop(room.number, None) is not None:
            self._overflows += room.overflows
        if self._rooms.get(room.name) is room:
            del self._rooms[room.name]
        room.end()

    # Figures

    def _own_pages(self) -> Iterator[str]:
        overflows = self._overflows + sum(room.overflows for room in self._by_number.values())
        yield counter("mcu_rooms_lost_total", "Rooms that lost their worker", self._lost_rooms)
        text = "Event readers of the gateway ended for being too slow"
        yield counter("mcu_gateway_events_overflowed_total", text, overflows)

    async def _ask(self, worker: WorkerProcess, frame: Frame, reply: type[M]) -> M | None:
        """None from a worker that doesn't answer: the others' answers are worth having."""
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                return await worker.request(frame, reply)
        except (McuError, TimeoutError) as error:
            log.warning("worker_silent", worker=worker.number, asked=frame.kind, error=str(error))
            return None
