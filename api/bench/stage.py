"""Who is seen and heard in a room: cameras and voices that were compressed beforehand, sent in time."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

import numpy as np

from api.bench.light import LightPeer
from api.bench.timecode import FPS, Loop
from mcu.clock import NS_PER_MS, NS_PER_S
from mcu.frames import SAMPLES_PER_TICK
from mcu.media.opus import OpusEncoder
from mixer.timeline import SOUND_TICK_NS

TONE_STEP_HZ: Final = 320
LOWEST_HZ: Final = 480
SYLLABLE_TICKS: Final = 15
"""A tone stops and comes again, as speech does: a steady one passes for noise."""
PAUSE_TICKS: Final = 5
SILENCE_TICKS: Final = 20
MAX_ROUNDS: Final = 64
LONGEST_NS: Final = 2_000 * NS_PER_MS
"""A picture that is older was not sent just now, but the last time round."""


def tone_hz(voice: int) -> int:
    return LOWEST_HZ + TONE_STEP_HZ * voice


def make_voice(voice: int, seconds: int) -> list[bytes]:
    """Opus packets of 20 ms: a tone of its own for each voice."""
    at = np.arange(seconds * 50 * SAMPLES_PER_TICK)
    tick = at // SAMPLES_PER_TICK
    on = tick % (SYLLABLE_TICKS + PAUSE_TICKS) < SYLLABLE_TICKS
    murmur = np.random.default_rng(voice).normal(0, 30, len(at))
    pcm = np.round(6000 * on * np.sin(2 * np.pi * tone_hz(voice) * at / 48_000) + murmur).astype(np.int16)
    opus = OpusEncoder(32_000)
    return [opus.encode(chunk) for chunk in pcm.reshape(-1, SAMPLES_PER_TICK)]


@lru_cache(maxsize=1)
def make_silence() -> bytes:
    """An Opus packet that holds nothing, which is what DTX sends now and then."""
    opus = OpusEncoder(32_000)
    return [opus.encode(np.zeros(SAMPLES_PER_TICK, np.int16)) for _ in range(SILENCE_TICKS)][-1]


@dataclass(slots=True)
class Sent:
    """When each picture of a camera left: the last times it did, for a loop comes round again."""

    camera: int
    times_ns: dict[int, deque[int]] = field(default_factory=dict)

    def left(self, number: int, now_ns: int) -> None:
        self.times_ns.setdefault(number, deque(maxlen=MAX_ROUNDS)).append(now_ns)

    def age_ms(self, number: int, arrived_ns: int) -> float | None:
        """How long a picture that has arrived was on its way; None when it did not leave shortly before."""
        before = [time_ns for time_ns in self.times_ns.get(number, ()) if time_ns <= arrived_ns]
        age_ns = arrived_ns - before[-1] if before else LONGEST_NS
        return age_ns / NS_PER_MS if age_ns < LONGEST_NS else None


@dataclass(slots=True)
class Actor:
    """Somebody with a camera, and with a voice or none."""

    peer: LightPeer
    loop: Loop
    voice: Sequence[bytes] = ()
    at: int = 0
    keyframes: int = 0
    sent: Sent = field(init=False)

    def __post_init__(self) -> None:
        self.sent = Sent(self.loop.camera)

    def show(self, due_ns: int) -> None:
        """Sends the next picture; the first one of the loop again where a keyframe is asked for."""
        if self.peer.keyframes_wanted != self.keyframes:
            self.keyframes, self.at = self.peer.keyframes_wanted, 0
        self.sent.left(self.at, time.monotonic_ns())
        self.peer.send_frame(replace(self.loop.frames[self.at], time_ns=due_ns))
        self.at = (self.at + 1) % len(self.loop.frames)

    def speak(self, tick: int, due_ns: int) -> None:
        if self.voice:
            self.peer.send_sound(self.voice[tick % len(self.voice)], due_ns)
        elif tick % SILENCE_TICKS == 0:
            self.peer.send_sound(make_silence(), due_ns)


async def act(actors: Sequence[Actor]) -> None:
    """Sends what they show and say until it is cancelled. ``actors`` may grow meanwhile. Half of them send their
    pictures in one tick of sound, and half in the next.
    """
    if FPS * 2 * SOUND_TICK_NS != NS_PER_S:
        raise ValueError(f"{FPS} pictures a second are not one in two ticks")
    began_ns, tick = time.monotonic_ns(), 0
    while True:
        due_ns = began_ns + tick * SOUND_TICK_NS
        await asyncio.sleep(max(0, due_ns - time.monotonic_ns()) / NS_PER_S)
        for number, actor in enumerate(tuple(actors)):
            actor.speak(tick, due_ns)
            if tick % 2 == number % 2:
                actor.show(due_ns)
        tick += 1
