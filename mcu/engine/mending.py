"""Recordings that a process left unfinished are put right by a worker: the gateway has no media library."""

import asyncio
from contextlib import suppress
from typing import Final

import structlog

from mcu.chores import Chores
from mcu.engine.frames import Frame, Mending
from mcu.engine.process import WorkerProcess
from mcu.errors import McuError
from mcu.protocol.commands import RecordingList
from mcu.recording.index import RecordingIndex

log = structlog.get_logger()

TIMEOUT_S: Final = 60.0
PATIENCE_S: Final = 1.0
"""How long people wait outside for what was recorded to be put right; after that it is put right beside them."""
CLOSE_TIMEOUT_S: Final = 0.1


class Mender:
    """What it learns goes into ``index``. On the gateway's event loop."""

    def __init__(self, index: RecordingIndex) -> None:
        self._index = index
        self._chores = Chores("mending")

    async def all(self, worker: WorkerProcess) -> None:
        """Everything that earlier runs left. Nobody may be recording yet."""
        await self._mend(worker, None, None)

    async def some(self, worker: WorkerProcess, recordings: tuple[str, ...]) -> None:
        """Those of one room, which nobody writes any more. Returns when they are whole, or after a while."""
        done = asyncio.Event()

        async def mend() -> None:
            await self._mend(worker, recordings, TIMEOUT_S)
            done.set()

        self._chores.start(mend())
        with suppress(TimeoutError):
            await asyncio.wait_for(done.wait(), PATIENCE_S)

    async def close(self) -> None:
        await self._chores.close(CLOSE_TIMEOUT_S)

    async def _mend(self, worker: WorkerProcess, recordings: tuple[str, ...] | None, timeout_s: float | None) -> None:
        frame = Frame("mend", body=Mending(recordings=recordings).model_dump_json().encode())
        try:
            async with asyncio.timeout(timeout_s):
                mended = await worker.request(frame, RecordingList)
        except (McuError, TimeoutError) as error:
            log.error("recordings_not_mended", recordings=recordings, error=str(error))
        else:
            for recording in mended.recordings:
                self._index.add(recording)
