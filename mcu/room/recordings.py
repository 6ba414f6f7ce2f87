"""The recordings of a room: each a recorder fed by its view's own encoder, and the full mix of the group it shows."""

import asyncio
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

from mcu.errors import Conflict, Internal, NotFound
from mcu.protocol.models import RecordingInfo
from mcu.recording.index import RecordingIndex
from mcu.recording.recorder import Recorder
from mcu.room.outputs import ViewOutputs
from mcu.room.snapshot import NO_GROUP
from mcu.room.sounds import RoomSounds
from mcu.room.view import View

log = structlog.get_logger()

KEYFRAME_INTERVAL_S = 2.0
"""What a crash may cost, and how finely a player can seek."""


@dataclass(slots=True)
class _Recording:
    info: RecordingInfo
    path: Path
    recorder: Recorder
    outputs: ViewOutputs
    result: RecordingInfo | None = None

    @property
    def id(self) -> str:
        return self.info.id


class Recordings:
    """Used on the room's event loop. ``on_change`` is told every new state."""

    def __init__(
        self,
        room: str,
        directory: Path,
        sounds: RoomSounds,
        index: RecordingIndex,
        on_change: Callable[[RecordingInfo], None],
    ) -> None:
        self._room = room
        self._directory = directory
        self._sounds = sounds
        self._index = index
        self._on_change = on_change
        self._running: dict[str, _Recording] = {}
        self._told: dict[str, str] = {}

    @property
    def active(self) -> bool:
        return bool(self._running)

    @property
    def views(self) -> tuple[str, ...]:
        """Those that are being recorded."""
        return tuple(one.info.view for one in self._running.values())

    def active_in(self, view: str) -> bool:
        return any(one.info.view == view for one in self._running.values())

    async def list(self) -> tuple[RecordingInfo, ...]:
        """Those of earlier runs and closed rooms of this name first, those that run last."""
        running = tuple(self._running.values())
        infos = await asyncio.to_thread(lambda: tuple(self._info(recording) for recording in running))
        ids = {info.id for info in infos}
        return (*(info for info in self._index.of(self._room) if info.id not in ids), *infos)

    async def start(self, view: View) -> RecordingInfo:
        """Raises Conflict when the view is being recorded already, Internal when the disk takes no file."""
        if self.active_in(view.name):
            raise Conflict("this view is being recorded already: stop that recording first")
        recording = self._new(view)
        self._running[recording.id] = recording
        try:
            await asyncio.to_thread(recording.recorder.start)
        except OSError as error:
            del self._running[recording.id]
            raise Internal(f"the recording can't be written: {error.strerror or error}") from error
        recording.outputs.add_sink("H264", recording.recorder, KEYFRAME_INTERVAL_S)
        self._sounds.sinks = (*self._sounds.sinks, (recording.recorder, view.spec.group or NO_GROUP))
        log.info("recording_started", room=self._room, recording=recording.id, view=view.name, file=recording.path.name)
        info = await asyncio.to_thread(self._info, recording)
        if recording.id in self._running:
            self._tell(info)
        return info

    def _new(self, view: View) -> _Recording:
        started_at = datetime.now(UTC)
        identifier = f"{started_at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
        path = self._directory / identifier / f"{_file_stem(self._room)}-{started_at:%Y%m%dT%H%M%SZ}.mp4"
        spec = view.spec
        info = RecordingInfo(
            id=identifier,
            room=self._room,
            view=view.name,
            state="starting",
            file=path.name,
            started_at=started_at,
            duration_s=0.0,
            size_bytes=0,
        )
        recorder = Recorder(path, width=spec.width, height=spec.height, fps=spec.fps, info=info)
        return _Recording(info, path, recorder, view.outputs)

    async def stop(self, identifier: str) -> RecordingInfo:
        """Ends a recording; its file is complete when this returns. Stopping twice gives the same answer.
        Raises NotFound.
        """
        recording = self._running.get(identifier)
        if recording is None:
            ended = self._index.find(self._room, identifier)
            if ended is None:
                message = "no such recording in this room: list the recordings to see them"
                raise NotFound(message, code="no_such_recording")
            return ended
        recorder = recording.recorder
        self._sounds.sinks = tuple(tap for tap in self._sounds.sinks if tap[0] is not recorder)
        await recording.outputs.remove_sink("H264", recorder)
        result = await recorder.aclose()
        if recording.result is None:
            recording.result = recording.info.model_copy(
                update={
                    "state": "failed" if result.error else "finished",
                    "duration_s": result.duration_s,
                    "size_bytes": result.size_bytes,
                    "error": result.error,
                }
            )
            del self._running[identifier]
            self._index.add(recording.result)
            self._tell(recording.result)
            log.info("recording_finished", room=self._room, recording=identifier, state=recording.result.state)
        return recording.result

    async def poll(self) -> None:
        """Tells of states that changed by themselves; a recording that failed is ended, so that another may begin."""
        for recording in tuple(self._running.values()):
            # The file is looked at only when there is news: a slow disk must not hold up the loop four times a second.
            if self._told.get(recording.id) != recording.recorder.state:
                info = await asyncio.to_thread(self._info, recording)
                if recording.id in self._running:
                    self._tell(info)
            if recording.recorder.state == "failed":
                await self.stop(recording.id)

    async def close(self) -> None:
        """Finishes every recording. Idempotent."""
        await asyncio.gather(*(self.stop(identifier) for identifier in tuple(self._running)))

    def _tell(self, info: RecordingInfo) -> None:
        if self._told.get(info.id) != info.state:
            self._told[info.id] = info.state
            self._on_change(info)
        if info.state in ("finished", "failed"):
            self._told.pop(info.id, None)

    def _info(self, recording: _Recording) -> RecordingInfo:
        if recording.result is not None:
            return recording.result
        statistics = recording.recorder.statistics
        return recording.info.model_copy(
            update={
                "state": statistics.state,
                "duration_s": statistics.duration_s,
                "size_bytes": recording.path.stat().st_size if recording.path.exists() else 0,
                "error": recording.recorder.error,
            }
        )


def _file_stem(room: str) -> str:
    """The room's name as a file may bear it: no separators, no leading dot, bounded in bytes."""
    safe = re.sub(r"[^\w\-]+", "-", room).strip("-")
    return safe.encode()[:80].decode(errors="ignore") or "room"
