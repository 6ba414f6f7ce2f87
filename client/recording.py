"""Writes what a participant receives into an MP4: the composite as decoded here, compressed once more, in a thread.

The server's own recording is better and cheaper; this one needs nobody's permission and shows what this viewer saw.
"""

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import structlog
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from client.errors import ClientError
from client.room import Room

log = structlog.get_logger()

QUEUE_FRAMES = 200
VIDEO_CLOCK_HZ = 90_000
AUDIO_CLOCK_HZ = 48_000
REANCHOR_S = 0.5
"""A stream whose RTP time and arrival drift further apart than this has begun anew (a reconnect)."""
MAX_GAP_S = 30.0
CLOSE_TIMEOUT_S = 20.0
FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof+delay_moov"}


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was written. ``dropped``: frames that came faster than this machine could compress them."""

    path: Path
    pictures: int
    duration_s: float
    dropped: int


class Anchor:
    """RTP times of one stream → seconds since the recording's start; never backwards.

    RTP times are 32 bits and wrap; the first one, and any after a break, is tied to its arrival.
    """

    def __init__(self, clock_hz: int) -> None:
        self._clock_hz = clock_hz
        self._last_rtp: int | None = None
        self._last_s = 0.0

    def place(self, rtp_time: int, arrived_s: float) -> float:
        rtp_time &= 0xFFFF_FFFF
        if self._last_rtp is None:
            placed_s = arrived_s
        else:
            step = (rtp_time - self._last_rtp + 0x8000_0000 & 0xFFFF_FFFF) - 0x8000_0000
            placed_s = self._last_s + step / self._clock_hz
            if abs(placed_s - arrived_s) > REANCHOR_S:
                placed_s = max(arrived_s, self._last_s)
        self._last_rtp, self._last_s = rtp_time, max(placed_s, self._last_s)
        return self._last_s


class Recorder:
    """One thread that compresses and writes. ``put`` never waits; ``close`` does, so call it off the event loop; then
    ``result`` says what became of it.

    The file begins with the first picture. It is fragmented: what was written plays even if the process is killed.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._frames: queue.Queue[tuple[VideoFrame | AudioFrame, float] | None] = queue.Queue(QUEUE_FRAMES)
        self._began_s = time.monotonic()
        self._dropped = 0
        self._error: BaseException | None = None
        self._writer = _Writer(self.path)
        self._thread = threading.Thread(target=self._run, name="client-recorder", daemon=True)
        self._thread.start()

    def put(self, frame: VideoFrame | AudioFrame) -> None:
        """From the event loop's thread. A frame too many is dropped and counted."""
        try:
            self._frames.put_nowait((frame, time.monotonic() - self._began_s))
        except queue.Full:
            self._dropped += 1

    def close(self) -> None:
        """Finishes the file; bounded. Idempotent."""
        if self._thread.is_alive():
            with contextlib.suppress(queue.Full):
                self._frames.put(None, timeout=CLOSE_TIMEOUT_S)
            self._thread.join(CLOSE_TIMEOUT_S)

    def result(self) -> Recorded:
        """After ``close``. Raises ClientError when nothing could be written."""
        if self._error is not None:
            raise ClientError(f"{self.path} could not be written: {self._error}") from self._error
        if not self._writer.pictures:
            raise ClientError(f"{self.path} was not written: no picture came")
        return Recorded(self.path, self._writer.pictures, self._writer.duration_s, self._dropped)

    def _run(self) -> None:
        try:
            while (entry := self._frames.get()) is not None:
                self._writer.write(*entry)
            self._writer.close()
        except (OSError, av.FFmpegError) as error:
            log.warning("recording_failed", path=str(self.path), error=str(error))
            self._error = error
            self._writer.abandon()


class _Writer:
    """The container and its two encoders; one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._container: OutputContainer | None = None
        self._video: VideoStream | None = None
        self._audio: AudioStream | None = None
        self._video_anchor = Anchor(VIDEO_CLOCK_HZ)
        self._audio_anchor = Anchor(AUDIO_CLOCK_HZ)
        self._began_s = 0.0
        self._last_pts = -1
        self._samples = 0
        self.pictures = 0
        self.duration_s = 0.0

    def write(self, frame: VideoFrame | AudioFrame, arrived_s: float) -> None:
        if isinstance(frame, VideoFrame):
            self._write_picture(frame, arrived_s)
        elif self._container is not None:
            self._write_sound(frame, arrived_s)

    def close(self) -> None:
        if self._container is None:
            return
        for stream in (self._video, self._audio):
            if stream is not None:
                self._container.mux(stream.encode(None))
        self._container.close()

    def abandon(self) -> None:
        if self._container is not None:
            with contextlib.suppress(OSError, av.FFmpegError):
                self._container.close()

    def _write_picture(self, frame: VideoFrame, arrived_s: float) -> None:
        container = self._container or self._open(frame, arrived_s)
        assert self._video is not None  # opened with the container
        at_s = self._video_anchor.place(frame.pts or 0, arrived_s) - self._began_s
        pts = max(round(at_s * VIDEO_CLOCK_HZ), self._last_pts + 1)
        self._last_pts = pts
        fitted = frame.reformat(self._video.width, self._video.height, "yuv420p")
        fitted.pts, fitted.time_base = pts, Fraction(1, VIDEO_CLOCK_HZ)
        fitted.pict_type = PictureType.NONE
        container.mux(self._video.encode(fitted))
        self.pictures += 1
        self.duration_s = max(self.duration_s, pts / VIDEO_CLOCK_HZ)

    def _write_sound(self, frame: AudioFrame, arrived_s: float) -> None:
        """A gap is filled with silence, so that the sound is one whole stream."""
        assert self._audio is not None  # opened with the container
        at_s = self._audio_anchor.place(frame.pts or 0, arrived_s) - self._began_s
        gap = round(min(at_s, self.duration_s + MAX_GAP_S) * AUDIO_CLOCK_HZ) - self._samples
        while gap >= frame.samples:
            self._encode_sound(np.zeros((1, frame.samples * 2), np.int16))
            gap -= frame.samples
        self._encode_sound(frame.to_ndarray().astype(np.int16, copy=False))

    def _encode_sound(self, samples: "np.ndarray[tuple[int, ...], np.dtype[np.int16]]") -> None:
        assert self._audio is not None  # both are there once the container is
        assert self._container is not None
        frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="stereo")
        frame.sample_rate = AUDIO_CLOCK_HZ
        frame.pts, frame.time_base = self._samples, Fraction(1, AUDIO_CLOCK_HZ)
        self._samples += frame.samples
        self._container.mux(self._audio.encode(frame))

    def _open(self, first: VideoFrame, arrived_s: float) -> OutputContainer:
        container = av.open(str(self._path), "w", format="mp4", options=FRAGMENTED)
        self._video = container.add_stream("libx264", rate=30, options={"preset": "veryfast", "crf": "23"})
        self._video.width, self._video.height = first.width, first.height
        self._video.pix_fmt = "yuv420p"
        self._video.gop_size = 60
        self._video.codec_context.thread_count = 1
        self._video.codec_context.time_base = Fraction(1, VIDEO_CLOCK_HZ)
        self._audio = container.add_stream("aac", rate=AUDIO_CLOCK_HZ, layout="stereo")
        self._began_s = arrived_s
        self._container = container
        return container


@contextlib.asynccontextmanager
async def recording(room: Room, path: str | Path) -> AsyncIterator[Recorder]:
    """Records what ``room`` receives while the block runs; after it, ``Recorder.result`` says what became of it."""
    recorder = Recorder(path)

    async def feed(frames: AsyncIterator[VideoFrame] | AsyncIterator[AudioFrame]) -> None:
        with contextlib.suppress(ClientError):
            async for frame in frames:
                recorder.put(frame)

    tasks = [asyncio.create_task(feed(room.pictures(30))), asyncio.create_task(feed(room.sounds(100)))]
    try:
        yield recorder
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(recorder.close)
