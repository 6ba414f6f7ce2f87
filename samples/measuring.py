"""What a recording of a room holds: read from the file itself, and judged as a viewer would."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.audio.resampler import AudioResampler

SAMPLE_RATE_HZ = 48_000
SILENCE_DBFS = -120.0
BLACK_SPREAD = 6.0
"""A picture whose luma varies less than this shows nothing."""


@dataclass(frozen=True, slots=True)
class Measured:
    """``blank``: pictures that show nothing. ``samples``: mono at 48 kHz, the first at the file's beginning."""

    duration_s: float
    width: int
    height: int
    pictures: int
    blank: int
    longest_gap_s: float
    samples: npt.NDArray[np.int16]

    @property
    def fps(self) -> float:
        return self.pictures / self.duration_s if self.duration_s else 0.0

    def level_dbfs(self, spans_s: Sequence[tuple[float, float]]) -> float:
        """The root mean square of the sound within some spans of time."""
        parts = [
            self.samples[max(0, int(start * SAMPLE_RATE_HZ)) : max(0, int(end * SAMPLE_RATE_HZ))]
            for start, end in spans_s
        ]
        heard = np.concatenate(parts) if parts else self.samples[:0]
        if not len(heard):
            return SILENCE_DBFS
        rms = float(np.sqrt(np.mean(np.square(heard.astype(np.float64)))))
        return max(SILENCE_DBFS, 20.0 * float(np.log10(max(rms, 1e-6) / 32767.0)))


def measure(path: Path) -> Measured:
    """Decodes a recording whole. Raises FFmpegError for a file that isn't one."""
    times_s: list[float] = []
    blank, width, height = 0, 0, 0
    pieces: list[npt.NDArray[np.int16]] = []
    resampler = AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE_HZ)
    with av.open(str(path)) as container:
        duration_s = (container.duration or 0) / av.time_base
        if container.streams.video:
            for picture in container.decode(video=0):
                width, height = picture.width, picture.height
                times_s.append(float(picture.time or 0.0))
                small = picture.reformat(160, 90, "gray").to_ndarray()
                blank += float(small.std()) < BLACK_SPREAD
    with av.open(str(path)) as container:
        if container.streams.audio:
            for sound in container.decode(audio=0):
                pieces += [part.to_ndarray().reshape(-1).astype(np.int16) for part in resampler.resample(sound)]
    samples = np.concatenate(pieces) if pieces else np.zeros(0, np.int16)
    gaps = np.diff(times_s)
    return Measured(duration_s, width, height, len(times_s), blank, float(gaps.max()) if len(gaps) else 0.0, samples)
