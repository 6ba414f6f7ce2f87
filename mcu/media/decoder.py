"""One FFmpeg video decoder, kept from harm: what an attacker's header claims is checked before memory is spent."""

from typing import Final

import av

from mcu.frames import ReceivedFrame, VideoCodec
from mcu.media.pictures import VIDEO_TIME_BASE
from mixer.geometry import Size

MAX_PIXELS: Final = 3840 * 2160
"""The largest picture anybody may send. libvpx ignores this limit; FFmpeg's native decoders keep it."""

DECODERS: Final[dict[VideoCodec, str]] = {"H264": "h264", "VP8": "vp8"}


class BrokenFrame(Exception):
    """A frame that can't be shown; the next one worth decoding is a keyframe."""


class VideoDecoder:
    """Decodes one stream of one codec, on the calling thread alone. Not for two threads at once."""

    def __init__(self, codec: VideoCodec) -> None:
        self.codec: VideoCodec = codec
        context = av.CodecContext.create(DECODERS[codec], "r")
        if not isinstance(context, av.VideoCodecContext):
            raise TypeError(f"{codec} has no video decoder here")
        # A tile is decoded by one thread of a shared pool: more threads a tile would only wait for each other.
        context.thread_count = 1
        context.options = {"max_pixels": str(MAX_PIXELS)}
        self._context = context

    def decode(self, frame: ReceivedFrame) -> av.VideoFrame | None:
        """The picture of ``frame`` with ``pts`` its RTP timestamp, or None when it shows nothing (VP8 allows hidden
        frames). Raises ``BrokenFrame``, or any ``av.FFmpegError``: after either this decoder is of no use.
        """
        if frame.codec == "VP8" and frame.keyframe:
            vp8_keyframe_size(frame.data)
        packet = av.Packet(frame.data)
        packet.pts = packet.dts = frame.rtp_timestamp
        packet.time_base = VIDEO_TIME_BASE
        pictures = self._context.decode(packet)
        if not pictures:
            return None
        newest = pictures[-1]
        if newest.is_corrupt:
            raise BrokenFrame("parts of the picture are missing")
        return newest


def vp8_keyframe_size(data: bytes) -> Size:
    """The size that the header of a VP8 keyframe claims (RFC 6386, section 9.1). Raises ``BrokenFrame`` when it is no
    header or claims more than ``MAX_PIXELS``.
    """
    if len(data) < 10 or data[0] & 1 or data[3:6] != b"\x9d\x01\x2a":
        raise BrokenFrame("no VP8 keyframe header")
    width = int.from_bytes(data[6:8], "little") & 0x3FFF
    height = int.from_bytes(data[8:10], "little") & 0x3FFF
    if not width or not height or width * height > MAX_PIXELS:
        raise BrokenFrame(f"a picture of {width}×{height} is not decoded")
    return Size(width, height)
