"""``audio``: two hundred people, five of whom speak. One mix and one encoder serve all who only listen."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from time import process_time
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray

from api.bench.harness import Baseline, Bench, BenchFailed, Case, Effort, Work
from mcu.frames import SAMPLES_PER_TICK
from mcu.media.opus import OpusDecoder, OpusEncoder
from mixer.sound import SoundMixer, mix_minus

VOICES: Final = Path(__file__).parents[2] / "samples" / "media"
PEOPLE: Final = 200
SPEAKERS: Final = 5
BITRATE_BPS: Final = 32_000
EXPECTED_LOSS: Final = 0.1
TICK_S: Final = 0.02
UNIT: Final = "CPU ms/s"

EACH: Final = Baseline("Opus decode and encode for each", 0.1)

Ticks = Sequence[Sequence[bytes]]
"""For each tick a packet of everybody who sends."""


def voice(number: int, ticks: int) -> NDArray[np.int16]:
    """One of the recorded voices, from another place each time: int16 of shape (ticks, 960), 48 kHz."""
    paths = sorted(VOICES.glob("*.ogg"))
    if not paths:
        raise BenchFailed(f"no voices in {VOICES}")
    resampler = av.AudioResampler(format="s16", layout="mono", rate=48_000)
    with av.open(str(paths[number % len(paths)])) as container:
        parts = [part.to_ndarray()[0] for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    samples = np.roll(np.concatenate(parts).astype(np.int16), -number * 48_000)
    return np.resize(samples, (ticks, SAMPLES_PER_TICK))


def packets_of(people: int, ticks: int) -> Ticks:
    """What ``people`` send: the first ``SPEAKERS`` of them speak, the others are quiet with their microphones open."""
    streams = []
    for person in range(people):
        pcm = voice(person, ticks) if person < SPEAKERS else np.zeros((ticks, SAMPLES_PER_TICK), np.int16)
        encoder = OpusEncoder(BITRATE_BPS)
        streams.append([encoder.encode(chunk) for chunk in pcm])
        encoder.close()
    return list(zip(*streams, strict=True))


def encoders(count: int) -> list[OpusEncoder]:
    return [OpusEncoder(BITRATE_BPS, expected_loss=EXPECTED_LOSS) for _ in range(count)]


def by_mixer(packets: Ticks) -> Work:
    """Decodes who sends, mixes, encodes once for the listeners and once for each speaker."""

    def work() -> float:
        mixer, decoders = SoundMixer(), [OpusDecoder() for _ in packets[0]]
        shared, own = OpusEncoder(BITRATE_BPS, expected_loss=EXPECTED_LOSS), encoders(SPEAKERS)
        began_s = process_time()
        for sent in packets:
            pcm = [decoder.decode(payload) for decoder, payload in zip(decoders, sent, strict=True)]
            mixed = mixer.mix({str(person): pcm[person] for person in range(SPEAKERS)})
            shared.encode(mixed.everyone)
            for person, encoder in enumerate(own):
                encoder.encode(mixed.without[str(person)])
        return (process_time() - began_s) * 1000 / (len(packets) * TICK_S)

    return work


def for_each(packets: Ticks) -> Work:
    """The same codecs, one decoder and one encoder a person."""

    def work() -> float:
        decoders, own = [OpusDecoder() for _ in packets[0]], encoders(PEOPLE)
        began_s = process_time()
        for sent in packets:
            pcm = [decoder.decode(payload) for decoder, payload in zip(decoders, sent, strict=True)]
            sums = mix_minus({str(person): pcm[person] for person in range(SPEAKERS)})
            heard = np.clip(sums.everyone, -32768, 32767).astype(np.int16)
            for encoder in own:
                encoder.encode(heard)
        return (process_time() - began_s) * 1000 / (len(packets) * TICK_S)

    return work


def prepare(_: ExitStack, effort: Effort) -> list[Case]:
    ticks = 15 if effort.quick else 30
    everybody = packets_of(PEOPLE, ticks)
    muted = [sent[:SPEAKERS] for sent in everybody]
    each = for_each(everybody)
    return [
        Case(CASES[0], UNIT, by_mixer(muted), {EACH: each}),
        Case(CASES[1], UNIT, by_mixer(everybody), {EACH: each}),
    ]


CASES: Final = ("200 people, 5 speak, the others muted", "200 people, 5 speak, all are decoded")
BENCH: Final = Bench(
    name="audio",
    work="two hundred people mixed at 48 kHz, five of them speaking, Opus in and out",
    cases=CASES,
    baselines=(EACH,),
    prepare=prepare,
)
