"""Compressed media as it moves between sockets, codecs and files: plain records, made once, read by many threads.

Nobody writes to one of them. What is made for every packet isn't frozen nevertheless: that takes three times as long.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

VideoCodec = Literal["H264", "VP8"]

VIDEO_CLOCK_HZ = 90_000
AUDIO_CLOCK_HZ = 48_000
SAMPLES_PER_TICK = 960
"""20 ms of sound at 48 kHz."""


@dataclass(slots=True)
class ReceivedFrame:
    """One whole compressed picture, as it left the depacketiser.

    ``data`` is a VP8 frame or an H.264 access unit in Annex B form; never empty.
    ``rtp_timestamp`` is the raw 32-bit value; ``arrived_ns`` the monotonic time of its last packet. ``repaired``: it
    waited for a packet that was sent again, of its own or of a picture before it.
    """

    codec: VideoCodec
    data: bytes
    keyframe: bool
    rtp_timestamp: int
    ssrc: int
    arrived_ns: int
    repaired: bool = False


@dataclass(slots=True)
class AudioPacket:
    """One Opus packet, in the order of the network.

    ``level_dbov`` is the RFC 6464 level (0 loud … 127 silent), or None when the client sends none.
    """

    payload: bytes
    sequence_number: int
    rtp_timestamp: int
    ssrc: int
    arrived_ns: int
    level_dbov: int | None = None


@dataclass(frozen=True, slots=True)
class SenderReport:
    """What an RTCP SR says of one stream: its RTP time at an instant of the sender's wall clock (RFC 3550, 6.4.1)."""

    ssrc: int
    ntp: int
    rtp_timestamp: int
    arrived_ns: int


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """One compressed composite, shared by every viewer and recorder of a hub.

    ``data`` is a VP8 frame or an H.264 access unit in Annex B form (parameter sets before each IDR).
    ``time_ns`` is the room time of the canvas tick it shows (``mixer/timeline.py``); the RTP timestamp and the pts of
    a recording are both derived from it.
    """

    codec: VideoCodec
    data: bytes
    keyframe: bool
    time_ns: int
    width: int
    height: int


class SoundForm(NamedTuple):
    """How a listener wants the sound (RFC 7587, section 6.1): the time a packet holds and the channels it is for."""

    packet_ms: Literal[20, 40, 60] = 20
    channels: Literal[1, 2] = 1


PLAIN_SOUND = SoundForm()
"""What is sent to those who wish for nothing."""


class SoundPacket(NamedTuple):
    """One Opus packet on its way out. ``time_ns`` is the room time of its first sample.

    ``silent``: it holds none but silence, in a byte or two. ``spare``: nor does it say anything new, so that those who
    agreed to DTX are spared it.
    """

    payload: bytes
    time_ns: int
    silent: bool = False
    spare: bool = False
