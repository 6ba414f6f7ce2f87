"""A recording of one view: the hub's H.264 packets as they are, and the full mix, in one MP4 file."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from mcu.frames import EncodedFrame
from mcu.mailbox import Ring
from mcu.protocol.models import RecordingInfo, RecordingPause, RecordingState
from mcu.recording.manifest import manifest_path, write_manifest
from mcu.recording.mending import cut_torn_end
from mcu.recording.muxing import Mp4Writer
from mcu.recording.pauses import Pauses
from mcu.recording.soundtrack import Sound
from mcu.recording.tape import NumberedPicture, Tape, TimedSound
from mcu.thread_name import show_thread_name

log = structlog.get_logger()

AUDIO_BPS: Final = 96_000
BACKLOG: Final = 1024
"""Frames and blocks that may wait for the disk: some 13 s of 25 pictures and 50 blocks of sound a second."""
CLOSE_TIMEOUT_S: Final = 3.0
WAKE_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class RecordingResult:
    """``error`` None: the file is whole. Otherwise why it isn't; it plays as far as it goes."""

    path: Path
    duration_s: float
    size_bytes: int
    frames: int
    error: str | None
    pauses: tuple[RecordingPause, ...] = ()


@dataclass(frozen=True, slots=True)
class RecorderStatistics:
    """``waiting``: frames and blocks not written yet; ``dropped``: those that the disk was too slow for, and frames
    that were of no use without them; ``silence_s``: silence written for sound that didn't come; ``duration_s``: what
    was written so far.
    """

    state: RecordingState
    frames: int
    waiting: int
    dropped: int
    silence_s: float
    duration_s: float
    pauses: tuple[RecordingPause, ...]


class Recorder:
    """A ``FrameSink`` with a thread of its own. ``write`` and ``write_sound`` never block and never raise: whatever
    goes wrong ends the recording, sets ``state`` to ``failed`` and is told to ``on_failure`` on the recorder's thread,
    which has to hand it to its own thread and to return.

    The owner adds it to a hub after ``start`` and sets the hub's keyframe interval to 2 to 4 s, removes it before
    ``close``. With ``info`` a manifest is kept beside the file.
    """

    def __init__(
        self,
        path: Path,
        *,
        width: int,
        height: int,
        fps: float,
        info: RecordingInfo | None = None,
        on_failure: Callable[[str], None] | None = None,
    ) -> None:
        self.path = path
        self._size = width, height
        self._fps = fps
        self._info = info
        self._on_failure = on_failure
        self._log = log.bind(recording=path.name)
        self._items: Ring[NumberedPicture | TimedSound] = Ring(BACKLOG)
        self._thread = threading.Thread(target=self._run, name=f"recorder-{path.stem}", daemon=True)
        self._state: RecordingState = "starting"
        self._error: str | None = None
        self._pauses = Pauses()
        self._pictures = 0  # this and the next: written by the hub's thread alone
        self._newest_ns: int | None = None
        # From here on: the recorder's thread alone writes these.
        self._writer: Mp4Writer | None = None
        self._tape: Tape | None = None
        self._duration_s = 0.0

    @property
    def state(self) -> RecordingState:
        """What it was told to be: items that wait for the disk may be older than the order to pause or to resume."""
        state = self._state
        if state in ("active", "paused"):
            return "paused" if self._pauses.ordered else "active"
        return state

    @property
    def error(self) -> str | None:
        return self._error

    @property
    def statistics(self) -> RecorderStatistics:
        tape, items = self._tape, self._items.statistics
        return RecorderStatistics(
            self.state,
            tape.frames if tape else 0,
            items.waiting,
            items.dropped + (tape.unusable if tape else 0),
            tape.silence_s if tape else 0.0,
            self._duration_s,
            self._pauses.listed(self._duration_s),
        )

    def start(self) -> None:
        """Makes the file and its folder, and starts the thread. Touches the disk: not on an event loop. Raises
        ``FileExistsError`` rather than overwrite, another ``OSError`` where nothing can be written, ``RuntimeError``
        when the thread can't be started.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("xb"):
            pass
        try:
            self._writer = Mp4Writer(self.path, *self._size, self._fps, AUDIO_BPS)
            self._tape = Tape(self._writer, *self._size, self._pauses)
            self._state = "active"
            self._write_manifest(self.state)
            self._thread.start()
        except Exception:
            self._state = "failed"
            self.path.unlink(missing_ok=True)
            raise

    def write(self, frame: EncodedFrame) -> None:
        """Takes a frame of the hub, on the hub's thread."""
        self._items.put(NumberedPicture(self._pictures, frame))
        self._pictures += 1
        self._newest_ns = frame.time_ns

    def write_sound(self, pcm: Sound, time_ns: int) -> None:
        """Takes 20 ms of the full mix (int16, shape (960,), 48 kHz), whose first sample sounds at room time
        ``time_ns``, and copies it. On the sound thread.
        """
        self._items.put(TimedSound(pcm.copy(), time_ns))

    def pause(self, time_ns: int) -> None:
        """Records nothing from this room time on. The owner removes it from its hub once ``reached`` says that what
        lies before has come. Like ``resume`` for one thread; both may be called before ``start``, and twice.
        """
        self._pauses.begin(time_ns)

    def resume(self, time_ns: int) -> None:
        """Goes on with the first keyframe from this room time on: the owner adds it to its hub again."""
        self._pauses.end(time_ns)

    def reached(self, time_ns: int) -> bool:
        """Pictures up to this room time have come."""
        newest_ns = self._newest_ns
        return newest_ns is not None and newest_ns >= time_ns

    def close(self) -> RecordingResult:
        """Writes what waits, completes the file and says what became of it; bounded by 3 s. Blocks: not on an event
        loop. Idempotent.
        """
        self._items.close()
        if self._thread.ident is not None:
            self._thread.join(CLOSE_TIMEOUT_S)
            if self._thread.is_alive():
                self._log.error("recorder_stuck", waited_s=CLOSE_TIMEOUT_S)
                return self._result("the disk didn't take the end of the recording in time")
        return self._result(self._error)

    async def aclose(self) -> RecordingResult:
        """``close`` for an event loop, which goes on meanwhile."""
        return await asyncio.to_thread(self.close)

    def _result(self, error: str | None) -> RecordingResult:
        frames = self._tape.frames if self._tape else 0
        pauses = self._pauses.listed(self._duration_s)
        return RecordingResult(self.path, self._duration_s, _size_of(self.path), frames, error, pauses)

    def _run(self) -> None:
        show_thread_name()
        writer, tape = self._writer, self._tape
        if writer is None or tape is None:
            raise RuntimeError("a recorder's thread runs after start")
        try:
            while True:
                closed = self._items.closed  # asked first: what was put before the end is still handed out
                item = self._items.wait(WAKE_S)
                if tape.look_at_pauses():
                    self._turn("paused")
                if item is not None:
                    self._take(tape, item)
                elif closed:
                    break
            self._finish(writer, tape)
        except Exception as error:  # the boundary: a full disk ends a recording, never a hub or a mixer
            self._fail(writer, error)

    def _take(self, tape: Tape, item: NumberedPicture | TimedSound) -> None:
        if isinstance(item, TimedSound):
            tape.add_sound(item)
        elif tape.add_picture(item):
            self._turn("active")
        self._duration_s = tape.duration_s

    def _turn(self, state: RecordingState) -> None:
        """Paused, or active again."""
        self._state = state
        self._save_manifest(state)

    def _finish(self, writer: Mp4Writer, tape: Tape) -> None:
        tape.finish()
        self._duration_s = writer.duration_s
        writer.close()
        self._state = "finished"
        self._save_manifest("finished")
        self._log.info("recording_finished", duration_s=round(self._duration_s, 3), frames=tape.frames)

    def _fail(self, writer: Mp4Writer, error: Exception) -> None:
        self._error = _reason(error)
        self._state = "failed"
        self._items.close()
        self._items.clear()
        self._log.error("recording_failed", error=self._error)
        self._salvage(writer)
        self._save_manifest("failed")
        if self._on_failure is not None:
            try:
                self._on_failure(self._error)
            except Exception as fault:  # and once more: the owner's loop may be gone
                self._log.warning("failure_not_told", error=repr(fault))

    def _salvage(self, writer: Mp4Writer) -> None:
        """Leaves what plays: whole fragments, or no file at all."""
        try:
            writer.close()
        except Exception as fault:  # the boundary again: what failed once fails to close
            self._log.warning("recording_not_closed", error=repr(fault))
        try:
            if self._tape is not None and self._tape.frames:
                cut_torn_end(self.path)
            else:
                self.path.unlink(missing_ok=True)
        except OSError as fault:
            self._log.warning("recording_not_mended", error=repr(fault))

    def _save_manifest(self, state: RecordingState) -> None:
        try:
            self._write_manifest(state)
        except OSError as fault:
            self._log.warning("manifest_not_written", error=repr(fault))

    def _write_manifest(self, state: RecordingState) -> None:
        if self._info is None:
            return
        facts = {
            "state": state,
            "duration_s": self._duration_s,
            "size_bytes": _size_of(self.path),
            "error": self._error,
            "pauses": self._pauses.listed(self._duration_s),
        }
        write_manifest(manifest_path(self.path), self._info.model_copy(update=facts))


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
