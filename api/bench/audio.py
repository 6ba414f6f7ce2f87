"""``audio``: many people in a room, five of whom speak. One mix and one encoder serve all who only listen.

Ours is the room's own tick, from a packet's way into its jitter buffer to the packets that go out: who is loudest, the
mixes, the encoders, who speaks. Sockets and encryption are left out, for they are the ``send`` bench's. Janus can only
be measured as a whole and in real time: its sockets are in its figure, without encryption.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from time import process_time
from typing import Final

import numpy as np

from api.bench.harness import Baseline, Bench, Case, Effort, Work
from api.bench.janus import by_audiobridge
from api.bench.media import IDENTITY, bound_socket, make_downlink, make_keys
from api.bench.voices import voice
from mcu.clock import NS_PER_MS, SystemClock
from mcu.frames import SAMPLES_PER_TICK, AudioPacket, SoundForm, SoundPacket
from mcu.media.opus import OpusDecoder, OpusEncoder
from mcu.media.playout import Playout
from mcu.room.snapshot import NO_GROUP, RoomSnapshot, SoundGroup, SoundInput
from mcu.room.sounds import RoomSounds
from mcu.rtc.downlink import Downlink
from mcu.rtc.sender import AudioFanout
from mixer.levels import level
from mixer.sound import mix_minus
from mixer.timeline import Timeline

PEOPLE: Final = 200
SPEAKERS: Final = 5
BITRATE_BPS: Final = 32_000
TICK_S: Final = 0.02
WARM_TICKS: Final = 10
"""Until every jitter buffer plays; not counted."""
UNIT: Final = "CPU ms/s"

EACH: Final = Baseline("Opus decode and encode for each", 0.1)
JANUS: Final = Baseline("Janus AudioBridge, plain RTP")
FEW: Final = 20
"""As many as Janus can mix on a small machine: it takes one to two per cent of a core for each."""
JANUS_TICKS: Final = 150
QUICK_JANUS_TICKS: Final = 100
CASES: Final = (
    "200 people, 5 speak, the others muted",
    "200 people, 5 speak, all send, with levels (RFC 6464)",
    "200 people, 5 speak, all send, without levels",
    "20 people, 5 speak, all send, with levels",
)

Said = tuple[bytes, int]
"""A packet, and the level that its sender would tell with it."""


def said_by(people: int, ticks: int) -> list[list[Said]]:
    """What everybody sends, tick by tick: the first ``SPEAKERS`` speak, the others sit with open microphones."""
    streams = []
    rng = np.random.default_rng(11)
    for person in range(people):
        hush = rng.normal(0, 12, (ticks, SAMPLES_PER_TICK)).astype(np.int16)
        pcm = voice(person, ticks) if person < SPEAKERS else hush
        encoder = OpusEncoder(BITRATE_BPS)
        streams.append([(encoder.encode(chunk), level(chunk)) for chunk in pcm])
        encoder.close()
    return list(zip(*streams, strict=True))  # type: ignore[arg-type]  # a tuple a tick is as good as a list


class Nowhere(AudioFanout):
    """A fan-out that has everything but the network."""

    def deliver(self, shared: Mapping[SoundForm, SoundPacket], own: Mapping[Downlink, SoundPacket | None]) -> None:
        """What is encoded is thrown away."""


def by_room(said: Sequence[Sequence[Said]], *, levels: bool) -> Work:
    """Every tick: packets in, and what a room does with them. Each speaker listens too, and so does one who doesn't
    speak: however many more there are, they share that one's packets.
    """

    def work() -> float:
        with ExitStack() as stack:
            to, fanout = bound_socket(stack), Nowhere(IDENTITY)
            downlinks = [make_downlink(stack, make_keys()[0], to) for _ in range(SPEAKERS + 1)]
            for downlink in downlinks:
                fanout.add(downlink)
            playouts = [Playout() for _ in said[0]]
            for playout in playouts:
                stack.callback(playout.close)
            listening = [*downlinks, *[None] * len(playouts)]
            sounds = tuple(
                SoundInput(str(person), playout, heard=True, gain=1.0, downlink=listening[person])
                for person, playout in enumerate(playouts)
            )
            room = RoomSounds(
                "bench",
                SystemClock(),
                timeline := Timeline(0, 25),
                bitrate_bps=BITRATE_BPS,
                max_speakers=SPEAKERS,
                on_speech=lambda speech, state: None,
            )
            room.snapshot = RoomSnapshot(sounds=sounds, groups=(SoundGroup(NO_GROUP, fanout),))
            spent_s = 0.0
            for number, sent in enumerate(said):
                arrived_ns = timeline.sound_tick_ns(number) - NS_PER_MS
                began_s = process_time()
                for person, (payload, told) in enumerate(sent):
                    packet = AudioPacket(
                        payload, number, number * SAMPLES_PER_TICK, person + 1, arrived_ns, told if levels else None
                    )
                    playouts[person].push(packet)
                room.tick(number)
                if number >= WARM_TICKS:
                    spent_s += process_time() - began_s
        return spent_s * 1000 / ((len(said) - WARM_TICKS) * TICK_S)

    return work


def for_each(said: Sequence[Sequence[Said]]) -> Work:
    """The same codecs, one decoder and one encoder a person."""

    def work() -> float:
        decoders = [OpusDecoder() for _ in said[0]]
        own = [OpusEncoder(BITRATE_BPS) for _ in said[0]]
        began_s = process_time()
        for sent in said:
            pcm = [decoder.decode(payload) for decoder, (payload, _) in zip(decoders, sent, strict=True)]
            sums = mix_minus({str(person): pcm[person] for person in range(SPEAKERS)})
            heard = np.clip(sums.everyone, -32768, 32767).astype(np.int16)
            for encoder in own:
                encoder.encode(heard)
        return (process_time() - began_s) * 1000 / (len(said) * TICK_S)

    return work


def prepare(stack: ExitStack, effort: Effort) -> list[Case]:
    everybody = said_by(PEOPLE, 40 if effort.quick else 60)
    muted = [sent[:SPEAKERS] for sent in everybody]
    each = for_each(everybody)
    few = said_by(FEW, QUICK_JANUS_TICKS if effort.quick else JANUS_TICKS)
    janus = by_audiobridge(stack, [[payload for payload, _ in sent] for sent in few])
    return [
        Case(CASES[0], UNIT, by_room(muted, levels=True), {EACH: each}),
        Case(CASES[1], UNIT, by_room(everybody, levels=True), {EACH: each}),
        Case(CASES[2], UNIT, by_room(everybody, levels=False), {EACH: each}),
        Case(CASES[3], UNIT, by_room(few, levels=True), {JANUS: janus}),
    ]


BENCH: Final = Bench(
    name="audio",
    work="two hundred people mixed at 48 kHz, five of them speaking, Opus in and out",
    cases=CASES,
    baselines=(EACH, JANUS),
    prepare=prepare,
)
