"""``receive``: what a person sends, decrypted and put together again, up to where decoding begins."""

import asyncio
import time
from contextlib import ExitStack
from typing import Final

from api.bench.harness import Baseline, Bench, BenchFailed, Case, Effort, Work
from api.bench.media import (
    AUDIO_TYPE,
    IDENTITY,
    REPAIR_TYPE,
    TICK_NS,
    VIDEO_TYPE,
    Media,
    bound_socket,
    make_downlink,
    make_keys,
    make_media,
)
from api.bench.stock import (
    PATIENCE_S,
    Kind,
    Playback,
    connected,
    packets_of,
    play,
    settle,
    start_receiver,
    start_sender,
)
from mcu.clock import SystemClock
from mcu.frames import AudioPacket, ReceivedFrame, SenderReport
from mcu.rtc.listener import Negotiated, OutgoingIdentity, PeerState, Reception
from mcu.rtc.receiver import Receiver
from mcu.rtc.sender import AudioFanout, VideoFanout
from mcu.rtc.srtp import SrtpKeys, Unprotector

UNIT: Final = "CPU µs a packet"
SERVER: Final = OutgoingIdentity(video_ssrc=2001, video_rtx_ssrc=2002, audio_ssrc=2003, cname="server")
AGREED: Final = Negotiated(video_in={VIDEO_TYPE: "VP8"}, video_in_rtx={REPAIR_TYPE: VIDEO_TYPE}, audio_in=AUDIO_TYPE)
KINDS: Final[tuple[Kind, ...]] = ("video", "audio")
_LAST: Final = b"that was all"

STOCK: Final = Baseline("stock aiortc receivers", 0.2)


class Counting:
    """A peer's listener that counts what came out."""

    def __init__(self) -> None:
        self.whole = 0

    def on_video(self, frame: ReceivedFrame) -> None:
        self.whole += 1

    def on_audio(self, packet: AudioPacket) -> None:
        self.whole += 1

    def on_sender_report(self, report: SenderReport) -> None: ...

    def on_keyframe_request(self) -> None: ...

    def on_reception(self, reception: Reception) -> None: ...

    def on_state(self, state: PeerState, reason: str) -> None: ...


def sent_by_us(media: Media, kind: Kind, keys: SrtpKeys) -> list[bytes]:
    """The datagrams of one viewer, read from a socket."""
    with ExitStack() as stack:
        incoming = bound_socket(stack)
        incoming.settimeout(PATIENCE_S)
        video, audio = VideoFanout(IDENTITY, "VP8", SystemClock()), AudioFanout(IDENTITY)
        downlink = make_downlink(stack, keys, incoming)
        video.add(downlink)
        audio.add(downlink)
        last = bound_socket(stack)
        datagrams: list[bytes] = []
        for number in range(len(media.frames if kind == "video" else media.sounds)):
            if kind == "video":
                video.write(media.frames[number])
            else:
                audio.send(media.sounds[number], number * TICK_NS, {})
            last.sendto(_LAST, incoming.getsockname())
            while (datagram := incoming.recv(4096)) != _LAST:
                datagrams.append(datagram)
        return datagrams


def by_receiver(media: Media, kind: Kind) -> Work:
    """The server's receiver, datagram by datagram; microseconds of processor time each."""
    theirs, ours = make_keys()
    datagrams = sent_by_us(media, kind, theirs)
    expected = len(media.frames if kind == "video" else media.sounds)

    def work() -> float:
        notes = Counting()
        receiver = Receiver(
            Unprotector(ours), AGREED, notes, SystemClock(), identity=SERVER, on_nack=lambda numbers: None
        )
        began_s = time.thread_time()
        for datagram in datagrams:
            receiver.datagram(datagram)
        spent_s = time.thread_time() - began_s
        receiver.close()
        if notes.whole != expected:
            raise BenchFailed(f"{notes.whole} of {expected} arrived")
        return spent_s * 1e6 / len(datagrams)

    return work


def by_aiortc(media: Media, kind: Kind) -> Work:
    """aiortc's receiver; its event loop's thread alone, without the one in which it decodes."""
    return lambda: asyncio.run(_by_aiortc(media, kind))


async def _by_aiortc(media: Media, kind: Kind) -> float:
    near, far = await connected()
    datagrams: list[bytes] = []
    far.wire.deliver = datagrams.append
    near.wire.deliver = len  # its reports go nowhere
    track = Playback(kind)
    sender = await start_sender(track, far.dtls)
    await play(packets_of(media, kind), [track])
    receiver = await start_receiver(kind, near.dtls, sender._ssrc)
    await asyncio.sleep(0)
    began_s = time.thread_time()
    for datagram in datagrams:
        near.wire.arrive(datagram)
        await asyncio.sleep(0)
    await settle(near.wire.inbox.empty)
    spent_s = time.thread_time() - began_s
    await receiver.stop()
    await sender.stop()
    await near.dtls.stop()
    await far.dtls.stop()
    return spent_s * 1e6 / len(datagrams)


def prepare(_: ExitStack, effort: Effort) -> list[Case]:
    media = make_media(seconds=1 if effort.quick else 3)
    return [Case(kind, UNIT, by_receiver(media, kind), {STOCK: by_aiortc(media, kind)}) for kind in KINDS]


BENCH: Final = Bench(
    name="receive",
    work="a packet of one sender, 720p at 1.5 Mbit/s or a voice, up to the decoder",
    cases=KINDS,
    baselines=(STOCK,),
    prepare=prepare,
)
