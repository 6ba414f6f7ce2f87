"""What is sent and received to measure the packet path: 720p of 1.5 Mbit/s and a voice, compressed beforehand."""

import os
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from api.bench.clips import film_frames, to_and_fro, write_on
from api.bench.harness import BenchFailed
from api.bench.voices import voice
from mcu.clock import NS_PER_S, SystemClock
from mcu.frames import AUDIO_CLOCK_HZ, SAMPLES_PER_TICK, EncodedFrame
from mcu.media.encoding import VideoEncoder
from mcu.media.opus import OpusEncoder
from mcu.media.pictures import picture_of
from mcu.rtc.downlink import Downlink
from mcu.rtc.listener import Negotiated, OutgoingIdentity
from mcu.rtc.srtp import SrtpKeys, SrtpProfileName
from mixer.canvas import Canvas
from mixer.geometry import Size

CANVAS: Final = Size(1280, 720)
FPS: Final = 25
VIDEO_BPS: Final = 1_500_000
AUDIO_BPS: Final = 32_000
TICK_NS: Final = SAMPLES_PER_TICK * NS_PER_S // AUDIO_CLOCK_HZ
FILM_PICTURES: Final = 40

VIDEO_TYPE: Final = 96
REPAIR_TYPE: Final = 97
AUDIO_TYPE: Final = 111
SEND_TIME_EXT: Final = 3
IDENTITY: Final = OutgoingIdentity(video_ssrc=1001, video_rtx_ssrc=1002, audio_ssrc=1003, cname="bench")
SENT: Final = Negotiated(
    video_out=VIDEO_TYPE,
    video_out_codec="VP8",
    video_out_rtx=REPAIR_TYPE,
    abs_send_time_out_ext=SEND_TIME_EXT,
    audio_out=AUDIO_TYPE,
)
PROFILE: Final[SrtpProfileName] = "AEAD_AES_128_GCM"
"""What browsers agree on with us, who are the DTLS server and so choose: a system test asks Chromium."""
KEY_LENGTH: Final = 28


@dataclass(frozen=True, slots=True)
class Media:
    """The same seconds of picture and sound: ``frames`` at 25 a second, ``sounds`` every 20 ms."""

    frames: list[EncodedFrame]
    sounds: list[bytes]


def make_media(seconds: int) -> Media:
    film = [picture_of(frame) for frame in film_frames(FILM_PICTURES)]
    canvas, frames = Canvas(CANVAS), []
    encoder = VideoEncoder("VP8", CANVAS.width, CANVAS.height, FPS, VIDEO_BPS)
    for number in range(seconds * FPS):
        write_on(canvas, film[to_and_fro(number, len(film))])
        frame = encoder.encode(canvas, number * NS_PER_S // FPS)
        if frame is None:
            raise BenchFailed("the encoder skipped a picture")
        frames.append(frame)
    opus = OpusEncoder(AUDIO_BPS)
    return Media(frames, [opus.encode(pcm) for pcm in voice(0, seconds * NS_PER_S // TICK_NS)])


def make_keys() -> tuple[SrtpKeys, SrtpKeys]:
    """The keys of the two ends of a connection."""
    ours, theirs = os.urandom(KEY_LENGTH), os.urandom(KEY_LENGTH)
    return SrtpKeys(PROFILE, ours, theirs), SrtpKeys(PROFILE, theirs, ours)


def bound_socket(stack: ExitStack) -> socket.socket:
    """A UDP socket on loopback, closed with the stack."""
    made = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    made.bind(("127.0.0.1", 0))
    return made


def make_downlink(stack: ExitStack, keys: SrtpKeys, to: socket.socket) -> Downlink:
    """A viewer whose datagrams go to a socket, with a socket of its own as every peer has."""
    outgoing = bound_socket(stack)
    downlink = Downlink(SENT, keys, outgoing.fileno(), to.getsockname(), IDENTITY, SystemClock())
    stack.callback(downlink.close)
    return downlink
