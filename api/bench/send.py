"""``send``: one view to a hundred viewers, with encryption, into loopback sockets that nobody reads."""

import asyncio
import itertools
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from time import process_time
from typing import Final

from api.bench.harness import Baseline, Bench, Case, Effort, Work
from api.bench.media import IDENTITY, TICK_NS, Media, bound_socket, make_downlink, make_keys, make_media
from api.bench.stock import Kind, Playback, connected, packets_of, packets_sent, play, start_sender
from mcu.clock import SystemClock
from mcu.rtc.sender import AudioFanout, VideoFanout

VIEWERS: Final = 100
UNIT: Final = "CPU µs a packet"
CASES: Final[dict[str, Sequence[Kind]]] = {
    "video and audio": ("video", "audio"),
    "video": ("video",),
    "audio": ("audio",),
}

STOCK: Final = Baseline("stock aiortc senders", 0.1)


@dataclass(frozen=True, slots=True)
class FannedOut:
    cpu_s: float
    packets: int


def fanned_out(media: Media, kinds: Sequence[Kind], viewers: int) -> FannedOut:
    """Sends all of it through the server's fan-outs; processor time of the process."""
    with ExitStack() as stack:
        sink = bound_socket(stack)
        video, audio = VideoFanout(IDENTITY, "VP8", SystemClock()), AudioFanout(IDENTITY)
        stack.callback(video.close)
        stack.callback(audio.close)
        for _ in range(viewers):
            downlink = make_downlink(stack, make_keys()[0], sink)
            video.add(downlink)
            audio.add(downlink)
        began_s = process_time()
        if "video" in kinds:
            for frame in media.frames:
                video.write(frame)
        if "audio" in kinds:
            for number, sound in enumerate(media.sounds):
                audio.send(sound, number * TICK_NS, {})
        return FannedOut(process_time() - began_s, video.statistics.packets + audio.statistics.packets)


def by_fanouts(media: Media, kinds: Sequence[Kind]) -> Work:
    """Microseconds of processor time a packet and viewer."""

    def work() -> float:
        done = fanned_out(media, kinds, VIEWERS)
        return done.cpu_s * 1e6 / done.packets

    return work


def by_aiortc(media: Media, kinds: Sequence[Kind]) -> Work:
    """aiortc's senders, given the same compressed frames; each viewer has some of its own."""
    return lambda: asyncio.run(_by_aiortc(media, kinds))


async def _by_aiortc(media: Media, kinds: Sequence[Kind]) -> float:
    with ExitStack() as stack:
        sink = bound_socket(stack)
        ends = [await connected() for _ in range(VIEWERS)]
        tracks: dict[Kind, list[Playback]] = {kind: [Playback(kind) for _ in ends] for kind in kinds}
        senders = []
        for number, (near, _) in enumerate(ends):
            stack.callback((await near.wire.send_to(sink.getsockname())).close)
            senders += [await start_sender(tracks[kind][number], near.dtls) for kind in kinds]
        began_s = process_time()
        for kind in kinds:
            await play(packets_of(media, kind), tracks[kind])
        spent_s = process_time() - began_s
        packets = await packets_sent(senders)
        await asyncio.gather(*(sender.stop() for sender in senders))
        for end in itertools.chain.from_iterable(ends):
            await end.dtls.stop()
        return spent_s * 1e6 / packets


def prepare(_: ExitStack, effort: Effort) -> list[Case]:
    media = make_media(seconds=1 if effort.quick else 3)
    return [
        Case(name, UNIT, by_fanouts(media, kinds), {STOCK: by_aiortc(media, kinds)}) for name, kinds in CASES.items()
    ]


BENCH: Final = Bench(
    name="send",
    work="a packet to one of a hundred viewers of one view, 720p at 1.5 Mbit/s and a voice",
    cases=tuple(CASES),
    baselines=(STOCK,),
    prepare=prepare,
)
