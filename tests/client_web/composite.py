"""What the room made of nothing sends: a card of one hue, and a tone."""

import fractions

import numpy as np
from aiortc import AudioStreamTrack, VideoStreamTrack
from av import AudioFrame, VideoFrame

from tests.kit.testcard import draw

HUE = 280
TONE_HZ = 600


class Card(VideoStreamTrack):
    """The composite: one hue, and a number that counts the frames. ``size`` may change at any time."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size
        self._number = 0

    async def recv(self) -> VideoFrame:
        pts, time_base = await self.next_timestamp()
        self._number += 1
        frame = VideoFrame.from_ndarray(draw(HUE, self._number // 4, *self.size), format="rgb24")
        frame.pts, frame.time_base = pts, time_base
        return frame


class Tone(AudioStreamTrack):
    """The room's sound: a steady sine."""

    async def recv(self) -> AudioFrame:
        silence = await super().recv()
        assert isinstance(silence, AudioFrame)
        rate_hz, count, start = silence.sample_rate, silence.samples, silence.pts or 0
        t = (start + np.arange(count)) / rate_hz
        wave = (8000 * np.sin(2 * np.pi * TONE_HZ * t)).astype(np.int16).reshape(1, -1)
        frame = AudioFrame.from_ndarray(wave, format="s16", layout="mono")
        frame.pts, frame.sample_rate, frame.time_base = start, rate_hz, fractions.Fraction(1, rate_hz)
        return frame
