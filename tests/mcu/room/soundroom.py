"""The sound thread of a room in media time: microphones behind bad networks in, what each listener receives out."""

import dataclasses
from collections.abc import Iterable
from typing import Self

import numpy as np

from mcu.clock import NS_PER_S
from mcu.frames import AudioPacket
from mcu.media.opus import OpusDecoder, Samples
from mcu.media.playout import Playout
from mcu.room.snapshot import NO_GROUP, RoomSnapshot, SoundGroup, SoundInput, SpeechState
from mcu.room.sounds import RoomSounds
from mcu.rtc.sender import AudioFanout
from mixer.speech import Speech
from mixer.timeline import Timeline
from tests.kit.clock import FakeClock
from tests.mcu.rtc.packets import IDENTITY, HeldClock, Viewer

START_NS = NS_PER_S


class Member:
    """Somebody in the room. ``arrivals``: what their microphone sends, as ``(arrival_ns, packet)``."""

    def __init__(self, name: str, arrivals: Iterable[tuple[int, AudioPacket]] = ()) -> None:
        self.name = name
        self.heard = True
        self.playout = Playout()
        self._arrivals = iter(arrivals)
        self._next = next(self._arrivals, None)
        self._viewer = Viewer(HeldClock())
        self.downlink = self._viewer.downlink

    def speak_until(self, now_ns: int) -> None:
        while self._next is not None and self._next[0] <= now_ns:
            arrived_ns, packet = self._next
            self.playout.push(dataclasses.replace(packet, arrived_ns=arrived_ns))
            self._next = next(self._arrivals, None)

    def listen(self) -> None:
        self._viewer.receive()

    @property
    def received(self) -> list[AudioPacket]:
        return self._viewer.notes.sounds

    @property
    def sound(self) -> Samples:
        """What came out of their loudspeaker: every packet decoded."""
        decoder = OpusDecoder()
        chunks = [decoder.decode(packet.payload) for packet in self.received]
        decoder.close()
        return np.concatenate(chunks)

    @property
    def input(self) -> SoundInput:
        return SoundInput(self.name, self.playout, self.heard, 1.0, self.downlink)

    def close(self) -> None:
        self.playout.close()
        self._viewer.close()


class SoundRoom:
    """Plays tick after tick without the thread. ``mixes``: what recorders get; ``speeches``: what was told, when."""

    def __init__(self, *members: Member, max_speakers: int = 5) -> None:
        self.members = members
        self.fanout = AudioFanout(IDENTITY)
        self.mixes: list[tuple[int, Samples]] = []
        self.speeches: list[tuple[int, Speech]] = []
        self.timeline = Timeline(START_NS, fps=25)
        self.tick = 0
        self.sounds = RoomSounds(
            "room",
            FakeClock(START_NS),
            self.timeline,
            bitrate_bps=64_000,
            max_speakers=max_speakers,
            on_speech=self._spoken,
        )
        self.sounds.sinks = ((self, NO_GROUP),)
        for member in members:
            self.fanout.add(member.downlink)

    def write_sound(self, pcm: Samples, time_ns: int) -> None:
        self.mixes.append((time_ns, pcm))

    def _spoken(self, speech: Speech, _: SpeechState) -> None:
        self.speeches.append((self.timeline.sound_tick_ns(self.tick), speech))

    def play(self, seconds: float) -> Self:
        for _ in range(round(seconds * 50)):
            now_ns = self.timeline.sound_tick_ns(self.tick)
            for member in self.members:
                member.speak_until(now_ns)
            self.sounds.snapshot = RoomSnapshot(
                sounds=tuple(member.input for member in self.members), groups=(SoundGroup(NO_GROUP, self.fanout, {}),)
            )
            self.sounds.tick(self.tick)
            for member in self.members:
                member.listen()
            self.tick += 1
        return self

    @property
    def mix(self) -> Samples:
        return np.concatenate([pcm for _, pcm in self.mixes])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sounds.start()
        self.sounds.close()
        assert self.sounds.join(5.0)
        for member in self.members:
            member.close()
