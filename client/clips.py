"""A short loop of pictures, compressed once and sent for ever: the cheapest camera there is.

Compressing 640×360 at 25 frames a second costs about a tenth of a core with a live encoder; a clip costs that for a
few seconds and then only its packets. It can't answer a keyframe request, so it has a keyframe every second.
"""

import asyncio
from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import islice
from typing import Any

from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame

from client.errors import SourceFailed
from client.sources import VideoCodec

MAX_PICTURES = 1500
"""A clip lives in memory: a minute at 25 frames a second and 500 kbit/s is under 4 MB."""


class Clip:
    """An encoded source: the first ``length`` frames of ``pictures()``, shown at ``fps``, round and round.

    ``pictures`` makes I420 frames of one even size afresh at each call; it is called in a thread, once for H.264 and
    once more only if a server asks for VP8. What stays in memory is the packets.
    """

    def __init__(
        self,
        pictures: Callable[[], Iterable[VideoFrame]],
        length: int,
        fps: int,
        *,
        kbps: int = 500,
        gop: int | None = None,
    ) -> None:
        if not 0 < length <= MAX_PICTURES:
            raise ValueError(f"a clip has 1 … {MAX_PICTURES} pictures, not {length}")
        self._pictures = pictures
        self._length = length
        self._fps = fps
        self._kbps = kbps
        # The loop must begin with a keyframe each time round, so the keyframes have to divide it evenly.
        self._gop = max(size for size in range(1, min(gop or fps, length) + 1) if length % size == 0)
        self._packets: dict[VideoCodec, list[bytes]] = {}
        self._encoding = asyncio.Lock()

    @property
    def fps(self) -> int:
        return self._fps

    @property
    def gop(self) -> int:
        return self._gop

    async def prepare(self, codec: VideoCodec = "H264") -> None:
        """Compresses ahead of the first use, in a thread."""
        async with self._encoding:
            if codec not in self._packets:
                self._packets[codec] = await asyncio.to_thread(self._encode, codec)

    async def packet(self, index: int, codec: VideoCodec) -> "Packet[Any]":
        if codec not in self._packets:
            await self.prepare(codec)
        packets = self._packets[codec]
        return Packet(packets[index % len(packets)])

    def _encode(self, codec: VideoCodec) -> list[bytes]:
        encoder: VideoCodecContext | None = None
        packets: list[bytes] = []
        for number, picture in enumerate(islice(self._pictures(), self._length)):
            encoder = encoder or _encoder(codec, picture, self._fps, self._kbps, self._gop)
            picture.pts = number
            picture.time_base = Fraction(1, self._fps)
            picture.pict_type = PictureType.I if number % self._gop == 0 else PictureType.NONE
            packets.extend(bytes(packet) for packet in encoder.encode(picture))
        if encoder is not None:
            packets.extend(bytes(packet) for packet in encoder.encode(None))
        if len(packets) != self._length:
            raise SourceFailed(f"a clip of {self._length} pictures became {len(packets)} packets of {codec}")
        return packets


def _encoder(codec: VideoCodec, first: VideoFrame, fps: int, kbps: int, gop: int) -> VideoCodecContext:
    encoder = VideoCodecContext.create("libx264" if codec == "H264" else "libvpx", "w")
    encoder.width, encoder.height = first.width, first.height
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = Fraction(1, fps)
    encoder.framerate = Fraction(fps, 1)
    encoder.bit_rate = kbps * 1000
    encoder.gop_size = gop
    encoder.thread_count = 1
    if codec == "H264":
        encoder.profile = "Baseline"
        encoder.options = {
            "preset": "veryfast",
            "tune": "zerolatency",
            "level": "31",
            "forced-idr": "1",
            "maxrate": str(kbps * 1000),
            "bufsize": str(kbps * 1000),
            "x264-params": "scenecut=0:sliced-threads=0",
        }
    else:
        encoder.options = {
            "deadline": "realtime",
            "cpu-used": "-6",
            "lag-in-frames": "0",
            "error-resilient": "0",
            "auto-alt-ref": "0",
        }
    return encoder
