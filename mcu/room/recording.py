"""One recording of a view, from its start to its end: a recorder, and how it is fed pictures and sound."""

import asyncio
import contextlib
import re
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import av
import structlog

from mcu.clock import Clock
from mcu.errors import Conflict, Internal
from mcu.protocol.models import RecordingInfo
from mcu.recording.recorder import Recorder
from mcu.room.snapshot import NO_GROUP
from mcu.room.sounds import RoomSounds
from mcu.room.view import View

log = structlog.get_logger()

KEYFRAME_INTERVAL_S: Final = 2.0
"""What a crash may cost, and how finely a player can seek."""

MAX_PAUSES: Final = 1000
"""Of one recording: each stands in its manifest, and in every answer that tells of it."""

LAST_PICTURES_S: Final = 0.3
"""How long a pause waits for the pictures from before it, which are being encoded. A view at rest sends none."""
LAST_PICTURES_POLL_S: Final = 0.02


class Recording:
    """Used on the room's event loop. Of ``start``, ``pause``, ``resume`` and ``finish`` one is carried out at a time.
    ``result`` says how it ended, once it has.
    """

    def __init__(self, room: str, view: View, directory: Path, sounds: RoomSounds, clock: Clock) -> None:
        started_at = datetime.now(UTC)
        self.id = f"{started_at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
        self.view = view.name
        self.path = directory / self.id / f"{_file_stem(room)}-{started_at:%Y%m%dT%H%M%SZ}.mp4"
        self.result: RecordingInfo | None = None
        self._outputs = view.outputs
        self._group = view.spec.group or NO_GROUP
        self._tick_s = 1 / view.spec.fps
        self._sounds = sounds
        self._clock = clock
        self._first = RecordingInfo(
            id=self.id,
            room=room,
            view=view.name,
            state="starting",
            file=self.path.name,
            started_at=started_at,
            duration_s=0.0,
            size_bytes=0,
        )
        spec = view.spec
        self.recorder = Recorder(self.path, width=spec.width, height=spec.height, fps=spec.fps, info=self._first)
        self._plugged = False
        self._lock = asyncio.Lock()
        self._log = log.bind(room=room, recording=self.id)

    @property
    def paused(self) -> bool:
        return self.recorder.state == "paused"

    def info(self) -> RecordingInfo:
        """As it is now. Looks at the file: not on an event loop."""
        if self.result is not None:
            return self.result
        statistics = self.recorder.statistics
        return self._first.model_copy(
            update={
                "state": statistics.state,
                "duration_s": statistics.duration_s,
                "size_bytes": self.path.stat().st_size if self.path.exists() else 0,
                "error": self.recorder.error,
                "pauses": statistics.pauses,
            }
        )

    async def start(self, *, paused: bool) -> None:
        """Raises Internal when the disk takes no file."""
        async with self._lock:
            if paused:
                self.recorder.pause(self._clock.now_ns())
            try:
                await asyncio.to_thread(self.recorder.start)
            except OSError as error:
                raise Internal(f"the recording can't be written: {error.strerror or error}") from error
            if not paused:
                self._plug()
            self._log.info("recording_started", view=self.view, file=self.path.name)

    async def pause(self) -> None:
        """Records nothing of what comes from now on, and lets the encoder go; when the pictures from before have come,
        this returns. Idempotent. Raises Conflict when it has ended.
        """
        async with self._lock:
            self._check_runs()
            now_ns = self._clock.now_ns()
            if not self.paused:
                if len(self.recorder.statistics.pauses) >= MAX_PAUSES:
                    raise Conflict(f"it was paused {MAX_PAUSES} times already: stop it, and start another one")
                self.recorder.pause(now_ns)
                self._log.info("recording_paused")
            if self._plugged:
                await self._until_reached(now_ns)
                await self._unplug()

    async def resume(self) -> None:
        """Goes on with the next keyframe, which is asked for. Idempotent. Raises Conflict when it has ended, Internal
        when no encoder can be opened for it: it stays paused then.
        """
        async with self._lock:
            self._check_runs()
            if not self.paused:
                return
            await self._unplug()
            now_ns = self._clock.now_ns()
            # What is being drawn or encoded now is of the pause: a keyframe spent on it would be of no use.
            await asyncio.sleep(self._tick_s)
            self.recorder.resume(now_ns)
            try:
                self._plug()
            except (ValueError, RuntimeError, av.FFmpegError) as error:
                self.recorder.pause(self._clock.now_ns())
                raise Internal(f"the recording can't go on: {error}") from error
            self._log.info("recording_resumed")

    async def finish(self) -> bool:
        """Ends it; its file is complete when this returns. True when it was this that ended it."""
        async with self._lock:
            if self.result is not None:
                return False
            await self._unplug()
            result = await self.recorder.aclose()
            self.result = self._first.model_copy(
                update={
                    "state": "failed" if result.error else "finished",
                    "duration_s": result.duration_s,
                    "size_bytes": result.size_bytes,
                    "error": result.error,
                    "pauses": result.pauses,
                }
            )
            self._log.info("recording_finished", state=self.result.state)
            return True

    def _check_runs(self) -> None:
        if self.result is not None or self.recorder.state == "failed":
            raise ended(self._first)

    def _plug(self) -> None:
        self._outputs.add_sink("H264", self.recorder, KEYFRAME_INTERVAL_S)
        self._sounds.sinks = (*self._sounds.sinks, (self.recorder, self._group))
        self._plugged = True

    async def _unplug(self) -> None:
        """Idempotent."""
        if self._plugged:
            self._plugged = False
            self._sounds.sinks = tuple(tap for tap in self._sounds.sinks if tap[0] is not self.recorder)
            await self._outputs.remove_sink("H264", self.recorder)

    async def _until_reached(self, time_ns: int) -> None:
        """Pictures from before that time have come, or don't come."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_PICTURES_S):
                while not self.recorder.reached(time_ns):  # noqa: ASYNC110 - the hub's thread brings it about
                    await asyncio.sleep(LAST_PICTURES_POLL_S)


def ended(info: RecordingInfo) -> Conflict:
    """Why it can't be paused or resumed."""
    return Conflict(f"this recording has ended: start another one of the view {info.view!r}")


def _file_stem(room: str) -> str:
    """The room's name as a file may bear it: no separators, no leading dot, bounded in bytes."""
    safe = re.sub(r"[^\w\-]+", "-", room).strip("-")
    return safe.encode()[:80].decode(errors="ignore") or "room"
