"""Sources that play files: a film in real time, and a voice that speaks when it is its turn."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import numpy as np
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from client.errors import SourceFailed
from client.sources import SAMPLE_RATE_HZ, SAMPLES_PER_TICK, TICKS_PER_S, AudioSource, Sound, VideoSource

MAX_SPEECH_S = 60
"""A voice is kept in memory whole: 96 kB a second."""
FADE_S = 0.03


class FileSource:
    """A media file played in real time: give ``video`` and ``audio`` to a room.

    Either is None when the file has no such stream. Pictures are scaled to fit ``width`` × ``height`` px and keep their
    proportions. With ``loop`` both start again together; without it the last picture stays and silence follows.
    Decoding happens in one thread of its own. ``close()`` it when no room plays it any more.

    Raises SourceFailed when the file can't be opened or holds neither pictures nor sound.
    """

    def __init__(
        self, path: str | Path, loop: bool = True, *, width: int = 640, height: int = 360, fps: int | None = None
    ) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="file-source")
        self._readers: list[_PictureReader | _SoundReader] = []
        try:
            with av.open(str(path)) as probe:
                pictures, sounds = probe.streams.video, probe.streams.audio
                if not pictures and not sounds:
                    raise SourceFailed(f"{path} holds neither pictures nor sound")
                rate = fps or (round(float(pictures[0].average_rate or 25)) if pictures else 25)
                length_s = probe.duration / av.time_base if probe.duration else 0.0
                has_pictures, has_sounds = bool(pictures), bool(sounds)
        except (OSError, av.FFmpegError) as error:
            raise SourceFailed(f"{path} can't be played: {error.strerror}") from error
        self.video: VideoSource | None = None
        self.audio: AudioSource | None = None
        if has_pictures:
            picture_reader = _PictureReader(Path(path), loop, length_s, (width, height))
            self._readers.append(picture_reader)
            self.video = _FilePictures(picture_reader, self._pool, max(1, min(rate, 30)))
        if has_sounds:
            sound_reader = _SoundReader(Path(path), loop, length_s)
            self._readers.append(sound_reader)
            self.audio = _FileSounds(sound_reader, self._pool)

    async def close(self) -> None:
        """Waits for a decode that is under way. Idempotent."""
        await asyncio.to_thread(self._pool.shutdown)
        for reader in self._readers:
            reader.close()


class _FilePictures:
    def __init__(self, reader: "_PictureReader", pool: ThreadPoolExecutor, fps: int) -> None:
        self._reader = reader
        self._pool = pool
        self._fps = fps

    @property
    def fps(self) -> int:
        return self._fps

    async def picture(self, index: int) -> VideoFrame:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._reader.at, index / self._fps)


class _FileSounds:
    def __init__(self, reader: "_SoundReader", pool: ThreadPoolExecutor) -> None:
        self._reader = reader
        self._pool = pool

    async def sound(self, index: int) -> Sound:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._reader.at, index)


class _PictureReader:
    """Decodes forwards to an instant; one thread at a time."""

    def __init__(self, path: Path, loop: bool, length_s: float, size: tuple[int, int]) -> None:
        self._path = path
        self._loop = loop
        self._length_s = length_s
        self._size = size
        self._lap = 0
        self._container: InputContainer | None = None
        self._frames: Iterator[VideoFrame] = iter(())
        self._ahead: VideoFrame | None = None
        self._shown: VideoFrame | None = None
        self._reformatter = VideoReformatter()

    def at(self, instant_s: float) -> VideoFrame:
        """The picture shown at ``instant_s`` of the play-out, as a fresh I420 frame. Instants never go back."""
        if self._container is None:
            self._open()
        lap, within_s = divmod(instant_s, self._length_s) if self._loop and self._length_s else (0, instant_s)
        if int(lap) > self._lap:
            self._lap = int(lap)
            self._open()
        while self._ahead is not None and (self._ahead.time or 0.0) <= within_s + 1e-3:
            self._shown = self._ahead
            self._ahead = next(self._frames, None)
        return self._fitted(self._shown or self._ahead)

    def close(self) -> None:
        if self._container is not None:
            self._container.close()

    def _open(self) -> None:
        self.close()
        self._container = av.open(str(self._path))
        self._container.streams.video[0].codec_context.thread_count = 1
        self._frames = _decoded_pictures(self._container)
        self._ahead = next(self._frames, None)

    def _fitted(self, frame: VideoFrame | None) -> VideoFrame:
        if frame is None:
            planes = np.full((self._size[1] * 3 // 2, self._size[0]), 16, np.uint8)
            planes[self._size[1] :] = 128
            return VideoFrame.from_ndarray(planes, format="yuv420p")
        scale = min(self._size[0] / frame.width, self._size[1] / frame.height)
        width, height = (max(2, round(side * scale) // 2 * 2) for side in (frame.width, frame.height))
        fitted = self._reformatter.reformat(frame, width, height, "yuv420p")
        # Of a frame that has the size already, reformat hands back the frame itself; the sender marks its frames.
        return VideoFrame.from_ndarray(fitted.to_ndarray(), format="yuv420p") if fitted is frame else fitted


def _decoded_pictures(container: InputContainer) -> Iterator[VideoFrame]:
    """Ends quietly at a damaged spot: what was read so far stays on show."""
    try:
        yield from container.decode(video=0)
    except av.FFmpegError:
        return


class _SoundReader:
    """Mono at 48 kHz, tick by tick; one thread at a time. A lap is as long as the file, so the film's lips keep up."""

    def __init__(self, path: Path, loop: bool, length_s: float) -> None:
        self._path = path
        self._loop = loop
        self._ticks_per_lap = max(1, round(length_s * TICKS_PER_S)) if loop and length_s else 0
        self._lap = 0
        self._position = 0
        self._container: InputContainer | None = None
        self._frames: Iterator[AudioFrame] = iter(())
        self._fifo = AudioFifo()

    def at(self, index: int) -> Sound:
        if self._container is None:
            self._open()
        lap, within = divmod(index, self._ticks_per_lap) if self._ticks_per_lap else (0, index)
        if lap > self._lap:
            self._lap = lap
            self._open()
        while self._position < within:
            self._tick()
        return self._tick()

    def close(self) -> None:
        if self._container is not None:
            self._container.close()

    def _open(self) -> None:
        self.close()
        self._container = av.open(str(self._path))
        self._frames = _resampled(self._container)
        self._fifo = AudioFifo()
        self._position = 0

    def _tick(self) -> Sound:
        self._position += 1
        while self._fifo.samples < SAMPLES_PER_TICK:
            frame = next(self._frames, None)
            if frame is None:
                return np.zeros(SAMPLES_PER_TICK, np.int16)
            self._fifo.write(frame)
        whole = self._fifo.read(SAMPLES_PER_TICK)
        assert whole is not None  # there were enough samples
        return whole.to_ndarray().reshape(-1).astype(np.int16, copy=False)


def _resampled(container: InputContainer) -> Iterator[AudioFrame]:
    """The first sound stream as packed int16 mono at 48 kHz, without timestamps. Ends quietly at a damaged spot."""
    resampler = AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE_HZ)
    try:
        for frame in container.decode(audio=0):
            for piece in resampler.resample(frame):
                piece.pts = None
                yield piece
        yield from resampler.resample(None)
    except av.FFmpegError:
        return


class TurnTaking:
    """A voice in a round of ``slots`` speakers: it speaks for ``turn_s`` in its own ``slot`` and listens else.

    The file begins afresh in each turn, and is faded out where the turn ends before it does. Speakers who are to take
    turns need one epoch (``Room.connect(epoch_ns=…)``). Raises SourceFailed when the file can't be read.
    """

    def __init__(self, path: str | Path, slot: int, slots: int, turn_s: float = 6.0) -> None:
        if not 0 <= slot < slots:
            raise ValueError(f"slot {slot} is not one of {slots}")
        self._slot = slot
        self._slots = slots
        self._turn_ticks = max(1, round(turn_s * TICKS_PER_S))
        self._ticks = _speech(Path(path), self._turn_ticks)

    def speaks(self, index: int) -> bool:
        """Whether tick ``index`` falls into this speaker's turn."""
        return index // self._turn_ticks % self._slots == self._slot

    async def sound(self, index: int) -> Sound:
        within = index % self._turn_ticks
        if self.speaks(index) and within < len(self._ticks):
            return self._ticks[within]
        return np.zeros(SAMPLES_PER_TICK, np.int16)


def _speech(path: Path, turn_ticks: int) -> list[Sound]:
    """The file's first ticks, at most a turn's worth (and a minute), faded out at the end."""
    ticks = min(turn_ticks, MAX_SPEECH_S * TICKS_PER_S)
    wanted = ticks * SAMPLES_PER_TICK
    pieces: list[Sound] = []
    samples = 0
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise SourceFailed(f"{path} holds no sound")
            for frame in _resampled(container):
                pieces.append(frame.to_ndarray().reshape(-1).astype(np.int16, copy=False))
                samples += frame.samples
                if samples >= wanted:
                    break
    except (OSError, av.FFmpegError) as error:
        raise SourceFailed(f"{path} can't be played: {error.strerror}") from error
    if not pieces:
        raise SourceFailed(f"{path} holds no sound")
    voice = np.concatenate(pieces)[:wanted]
    voice = np.pad(voice, (0, -len(voice) % SAMPLES_PER_TICK))
    fade = min(len(voice), int(FADE_S * SAMPLE_RATE_HZ))
    voice[-fade:] = (voice[-fade:] * np.linspace(1.0, 0.0, fade)).astype(np.int16)
    return list(voice.reshape(-1, SAMPLES_PER_TICK))
