"""Sources as aiortc tracks: each on the participant's timeline. One track object serves one peer connection."""

from fractions import Fraction
from typing import Any

import structlog
from aiortc import MediaStreamError, MediaStreamTrack
from av.audio.frame import AudioFrame
from av.packet import Packet
from av.video.frame import VideoFrame

from client.pace import Beat, Timeline
from client.sources import (
    SAMPLE_RATE_HZ,
    SAMPLES_PER_TICK,
    TICKS_PER_S,
    AudioSource,
    EncodedSource,
    VideoCodec,
    VideoSource,
)

log = structlog.get_logger()

VIDEO_CLOCK_HZ = 90_000
LATE_SOUND_TICKS = 10
"""200 ms: sound that is later than this is skipped, not sent in a burst."""


class PictureTrack(MediaStreamTrack):
    """A late picture is skipped: the newest one counts."""

    kind = "video"

    def __init__(self, source: VideoSource, timeline: Timeline) -> None:
        super().__init__()
        self._source = source
        self._beat = Beat(timeline, source.fps)

    async def recv(self) -> VideoFrame:
        if self.readyState != "live":
            raise MediaStreamError
        index = await self._beat.next()
        frame = await self._source.picture(index)
        frame.pts = index * VIDEO_CLOCK_HZ // self._source.fps
        frame.time_base = Fraction(1, VIDEO_CLOCK_HZ)
        return frame


class EncodedTrack(MediaStreamTrack):
    """Compressed pictures lean on each other, so a late one is still sent; a second late, it skips to a keyframe.

    ``codec`` is what the answer chose; it is known before the first picture is asked for.
    """

    kind = "video"

    def __init__(self, source: EncodedSource, timeline: Timeline) -> None:
        super().__init__()
        self.codec: VideoCodec = "H264"
        self._source = source
        self._beat = Beat(timeline, source.fps, patience=source.fps, align=source.gop)

    async def recv(self) -> "Packet[Any]":
        if self.readyState != "live":
            raise MediaStreamError
        index = await self._beat.next()
        packet = await self._source.packet(index, self.codec)
        packet.pts = index * VIDEO_CLOCK_HZ // self._source.fps
        packet.time_base = Fraction(1, VIDEO_CLOCK_HZ)
        return packet


class SoundTrack(MediaStreamTrack):
    kind = "audio"

    def __init__(self, source: AudioSource, timeline: Timeline) -> None:
        super().__init__()
        self._source = source
        self._beat = Beat(timeline, TICKS_PER_S, patience=LATE_SOUND_TICKS)

    async def recv(self) -> AudioFrame:
        if self.readyState != "live":
            raise MediaStreamError
        index = await self._beat.next()
        sound = await self._source.sound(index)
        frame = AudioFrame.from_ndarray(sound.reshape(1, SAMPLES_PER_TICK), format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE_HZ
        frame.pts = index * SAMPLES_PER_TICK
        frame.time_base = Fraction(1, SAMPLE_RATE_HZ)
        return frame


def picture_track(source: VideoSource | EncodedSource, timeline: Timeline) -> PictureTrack | EncodedTrack:
    return EncodedTrack(source, timeline) if isinstance(source, EncodedSource) else PictureTrack(source, timeline)
