"""Sources as aiortc tracks: each on the participant's timeline. One track object serves one peer connection."""

import asyncio
import math
from collections.abc import Awaitable
from fractions import Fraction
from typing import Any, TypeVar

import structlog
from aiortc import MediaStreamError, MediaStreamTrack
from av.audio.frame import AudioFrame
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

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
from mcu.protocol.models import UplinkVideo

log = structlog.get_logger()

T = TypeVar("T")

VIDEO_CLOCK_HZ = 90_000
LATE_SOUND_TICKS = 10
"""200 ms: sound that is later than this is skipped, not sent in a burst."""


class PictureTrack(MediaStreamTrack):
    """A late picture is skipped: the newest one counts. ``asked`` bounds size and rate; None: as they come."""

    kind = "video"

    def __init__(self, source: VideoSource, timeline: Timeline) -> None:
        super().__init__()
        self.asked: UplinkVideo | None = None
        self._source = source
        self._beat = Beat(timeline, source.fps)
        self._reformatter = VideoReformatter()

    async def recv(self) -> VideoFrame:
        if self.readyState != "live":
            raise MediaStreamError
        index = await self._beat.next()
        while self.asked is not None and index % max(1, round(self._source.fps / self.asked.fps)):
            index = await self._beat.next()
        frame = await _ask(self._source.picture(index))
        size = fitting(frame.width, frame.height, self.asked)
        if size != (frame.width, frame.height):
            frame = await asyncio.to_thread(self._reformatter.reformat, frame, *size, interpolation="AREA")
        frame.pts = index * VIDEO_CLOCK_HZ // self._source.fps
        frame.time_base = Fraction(1, VIDEO_CLOCK_HZ)
        return frame


def fitting(width: int, height: int, asked: UplinkVideo | None) -> tuple[int, int]:
    """The smallest even size of this shape that is as wide and as high as asked for; never a larger one."""
    scale = 1.0 if asked is None else max(asked.width / width, asked.height / height)
    if scale >= 1.0:
        return width, height
    return 2 * math.ceil(round(width * scale, 3) / 2), 2 * math.ceil(round(height * scale, 3) / 2)


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
        packet = await _ask(self._source.packet(index, self.codec))
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
        sound = await _ask(self._source.sound(index))
        frame = AudioFrame.from_ndarray(sound.reshape(1, SAMPLES_PER_TICK), format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE_HZ
        frame.pts = index * SAMPLES_PER_TICK
        frame.time_base = Fraction(1, SAMPLE_RATE_HZ)
        return frame


async def _ask(answer: Awaitable[T]) -> T:
    """The boundary to the application's code: a source that fails ends its track, and nothing else.

    Any other error would end aiortc's sender half-way, and closing the connection would wait for it in vain.
    """
    try:
        return await answer
    except Exception as error:
        log.warning("source_failed", error=repr(error))
        raise MediaStreamError from error


def picture_track(source: VideoSource | EncodedSource, timeline: Timeline) -> PictureTrack | EncodedTrack:
    return EncodedTrack(source, timeline) if isinstance(source, EncodedSource) else PictureTrack(source, timeline)
