"""Rooms in this very process, on the gateway's own event loop: tests, and installations of one core."""

import asyncio
import contextlib
import sys
import time
from collections.abc import Sequence

import cv2
import structlog

from mcu.clock import NS_PER_S, Clock, SystemClock
from mcu.config import EngineConfig
from mcu.engine.capacity import Place
from mcu.engine.metrics import render_metrics
from mcu.errors import NoCapacity, NotFound
from mcu.media.decode_pool import DecodePool
from mcu.protocol.models import RoomInfo, RoomSpec
from mcu.recording.index import RecordingIndex
from mcu.room.room import Room
from mcu.rtc import RtcTicker, self_check

log = structlog.get_logger()

SWEEP_S = 1.0
SWITCH_INTERVAL_S = 0.0005
"""A thread that sends gives the interpreter away at every packet; Python's own 5 ms until it is given back doubled the
time a picture takes to a hundred viewers (BENCHMARKS.md, settings).
"""
RETRY_AFTER_S = 10


class InlineEngine:
    """Owns the rooms and what they share: the decoder threads and the ticker of all peers.

    Make it and use it on one event loop. ``start`` raises when a thread can't start or aiortc isn't as expected.
    ``recordings``: those there are, where somebody else has read them; without it ``start`` does.
    """

    def __init__(
        self,
        config: EngineConfig | None = None,
        clock: Clock | None = None,
        recordings: RecordingIndex | None = None,
    ) -> None:
        self._config = config or EngineConfig()
        self._clock = clock or SystemClock()
        self._pool = DecodePool(self._config.decode_threads, self._clock)
        self._ticker = RtcTicker(self._clock)
        self._reads_recordings = recordings is None
        self._recordings = recordings or RecordingIndex()
        self._rooms: dict[str, Room] = {}
        self._sweeper: asyncio.Task[None] | None = None
        self._cores_busy = 0.0
        self._closed = False

    async def start(self) -> None:
        self_check()
        # OpenCV's own threads spin while they wait for work: mixing cost up to a tenth more with them (mcu bench core).
        cv2.setNumThreads(1)
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        if self._reads_recordings:
            await asyncio.to_thread(self._recordings.load, self._config.recordings_dir)
        self._pool.start()
        self._ticker.start()
        self._sweeper = asyncio.get_running_loop().create_task(self._sweep(), name="engine-sweep")

    async def open(self, room: RoomSpec) -> Room:
        """Finds the room or starts it. Raises NoCapacity when none more fits."""
        if self._closed:
            raise NoCapacity("the server is shutting down", retry_after_s=RETRY_AFTER_S)
        found = self._rooms.get(room.name)
        if found is not None:
            return found
        if len(self._rooms) >= self._config.max_rooms:
            raise NoCapacity(
                f"all {self._config.max_rooms} rooms of this server are in use: try again later",
                retry_after_s=RETRY_AFTER_S,
            )
        opened = Room(room, self._config, self._clock, self._pool, self._ticker, self._recordings)
        opened.start()
        self._rooms[room.name] = opened
        log.info("room_opened", room=room.name)
        return opened

    async def find(self, name: str) -> Room | None:
        return self._rooms.get(name)

    @property
    def open_rooms(self) -> int:
        return len(self._rooms)

    async def rooms(self) -> Sequence[RoomInfo]:
        return [room.info for room in self._rooms.values()]

    async def close_room(self, name: str) -> None:
        """Everybody is told, recordings are finished. Raises NotFound."""
        room = self._rooms.pop(name, None)
        if room is None:
            raise NotFound("there is no such room", code="no_such_room")
        await room.close()
        log.info("room_closed", room=name)

    async def places(self) -> Sequence[Place]:
        return [Place(self._cores_busy, tuple(room.info for room in self._rooms.values()))]

    async def metrics(self) -> str:
        return render_metrics(tuple(self._rooms.values()), self._pool, self._ticker)

    async def close(self) -> None:
        """Closes every room, bounded by a few seconds. Idempotent."""
        if self._closed:
            return
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
        rooms = list(self._rooms.values())
        self._rooms.clear()
        results = await asyncio.gather(*(room.close() for room in rooms), return_exceptions=True)
        for room, result in zip(rooms, results, strict=True):
            if isinstance(result, Exception):
                log.error("room_close_failed", room=room.name, exc_info=result)
        await self._ticker.close()
        self._pool.close()
        if not await asyncio.to_thread(self._pool.join):
            log.error("decoders_did_not_end")

    async def _sweep(self) -> None:
        """Closes rooms that have been empty for long enough, and those their owner ended by leaving."""
        before_s, cpu_before_s = time.monotonic(), time.process_time()
        while True:
            await asyncio.sleep(SWEEP_S)
            now_s, cpu_s = time.monotonic(), time.process_time()
            self._cores_busy = (cpu_s - cpu_before_s) / (now_s - before_s)
            before_s, cpu_before_s = now_s, cpu_s
            now_ns = self._clock.now_ns()
            for room in list(self._rooms.values()):
                if room.finished:
                    with contextlib.suppress(NotFound):
                        await self.close_room(room.name)
                    continue
                empty_since_ns = room.empty_since_ns
                if room.spec.permanent or empty_since_ns is None:
                    continue
                if now_ns - empty_since_ns > room.spec.empty_ttl_s * NS_PER_S:
                    with contextlib.suppress(NotFound):
                        await self.close_room(room.name)
