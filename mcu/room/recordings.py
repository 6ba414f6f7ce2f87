"""The recordings of a room: each a recorder fed by its view's own encoder, and the full mix of the group it shows."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from mcu.clock import Clock
from mcu.errors import Conflict, Internal, NotFound
from mcu.protocol.models import RecordingInfo
from mcu.recording.index import RecordingIndex
from mcu.room.recording import Recording, ended
from mcu.room.sounds import RoomSounds
from mcu.room.view import View


class Recordings:
    """Used on the room's event loop. ``on_change`` is told every new state."""

    def __init__(
        self,
        room: str,
        directory: Path,
        sounds: RoomSounds,
        index: RecordingIndex,
        clock: Clock,
        on_change: Callable[[RecordingInfo], None],
    ) -> None:
        self._room = room
        self._directory = directory
        self._sounds = sounds
        self._index = index
        self._clock = clock
        self._on_change = on_change
        self._running: dict[str, Recording] = {}
        self._told: dict[str, str] = {}

    @property
    def active(self) -> bool:
        return bool(self._running)

    @property
    def views(self) -> tuple[str, ...]:
        """Those that are being recorded, or whose recording is paused."""
        return tuple(one.view for one in self._running.values())

    @property
    def paused_views(self) -> tuple[str, ...]:
        return tuple(one.view for one in self._running.values() if one.paused)

    def active_in(self, view: str) -> bool:
        return any(one.view == view for one in self._running.values())

    async def list(self) -> tuple[RecordingInfo, ...]:
        """Those of earlier runs and closed rooms of this name first, those that run last."""
        running = tuple(self._running.values())
        infos = await asyncio.to_thread(lambda: tuple(recording.info() for recording in running))
        ids = {info.id for info in infos}
        return (*(info for info in self._index.of(self._room) if info.id not in ids), *infos)

    async def start(self, view: View, *, paused: bool = False) -> RecordingInfo:
        """Raises Conflict when the view is being recorded already, Internal when the disk takes no file. ``paused``: it
        waits for ``resume``.
        """
        if self.active_in(view.name):
            raise Conflict("this view is being recorded already: stop that recording first")
        recording = Recording(self._room, view, self._directory, self._sounds, self._clock)
        self._running[recording.id] = recording
        try:
            await recording.start(paused=paused)
        except Internal:
            del self._running[recording.id]
            raise
        return await self._news_of(recording)

    async def pause(self, identifier: str) -> RecordingInfo:
        """Pausing twice gives the same answer. Raises NotFound, or Conflict when it has ended."""
        recording = self._find_running(identifier)
        await recording.pause()
        return await self._news_of(recording)

    async def resume(self, identifier: str) -> RecordingInfo:
        """Without effect on one that runs. Raises NotFound, Conflict when it has ended, or Internal."""
        recording = self._find_running(identifier)
        await recording.resume()
        return await self._news_of(recording)

    async def stop(self, identifier: str) -> RecordingInfo:
        """Ends a recording; its file is complete when this returns. Stopping twice gives the same answer.
        Raises NotFound.
        """
        recording = self._running.get(identifier)
        if recording is None:
            return self._find_ended(identifier)
        mine = await recording.finish()
        result = recording.result
        assert result is not None, "it has been finished"
        if mine:
            del self._running[identifier]
            self._index.add(result)
            self._tell(result)
        return result

    async def poll(self) -> None:
        """Tells of states that changed by themselves; a recording that failed is ended, so that another may begin."""
        for recording in tuple(self._running.values()):
            # The file is looked at only when there is news: a slow disk must not hold up the loop four times a second.
            if self._told.get(recording.id) != recording.recorder.state:
                await self._news_of(recording)
            if recording.recorder.state == "failed":
                await self.stop(recording.id)

    async def close(self) -> None:
        """Finishes every recording. Idempotent."""
        await asyncio.gather(*(self.stop(identifier) for identifier in tuple(self._running)))

    def _find_running(self, identifier: str) -> Recording:
        recording = self._running.get(identifier)
        if recording is None:
            raise ended(self._find_ended(identifier))
        return recording

    def _find_ended(self, identifier: str) -> RecordingInfo:
        found = self._index.find(self._room, identifier)
        if found is None:
            raise NotFound("no such recording in this room: list the recordings to see them", code="no_such_recording")
        return found

    async def _news_of(self, recording: Recording) -> RecordingInfo:
        """Of its end ``stop`` alone tells, once."""
        info = await asyncio.to_thread(recording.info)
        if recording.id in self._running and info.runs:
            self._tell(info)
        return info

    def _tell(self, info: RecordingInfo) -> None:
        if self._told.get(info.id) != info.state:
            self._told[info.id] = info.state
            self._on_change(info)
        if not info.runs:
            self._told.pop(info.id, None)
