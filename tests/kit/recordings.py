"""Looks at a recording as a player would: decodes it whole and says what is in it and when."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from mcu.media.pictures import picture_of
from mixer.geometry import Box
from mixer.picture import Picture

Samples = NDArray[np.float32]

WINDOW_SAMPLES = 96
"""2 ms at 48 kHz: how finely an onset of sound is found."""


@dataclass(frozen=True)
class RecordingProbe:
    """``duration_s`` is what the container says; ``picture_times_s`` the presentation time of every decoded frame;
    ``sound`` mono samples in -1 … 1 from ``sound_start_s`` on, gaps in the timestamps filled with NaN.
    """

    duration_s: float
    video_codec: str
    audio_codec: str | None
    width: int
    height: int
    picture_times_s: tuple[float, ...]
    sound: Samples
    sound_rate_hz: int
    sound_start_s: float

    @property
    def frames(self) -> int:
        return len(self.picture_times_s)

    @property
    def pictures_in_order(self) -> bool:
        return all(earlier < later for earlier, later in pairwise(self.picture_times_s))

    @property
    def sound_whole(self) -> bool:
        """No gap between the timestamps of its packets."""
        return bool(len(self.sound)) and not bool(np.isnan(self.sound).any())

    @property
    def sound_duration_s(self) -> float:
        return len(self.sound) / self.sound_rate_hz if self.sound_rate_hz else 0.0

    def sound_between(self, start_s: float, end_s: float) -> Samples:
        first, last = (round((time - self.sound_start_s) * self.sound_rate_hz) for time in (start_s, end_s))
        return self.sound[max(first, 0) : max(last, 0)]


def probe(path: Path) -> RecordingProbe:
    """Decodes everything. Raises ``av.FFmpegError`` when some of it can't be decoded."""
    times: list[float] = []
    blocks: list[tuple[float, Samples]] = []
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        audio = container.streams.audio[0] if container.streams.audio else None
        for packet in container.demux():
            for frame in packet.decode():
                if isinstance(frame, av.VideoFrame):
                    times.append(_time_of(frame))
                elif isinstance(frame, av.AudioFrame):
                    blocks.append((_time_of(frame), _mono(frame)))
        rate_hz = audio.rate if audio else 0
        start_s, sound = _joined(blocks, rate_hz)
        return RecordingProbe(
            (container.duration or 0) / av.time_base,
            video.codec_context.name,
            audio.codec_context.name if audio else None,
            video.width,
            video.height,
            tuple(times),
            sound,
            rate_hz,
            start_s,
        )


def pictures(path: Path) -> Iterator[tuple[float, Picture]]:
    """Every picture with its time in seconds."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield _time_of(frame), picture_of(frame)


def picture_at(path: Path, time_s: float) -> Picture:
    """The picture that is shown at ``time_s``. Raises ``ValueError`` when the recording starts later."""
    shown: Picture | None = None
    for shown_from_s, picture in pictures(path):
        if shown_from_s > time_s:
            break
        shown = picture
    if shown is None:
        raise ValueError(f"nothing is shown at {time_s} s")
    return shown


def flashes(path: Path, box: Box | None = None, luma: float = 128.0) -> list[float]:
    """When the mean brightness of ``box`` (of everything) rises above ``luma``, in seconds; 0 when it starts so."""
    onsets: list[float] = []
    bright = False
    for time_s, picture in pictures(path):
        part = picture.y if box is None else picture.y[box.y : box.bottom, box.x : box.right]
        was_bright, bright = bright, float(part.mean()) > luma
        if bright and not was_bright:
            onsets.append(time_s)
    return onsets


def beeps(recording: RecordingProbe, level: float = 0.05, quiet_s: float = 0.05) -> list[float]:
    """When sound above ``level`` (RMS of full scale over 2 ms) sets in after ``quiet_s`` of less, in seconds."""
    whole = len(recording.sound) // WINDOW_SAMPLES * WINDOW_SAMPLES
    windows = np.nan_to_num(recording.sound[:whole]).reshape(-1, WINDOW_SAMPLES)
    loud = np.sqrt((windows**2).mean(axis=1)) > level
    patience = round(quiet_s * recording.sound_rate_hz / WINDOW_SAMPLES)
    onsets: list[float] = []
    last_loud = -patience
    for window in np.flatnonzero(loud):
        if window - last_loud >= patience:
            onsets.append(recording.sound_start_s + float(window) * WINDOW_SAMPLES / recording.sound_rate_hz)
        last_loud = int(window)
    return onsets


def _time_of(frame: av.VideoFrame | av.AudioFrame) -> float:
    if frame.time is None:
        raise ValueError("a frame without a time")
    return frame.time


def _mono(frame: av.AudioFrame) -> Samples:
    samples = frame.to_ndarray()
    planar = samples if frame.format.is_planar else samples.reshape(-1, frame.layout.nb_channels).T
    scale = 1.0 if planar.dtype.kind == "f" else float(2 ** (8 * planar.dtype.itemsize - 1))
    mono: Samples = (planar.astype(np.float32) / scale).mean(axis=0, dtype=np.float32)
    return mono


def _joined(blocks: list[tuple[float, Samples]], rate_hz: int) -> tuple[float, Samples]:
    if not blocks:
        return 0.0, np.zeros(0, np.float32)
    start_s = blocks[0][0]
    joined: list[Samples] = []
    position = 0
    for time_s, samples in blocks:
        place = round((time_s - start_s) * rate_hz)
        if place - position > 1:
            joined.append(np.full(place - position, np.nan, np.float32))
        joined.append(samples)
        position = max(place, position) + len(samples)
    return start_s, np.concatenate(joined)
