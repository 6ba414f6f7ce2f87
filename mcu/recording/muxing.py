"""An MP4 file that can be lost at any moment: fragments while it is written, an ordinary file once it is closed."""

from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np

from mcu.frames import AUDIO_CLOCK_HZ, VIDEO_CLOCK_HZ, EncodedFrame
from mcu.media.pictures import VIDEO_TIME_BASE
from mcu.recording.soundtrack import Sound

AAC_FRAME_SAMPLES: Final = 1024
AUDIO_TIME_BASE: Final = Fraction(1, AUDIO_CLOCK_HZ)

MUXER_OPTIONS: Final = {
    # Fragments, each on the disk as soon as it is whole; the trailer turns them into one ordinary, seekable file in
    # place, with no copy. delay_moov: the edit list that hides the AAC encoder's priming is known with the first
    # packets only.
    "movflags": "hybrid_fragmented+delay_moov",
    "frag_duration": "500000",
    "flush_packets": "1",
    # How long (µs) one stream's packets wait for the other's: they would be lost with the process.
    "max_interleave_delta": "200000",
}


class Mp4Writer:
    """H.264 as it comes and sound as AAC-LC into one file. For one thread; every method may raise ``OSError`` (disk
    full, file gone) or ``av.FFmpegError``, after which only ``close`` is of use.

    Killed at any time, the file plays up to its last whole fragment, at most 0.7 s before.
    """

    def __init__(self, path: Path, width: int, height: int, fps: float, audio_bps: int) -> None:
        self._container = av.open(str(path.absolute()), "w", format="mp4", options=MUXER_OPTIONS)
        rate = Fraction(fps).limit_denominator(1001)
        self._video = self._container.add_mux_stream(
            "h264", rate=rate, width=width, height=height, time_base=VIDEO_TIME_BASE
        )
        self._audio = self._container.add_stream("aac", rate=AUDIO_CLOCK_HZ, layout="mono")
        self._audio.bit_rate = audio_bps
        self._frame_ticks = round(VIDEO_CLOCK_HZ / fps)
        self._last_pts = -1
        self._samples = 0

    @property
    def duration_s(self) -> float:
        """Up to the end of the longer stream."""
        video = (self._last_pts + self._frame_ticks) / VIDEO_CLOCK_HZ if self._last_pts >= 0 else 0.0
        return max(video, self._samples / AUDIO_CLOCK_HZ)

    def write_frame(self, frame: EncodedFrame, pts: int) -> None:
        """``pts`` in 90 kHz from the file's start; a step back becomes the smallest step forward."""
        self._last_pts = pts = max(pts, self._last_pts + 1)
        packet = av.Packet(frame.data)
        packet.stream = self._video
        packet.time_base = VIDEO_TIME_BASE
        packet.pts = packet.dts = pts
        packet.duration = self._frame_ticks
        packet.is_keyframe = frame.keyframe
        self._container.mux(packet)

    def write_sound(self, block: Sound) -> None:
        """The next samples (int16, mono, 48 kHz): 1024 of them, fewer only in the last block of all."""
        frame = av.AudioFrame.from_ndarray((block.astype(np.float32) / 32768)[np.newaxis], "fltp", "mono")
        frame.sample_rate = AUDIO_CLOCK_HZ
        frame.time_base = AUDIO_TIME_BASE
        frame.pts = self._samples
        self._samples += len(block)
        self._container.mux(self._audio.encode(frame))

    def flush(self) -> None:
        """Writes what the sound encoder still holds; then comes ``close``."""
        self._container.mux(self._audio.encode(None))

    def close(self) -> None:
        """Makes the file an ordinary MP4. After an error the fragments stay as they are."""
        self._container.close()
