"""``voice``: how long a voice is on its way through the server, mouth to ear, on a network that adds nothing.

Somebody sends chirps through a whole server to somebody else. A chirp's delay is from the instant its packet leaves to
the instant its sound could be played where it arrives: what the server adds, its wait for packets, its tick and the
encoder's look-ahead included. The participants' own packetising and buffering are not in it.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from api.bench.harness import Baseline, Bench, BenchFailed, Case, Effort, once, percentiles
from api.bench.light import participant
from api.bench.live import LiveServer
from api.bench.priority import raised
from mcu.clock import NS_PER_MS, NS_PER_S
from mcu.frames import AUDIO_CLOCK_HZ, SAMPLES_PER_TICK, AudioPacket
from mcu.media.opus import OpusDecoder, OpusEncoder
from mixer.timeline import SOUND_TICK_NS

TICKS: Final = 250
"""Sent in one room: five seconds, the first of which is for the server's buffer to settle."""
SETTLED_TICK: Final = 50
ROOMS: Final = 8
QUICK_ROOMS: Final = 4
"""Every room's ticks stand elsewhere between a speaker's packets."""

CHIRP_SAMPLES: Final = 1440
CHIRP_STEP: Final = 14_777
"""Samples from one chirp to the next: no multiple of a packet, so that chirps begin anywhere in one."""
LONGEST_MS: Final = 250
"""Less than from one chirp to the next, so that none is taken for another."""
BITRATE_BPS: Final = 64_000
SMALL_VIEW: Final = {"MCU_VIEW__WIDTH": "64", "MCU_VIEW__HEIGHT": "64", "MCU_VIEW__FPS": "1"}
TICK_MS: Final = SOUND_TICK_NS / NS_PER_MS

MEDIAN: Final = Baseline("a tick of 20 ms", 2.0)
TAIL: Final = Baseline("a tick of 20 ms", 3.0)
CASES: Final = ("mouth to ear, added by the server, p50", "mouth to ear, added by the server, p95")

Pcm = NDArray[np.float64]


def chirp() -> Pcm:
    """From 400 to 3000 Hz in 30 ms, swelling and ebbing."""
    at = np.arange(CHIRP_SAMPLES) / AUDIO_CLOCK_HZ
    length_s = CHIRP_SAMPLES / AUDIO_CLOCK_HZ
    phase = 2 * np.pi * (400 * at + (3000 - 400) / (2 * length_s) * at**2)
    sound: Pcm = 9_000 * np.hanning(CHIRP_SAMPLES) * np.sin(phase)
    return sound


def spoken() -> NDArray[np.int16]:
    """What is sent: chirps over a murmur that keeps every silence detector awake; int16 of shape (ticks, 960)."""
    sound = np.random.default_rng(7).normal(0, 40, TICKS * SAMPLES_PER_TICK)
    for start in range(CHIRP_STEP, len(sound) - CHIRP_SAMPLES, CHIRP_STEP):
        sound[start : start + CHIRP_SAMPLES] += chirp()
    return sound.astype(np.int16).reshape(TICKS, SAMPLES_PER_TICK)


class Timed:
    """Decoded sound whose samples have a time: that of their packet plus their place in it."""

    def __init__(self, packets: Sequence[tuple[int, bytes]]) -> None:
        decoder = OpusDecoder()
        parts = [decoder.decode(payload).astype(np.float64) for _, payload in packets]
        self.pcm: Pcm = np.concatenate(parts) if parts else np.zeros(0)
        self._starts = np.cumsum([0, *(len(part) for part in parts)])[:-1]
        self._times_ns = [time_ns for time_ns, _ in packets]

    def time_ns(self, sample: int) -> int:
        packet = int(np.searchsorted(self._starts, sample, "right")) - 1
        return self._times_ns[packet] + (sample - int(self._starts[packet])) * NS_PER_S // AUDIO_CLOCK_HZ

    def first_at(self, time_ns: int) -> int:
        """The first sample of the first packet from that time on."""
        packet = int(np.searchsorted(self._times_ns, time_ns))
        return int(self._starts[min(packet, len(self._starts) - 1)])


def found(pcm: Pcm, begin: int, end: int) -> int | None:
    """Where between two samples the chirp is, if it is there."""
    part, wanted = pcm[begin:end], chirp()
    if len(part) < len(wanted):
        return None
    likeness = np.correlate(part, wanted, "valid") / float(np.dot(wanted, wanted))
    best = int(np.argmax(likeness))
    return begin + best if likeness[best] >= 0.25 else None


def delays_ms(sent: Sequence[tuple[int, bytes]], heard: Sequence[tuple[int, bytes]]) -> list[float]:
    """How long each chirp took; both sides are packets with the time at which they left or arrived. One that isn't
    there within ``LONGEST_MS`` counts as if it had taken that long. Raises ``BenchFailed`` when most are missing.
    """
    there, here = Timed(sent), Timed(heard)
    delays = []
    for start in range(CHIRP_STEP, len(there.pcm) - 2 * CHIRP_STEP, CHIRP_STEP):
        if start < SETTLED_TICK * SAMPLES_PER_TICK:
            continue
        # Both have been through Opus: its look-ahead is in the first finding once and in the second one twice.
        left = found(there.pcm, start, start + 2 * CHIRP_SAMPLES)
        if left is None:
            raise BenchFailed("a chirp was lost before it was sent")
        left_ns = there.time_ns(left)
        begin = here.first_at(left_ns - 2 * SOUND_TICK_NS)
        end = here.first_at(left_ns + LONGEST_MS * NS_PER_MS)
        arrived = found(here.pcm, begin, end)
        delays.append(float(LONGEST_MS) if arrived is None else (here.time_ns(arrived) - left_ns) / NS_PER_MS)
    if delays.count(LONGEST_MS) > len(delays) / 2:
        raise BenchFailed("most chirps did not arrive")
    return delays


async def one_room(url: str, room: str, payloads: Sequence[bytes]) -> list[float]:
    heard: list[tuple[int, bytes]] = []

    def arrived(packet: AudioPacket) -> None:
        heard.append((packet.arrived_ns, packet.payload))

    async with participant(url, room, "speaker") as (speaker, _), participant(url, room, "listener") as (listener, _):
        listener.on_sound = arrived
        sent: list[tuple[int, bytes]] = []
        began_ns = time.monotonic_ns()
        for number, payload in enumerate(payloads):
            await asyncio.sleep(max(0, began_ns + number * SOUND_TICK_NS - time.monotonic_ns()) / NS_PER_S)
            sent.append((time.monotonic_ns(), payload))
            speaker.send_sound(payload, began_ns + number * SOUND_TICK_NS)
    return delays_ms(sent, heard)


def measured(url: str, rooms: int) -> list[float]:
    """The delays of every chirp in every room."""
    encoder = OpusEncoder(BITRATE_BPS)
    payloads = [encoder.encode(chunk) for chunk in spoken()]

    async def everywhere() -> list[float]:
        return [delay for room in range(rooms) for delay in await one_room(url, f"voice-{room}", payloads)]

    return asyncio.run(everywhere())


def prepare(stack: ExitStack, effort: Effort) -> list[Case]:
    raised(stack)
    server = LiveServer(stack, SMALL_VIEW)
    measure = once(partial(measured, server.url, QUICK_ROOMS if effort.quick else ROOMS))
    return percentiles(CASES, measure, MEDIAN, TAIL, TICK_MS)


BENCH: Final = Bench(
    name="voice",
    work="a voice's way through a whole server, from one participant to another",
    cases=CASES,
    baselines=(MEDIAN, TAIL),
    prepare=prepare,
)
