"""What a participant can send, and the sources that are made of arithmetic alone.

A source answers "what is there at index k": it has no clock, so that one timeline (``client/pace.py``) can drive all
of them and a test can ask for any instant. Pictures are I420; sound is 20 ms of mono at 48 kHz.

A source belongs to whoever made it: a room never closes it, and gives it a place on a new peer connection after a
reconnect.
"""

from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
from av.packet import Packet
from av.video.frame import VideoFrame

SAMPLE_RATE_HZ = 48_000
SAMPLES_PER_TICK = 960
TICKS_PER_S = SAMPLE_RATE_HZ // SAMPLES_PER_TICK

VideoCodec = Literal["H264", "VP8"]
Sound = npt.NDArray[np.int16]
"""Shape (960,): 20 ms of mono sound at 48 kHz."""


@runtime_checkable
class VideoSource(Protocol):
    """Pictures at a fixed rate."""

    @property
    def fps(self) -> int: ...

    async def picture(self, index: int) -> VideoFrame:
        """The picture shown from ``index / fps`` on. Indices rise but may skip. A frame is never handed out twice."""
        ...


@runtime_checkable
class EncodedSource(Protocol):
    """Pictures that are compressed already: they cost next to nothing to send, but can't answer a keyframe request.

    Every ``gop``-th packet is a keyframe; keep it to a second or two.
    """

    @property
    def fps(self) -> int: ...

    @property
    def gop(self) -> int: ...

    async def packet(self, index: int, codec: VideoCodec) -> "Packet[Any]":
        """The frame ``index`` as Annex B H.264 or as VP8. Indices rise one by one, and skip to a keyframe only."""
        ...


@runtime_checkable
class AudioSource(Protocol):
    """Sound, 50 ticks a second."""

    async def sound(self, index: int) -> Sound:
        """The 20 ms that begin at ``index / 50`` seconds. Indices rise but may skip."""
        ...


class Silence:
    """A microphone in a quiet room: packets flow, nobody speaks."""

    async def sound(self, index: int) -> Sound:
        return np.zeros(SAMPLES_PER_TICK, np.int16)


class Tone:
    """A sine of ``frequency_hz`` whose peak is ``level`` of full scale (0 … 1). The phase runs on over every tick."""

    def __init__(self, frequency_hz: float, level: float = 0.25) -> None:
        if not 0.0 <= level <= 1.0:
            raise ValueError(f"level must be within 0 … 1, not {level}")
        if not 0.0 < frequency_hz < SAMPLE_RATE_HZ / 2:
            raise ValueError(f"frequency_hz must be within 0 … {SAMPLE_RATE_HZ // 2}, not {frequency_hz}")
        self._step = 2.0 * np.pi * frequency_hz / SAMPLE_RATE_HZ
        self._peak = level * 32767.0

    async def sound(self, index: int) -> Sound:
        phase = (index * SAMPLES_PER_TICK + np.arange(SAMPLES_PER_TICK)) * self._step
        sound: Sound = np.round(self._peak * np.sin(phase)).astype(np.int16)
        return sound


class Flash:
    """A dark picture that turns white for ``length_s`` at every full second: the picture half of a sync measurement."""

    def __init__(self, width: int = 640, height: int = 360, fps: int = 25, length_s: float = 0.12) -> None:
        self._fps = fps
        self._lit = max(1, round(length_s * fps))
        self._size = (height * 3 // 2, width)
        self._chroma_row = height

    @property
    def fps(self) -> int:
        return self._fps

    async def picture(self, index: int) -> VideoFrame:
        planes = np.full(self._size, 235 if index % self._fps < self._lit else 24, np.uint8)
        planes[self._chroma_row :] = 128
        return VideoFrame.from_ndarray(planes, format="yuv420p")


class Beep:
    """Silence, and a tone for ``length_s`` from every full second on: the sound half of a sync measurement."""

    def __init__(self, frequency_hz: float = 1000.0, level: float = 0.5, length_s: float = 0.12) -> None:
        self._tone = Tone(frequency_hz, level)
        self._ticks = max(1, round(length_s * TICKS_PER_S))

    async def sound(self, index: int) -> Sound:
        if index % TICKS_PER_S < self._ticks:
            return await self._tone.sound(index)
        return np.zeros(SAMPLES_PER_TICK, np.int16)
