"""A listener behind a network: a voice, its packets, and what is heard of them. Minutes of media, no waiting."""

import dataclasses
import functools
from collections.abc import Iterable, Iterator

import numpy as np

from mcu.clock import NS_PER_MS, NS_PER_S
from mcu.frames import AudioPacket
from mcu.media.opus import OpusDecoder, OpusEncoder, Samples
from mcu.media.playout import Playout
from mcu.media.playout_statistics import PlayoutStatistics
from tests.kit.clock import FakeClock
from tests.kit.network import Link, Weather

TICK_NS = 20 * NS_PER_MS
START_NS = NS_PER_S
SSRC = 0x1234
LOOP_S = 6
QUIETEST = 60.0
"""Root mean square below which a listener hears a hole: the test sound never goes below 250."""


@functools.cache
def voice(packet_ms: int = 20) -> tuple[bytes, ...]:
    """Six seconds of two low tones that swell like syllables and fit end to end, with FEC."""
    at = np.arange(LOOP_S * 48_000) / 48_000
    swell = 0.3 + 0.7 * np.clip(np.sin(2 * np.pi * 3 * at), 0, 1)
    sound = swell * (1_500 * np.sin(2 * np.pi * 317 * at) + 900 * np.sin(2 * np.pi * 731 * at))
    encoder = OpusEncoder(48_000, expected_loss=0.2, complexity=2)
    samples = packet_ms * 48
    return tuple(
        encoder.encode(np.rint(sound[start : start + samples]).astype(np.int16))
        for start in range(0, sound.size, samples)
    )


def packets(
    seconds: float,
    *,
    packet_ms: int = 20,
    sequence: int = 65_500,
    timestamp: int = 2**32 - 40_000,
    ssrc: int = SSRC,
    start_ns: int = START_NS,
) -> Iterator[tuple[int, AudioPacket]]:
    """Packets and when they are sent. Sequence numbers and timestamps wrap early."""
    loop = voice(packet_ms)
    for n in range(round(seconds * 1_000 / packet_ms)):
        yield (
            start_ns + n * packet_ms * NS_PER_MS,
            AudioPacket(
                loop[n % len(loop)],
                (sequence + n) % 2**16,
                (timestamp + n * packet_ms * 48) % 2**32,
                ssrc,
                arrived_ns=0,
            ),
        )


@dataclasses.dataclass
class Listener:
    """A sound thread with a fake clock: pulls every 20 ms and keeps what it hears."""

    playout: Playout = dataclasses.field(default_factory=Playout)
    clock: FakeClock = dataclasses.field(default_factory=lambda: FakeClock(START_NS + 7 * NS_PER_MS))
    chunks: list[Samples | None] = dataclasses.field(default_factory=list)
    delays_ms: list[float] = dataclasses.field(default_factory=list)

    def listen(self, arrivals: Iterable[tuple[int, AudioPacket]]) -> "Listener":
        for arrived_ns, packet in arrivals:
            self.until(arrived_ns)
            self.playout.push(dataclasses.replace(packet, arrived_ns=arrived_ns))
        return self

    def until(self, end_ns: int) -> None:
        while self.clock.now_ns() < end_ns:
            chunk = self.playout.pull(self.clock.now_ns())
            assert chunk is None or (chunk.shape == (960,) and chunk.dtype == np.int16)
            self.chunks.append(chunk)
            self.delays_ms.append(self.statistics.delay_ms)
            self.clock.advance(ns=TICK_NS)

    @property
    def statistics(self) -> PlayoutStatistics:
        return self.playout.statistics

    @property
    def heard(self) -> list[Samples]:
        """From the first sound on; silence as zeros."""
        first = next(n for n, chunk in enumerate(self.chunks) if chunk is not None)
        return [np.zeros(960, np.int16) if chunk is None else chunk for chunk in self.chunks[first:]]

    @property
    def silent_ticks(self) -> list[int]:
        """Which of the ticks heard, after the first, were holes."""
        return [n for n, chunk in enumerate(self.heard) if n and loudness(chunk) < QUIETEST]

    @property
    def longest_gap_ms(self) -> int:
        longest = run = 0
        for chunk in self.heard:
            run = run + 20 if loudness(chunk) < QUIETEST else 0
            longest = max(longest, run)
        return longest

    @property
    def concealed(self) -> float:
        return self.statistics.concealed_samples / (960 * len(self.heard))


def loudness(chunk: Samples) -> float:
    return float(np.sqrt(np.mean(chunk.astype(np.float64) ** 2)))


def through(weather: Weather, seconds: float, seed: int = 1, packet_ms: int = 20) -> tuple[Listener, Link[AudioPacket]]:
    link: Link[AudioPacket] = Link(weather, seed)
    return Listener().listen(link.carry(packets(seconds, packet_ms=packet_ms))), link


class CountingDecoder(OpusDecoder):
    """Counts the work that packets cause."""

    def __init__(self) -> None:
        super().__init__()
        self.decodes = 0
        self.conceals = 0
        self.resets = 0

    def decode(self, payload: bytes) -> Samples:
        self.decodes += 1
        return super().decode(payload)

    def conceal(self, samples: int) -> Samples:
        self.conceals += 1
        return super().conceal(samples)

    def reset(self) -> None:
        self.resets += 1
        super().reset()


def without_start(samples: Samples) -> Samples:
    return samples[int(np.flatnonzero(samples)[0]) :]
