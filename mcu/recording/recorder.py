"""A recording of one view: the hub's H.264 packets as they are, and the full mix, in one MP4 file.

Room time rules: the first keyframe is zero, and both streams' timestamps are room time since then. Sound from before
it is cut, sound that is missing is silence, pictures that are missing leave a gap.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import structlog

from mcu.clock import NS_PER_MS, NS_PER_S
from mcu.frames import AUDIO_CLOCK_HZ, VIDEO_CLOCK_HZ, EncodedFrame
from mcu.mailbox import Ring
from mcu.protocol.models import RecordingInfo
from mcu.recording.manifest import manifest_path, write_manifest
from mcu.recording.mending import cut_torn_end
from mcu.recording.muxing import AAC_FRAME_SAMPLES, Mp4Writer
from mcu.recording.soundtrack import Sound, Soundtrack
from mcu.thread_name import show_thread_name

log = structlog.get_logger()

RecorderState = Literal["starting", "active", "finished", "failed"]

AUDIO_BPS: Final = 96_000
BACKLOG: Final = 1024
"""Frames and blocks that may wait for the disk: some 13 s of 25 pictures and 50 blocks of sound a second."""
EARLY_BLOCKS: Final = 50
"""Sound that is kept for the first keyframe to turn out to be older than it: an encoder is later than a mixer."""
SOUND_PATIENCE_NS: Final = 400 * NS_PER_MS
"""Sound that is further behind the pictures than this is taken to be lost."""
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


@dataclass(frozen=True, slots=True)
class RecorderStatistics:
    """``waiting``: frames and blocks not written yet; ``dropped``: those that the disk was too slow for, and frames
    that were of no use without them; ``silence_s``: silence written for sound that didn't come; ``duration_s``: what
    was written so far.
    """

    state: RecorderState
    frames: int
    waiting: int
    dropped: int
    silence_s: float
    duration_s: float


@dataclass(frozen=True, slots=True)
class _Picture:
    number: int
    frame: EncodedFrame


@dataclass(frozen=True, slots=True)
class _Sound:
    pcm: Sound
    time_ns: int


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
        self._items: Ring[_Picture | _Sound] = Ring(BACKLOG)
        self._thread = threading.Thread(target=self._run, name=f"recorder-{path.stem}", daemon=True)
        self._state: RecorderState = "starting"
        self._error: str | None = None
        self._pictures = 0  # written by the hub's thread alone
        # From here on: the recorder's thread alone writes these.
        self._writer: Mp4Writer | None = None
        self._soundtrack: Soundtrack | None = None
        self._origin_ns = 0
        self._early: deque[_Sound] = deque(maxlen=EARLY_BLOCKS)
        self._next_picture = 0
        self._frames = 0
        self._unusable = 0
        self._duration_s = 0.0

    @property
    def state(self) -> RecorderState:
        return self._state

    @property
    def error(self) -> str | None:
        return self._error

    @property
    def statistics(self) -> RecorderStatistics:
        soundtrack, items = self._soundtrack, self._items.statistics
        return RecorderStatistics(
            self._state,
            self._frames,
            items.waiting,
            items.dropped + self._unusable,
            soundtrack.silence / AUDIO_CLOCK_HZ if soundtrack else 0.0,
            self._duration_s,
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
            self._write_manifest("active")
            self._state = "active"
            self._thread.start()
        except Exception:
            self._state = "failed"
            self.path.unlink(missing_ok=True)
            raise

    def write(self, frame: EncodedFrame) -> None:
        """Takes a frame of the hub, on the hub's thread."""
        self._items.put(_Picture(self._pictures, frame))
        self._pictures += 1

    def write_sound(self, pcm: Sound, time_ns: int) -> None:
        """Takes 20 ms of the full mix (int16, shape (960,), 48 kHz), whose first sample sounds at room time
        ``time_ns``, and copies it. On the sound thread.
        """
        self._items.put(_Sound(pcm.copy(), time_ns))

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
        return RecordingResult(self.path, self._duration_s, _size_of(self.path), self._frames, error)

    def _run(self) -> None:
        show_thread_name()
        writer = self._writer
        if writer is None:
            raise RuntimeError("a recorder's thread runs after start")
        try:
            while True:
                closed = self._items.closed  # asked first: what was put before the end is still handed out
                item = self._items.wait(WAKE_S)
                if item is not None:
                    self._take(writer, item)
                elif closed:
                    break
            self._finish(writer)
        except Exception as error:  # the boundary: a full disk ends a recording, never a hub or a mixer
            self._fail(writer, error)

    def _take(self, writer: Mp4Writer, item: _Picture | _Sound) -> None:
        if isinstance(item, _Picture):
            self._take_picture(writer, item)
        elif self._soundtrack is None:
            self._early.append(item)
        else:
            self._soundtrack.add(item.pcm, item.time_ns)
        self._duration_s = writer.duration_s

    def _take_picture(self, writer: Mp4Writer, item: _Picture) -> None:
        frame = item.frame
        if frame.codec != "H264" or (frame.width, frame.height) != self._size:
            raise ValueError(
                f"{frame.codec} of {frame.width}×{frame.height} came into an H264 recording of {self._size}"
            )
        follows = item.number == self._next_picture and self._frames > 0
        if not follows and not frame.keyframe:
            self._unusable += 1  # its predecessors were dropped: it would decode to rubbish
            return
        self._next_picture = item.number + 1
        if self._soundtrack is None:
            self._origin_ns = frame.time_ns
        writer.write_frame(frame, (frame.time_ns - self._origin_ns) * VIDEO_CLOCK_HZ // NS_PER_S)
        self._frames += 1
        soundtrack = self._soundtrack or self._begin_sound(writer)
        soundtrack.pad_to(frame.time_ns - SOUND_PATIENCE_NS)

    def _begin_sound(self, writer: Mp4Writer) -> Soundtrack:
        self._soundtrack = Soundtrack(self._origin_ns, AAC_FRAME_SAMPLES, writer.write_sound)
        for block in self._early:
            self._soundtrack.add(block.pcm, block.time_ns)
        self._early.clear()
        return self._soundtrack

    def _finish(self, writer: Mp4Writer) -> None:
        if self._soundtrack is None:
            raise ValueError("no picture came")
        self._soundtrack.pad_to(self._origin_ns + round(writer.duration_s * NS_PER_S))
        self._soundtrack.finish()
        writer.flush()
        self._duration_s = writer.duration_s
        writer.close()
        self._state = "finished"
        self._save_manifest("finished")
        self._log.info("recording_finished", duration_s=round(self._duration_s, 3), frames=self._frames)

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
            if self._frames:
                cut_torn_end(self.path)
            else:
                self.path.unlink(missing_ok=True)
        except OSError as fault:
            self._log.warning("recording_not_mended", error=repr(fault))

    def _save_manifest(self, state: RecorderState) -> None:
        try:
            self._write_manifest(state)
        except OSError as fault:
            self._log.warning("manifest_not_written", error=repr(fault))

    def _write_manifest(self, state: RecorderState) -> None:
        if self._info is None:
            return
        facts = {"duration_s": self._duration_s, "size_bytes": _size_of(self.path), "error": self._error}
        write_manifest(manifest_path(self.path), self._info.model_copy(update={"state": state, **facts}))


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
