"""Voices as a microphone hands them over, and the packets a client makes of them."""

import dataclasses
import functools
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av.audio.resampler import AudioResampler

from mcu.clock import NS_PER_MS, NS_PER_S
from mcu.frames import SAMPLES_PER_TICK, AudioPacket
from mcu.media.opus import OpusEncoder, Samples
from mixer.levels import level

MEDIA = Path(__file__).parents[2] / "samples" / "media"
TICK_NS = 20 * NS_PER_MS


@functools.cache
def recorded(name: str) -> Samples:
    """One of the voices of the samples: seven to nine seconds of speech by espeak-ng, mono at 48 kHz."""
    with av.open(str(MEDIA / f"{name}.ogg")) as container:
        resampler = AudioResampler("s16", "mono", 48_000)
        frames = [frame for decoded in container.decode(audio=0) for frame in resampler.resample(decoded)]
    sound: Samples = np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames]).astype(np.int16)
    return sound[: sound.size // SAMPLES_PER_TICK * SAMPLES_PER_TICK]


def tone(hz: float, seconds: float, amplitude: float = 3_000.0) -> Samples:
    at = np.arange(round(seconds * 50) * SAMPLES_PER_TICK) / 48_000
    wave: Samples = np.rint(amplitude * np.sin(2 * np.pi * hz * at)).astype(np.int16)
    return wave


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * 50) * SAMPLES_PER_TICK, np.int16)


def noise(dbov: float, seconds: float, seed: int = 1) -> Samples:
    """White noise of this root mean square."""
    samples = np.random.default_rng(seed).normal(0.0, 32_767 * 10 ** (dbov / 20), round(seconds * 50) * 960)
    noisy: Samples = np.rint(samples.clip(-32_768, 32_767)).astype(np.int16)
    return noisy


def typing(seconds: float, strokes_per_s: float = 4.0, seed: int = 1) -> Samples:
    """A keyboard beside the microphone: a click of some 20 ms when a key goes down, a softer one when it comes up."""
    random = np.random.default_rng(seed)
    sound = random.normal(0.0, 15.0, round(seconds * 50) * 960)
    click = np.exp(-np.arange(2_000) / 300)
    at = 0
    while (at := at + int(random.exponential(48_000 / strokes_per_s)) + 2_400) < sound.size - 10_000:
        for begin, strength in ((at, 1.0), (at + int(random.uniform(3_000, 5_000)), 0.5)):
            loud = strength * random.uniform(2_400, 6_000)
            sound[begin : begin + click.size] += loud * click * random.normal(0.0, 1.0, click.size)
    keys: Samples = np.rint(sound.clip(-32_768, 32_767)).astype(np.int16)
    return keys


@dataclasses.dataclass(frozen=True, slots=True)
class Microphone:
    """A client: ``levels`` tells each packet's level (RFC 6464), ``lies`` one that is always the same instead."""

    ssrc: int = 1
    levels: bool = True
    lies: int | None = None
    bitrate_bps: int = 32_000
    expected_loss: float = 0.0

    def packets(self, sound: Samples, start_ns: int = NS_PER_S) -> Iterator[tuple[int, AudioPacket]]:
        """20 ms packets of ``sound`` and when each is sent, which is when its last sample was taken."""
        encoder = OpusEncoder(self.bitrate_bps, expected_loss=self.expected_loss, complexity=3)
        for n in range(sound.size // SAMPLES_PER_TICK):
            chunk = sound[n * SAMPLES_PER_TICK : (n + 1) * SAMPLES_PER_TICK]
            told = (self.lies if self.lies is not None else level(chunk)) if self.levels else None
            sent_ns = start_ns + (n + 1) * TICK_NS
            yield sent_ns, AudioPacket(encoder.encode(chunk), n % 2**16, n * 960 % 2**32, self.ssrc, sent_ns, told)
        encoder.close()
