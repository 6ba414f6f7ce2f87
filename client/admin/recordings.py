"""A room's recordings."""

import asyncio
from pathlib import Path

from client.admin.calls import Calls, below
from mcu.protocol.models import RecordingInfo


class RecordingsAdmin:
    """``room.recordings``. Every request raises an AdminRefused or ConnectionLost."""

    def __init__(self, calls: Calls, room: str) -> None:
        self._calls = calls
        self._room = room

    async def start(self, view: str = "main") -> RecordingInfo:
        """Raises Clash where the view is being recorded."""
        return await self._calls.one(RecordingInfo, "POST", self._path(), json={"view": view})

    async def pause(self, recording: str) -> RecordingInfo:
        """Nothing of what follows is recorded; the file will have no hole. Raises Clash where it has ended."""
        return await self._calls.one(RecordingInfo, "POST", self._path(recording, "pause"))

    async def resume(self, recording: str) -> RecordingInfo:
        """Goes on with a paused one, within half a second. Raises Clash where it has ended."""
        return await self._calls.one(RecordingInfo, "POST", self._path(recording, "resume"))

    async def stop(self, recording: str) -> RecordingInfo:
        """Comes back once the file is complete. Raises Clash where it is stopped already."""
        return await self._calls.one(RecordingInfo, "POST", self._path(recording, "stop"))

    async def list(self) -> tuple[RecordingInfo, ...]:
        """Running and finished ones."""
        return await self._calls.many(RecordingInfo, self._path(), "recordings")

    async def get(self, recording: str) -> RecordingInfo:
        return await self._calls.one(RecordingInfo, "GET", self._path(recording))

    async def download(self, recording: str, file: str, to: Path) -> int:
        """Writes a finished recording's file to ``to``, which appears when it is whole; its size in bytes. Raises Clash
        while it runs, or OSError.
        """
        part, size_bytes = to.with_name(f"{to.name}.part"), 0
        try:
            with part.open("wb") as output:
                async with self._calls.stream(self._path(recording, "files", file)) as chunks:
                    async for chunk in chunks:
                        await asyncio.to_thread(output.write, chunk)
                        size_bytes += len(chunk)
            part.replace(to)
        finally:
            part.unlink(missing_ok=True)
        return size_bytes

    def _path(self, *steps: str) -> str:
        return below("rooms", self._room, "recordings", *steps)
