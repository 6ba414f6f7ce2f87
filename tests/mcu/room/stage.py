"""A room's sound without a room: people with tones for voices, played tick by tick, heard over loopback by each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from mcu.clock import NS_PER_MS
from mcu.frames import PLAIN_SOUND, AudioPacket, SoundForm
from mcu.media.opus import OpusDecoder, OpusEncoder
from mcu.media.playout import Playout
from mcu.room.snapshot import NO_GROUP, RoomSnapshot, SoundGroup, SoundInput
from mcu.room.sounds import RoomSounds
from mcu.rtc.sender import AudioFanout
from mixer.timeline import Timeline
from tests.kit.tones import tone_dbfs
from tests.mcu.rtc.packets import IDENTITY, HeldClock, Viewer, Viewers

Pcm = NDArray[np.int16]
TICK_NS = 20 * NS_PER_MS


@dataclass
class Talker:
    """Says a tone (None: nothing) and hears what comes to ``viewer``."""

    name: str
    tone_hz: float | None
    viewer: Viewer
    group: str = NO_GROUP
    heard: bool = True
    gain: float = 1.0
    amplitude: float = 3_000.0
    playout: Playout = field(default_factory=Playout)
    encoder: OpusEncoder = field(default_factory=lambda: OpusEncoder(96_000, inband_fec=False))
    said: int = 0

    def say(self, now_ns: int) -> None:
        if self.tone_hz is None:
            return
        at = (np.arange(960) + 960 * self.said) / 48_000
        pcm = np.rint(self.amplitude * np.sin(2 * np.pi * self.tone_hz * at)).astype(np.int16)
        packet = AudioPacket(self.encoder.encode(pcm), self.said, 960 * self.said, hash(self.name) & 0xFFFF, now_ns)
        self.playout.push(packet)
        self.said += 1

    @property
    def input(self) -> SoundInput:
        return SoundInput(self.name, self.playout, self.heard, self.gain, self.viewer.downlink, self.group)

    @property
    def packets(self) -> list[AudioPacket]:
        return self.viewer.notes.sounds

    def listen(self, channels: int = 1) -> Pcm:
        """All that has come to them so far, decoded."""
        decoder = OpusDecoder(channels)
        return np.concatenate([decoder.decode(packet.payload) for packet in self.packets])


class Stage:
    """Use as a context manager. ``play`` moves time on."""

    def __init__(self, *, auto_gain: bool = False, stereo: bool = False) -> None:
        self.clock = HeldClock()
        self.viewers = Viewers(self.clock)
        self.timeline = Timeline(self.clock.now_ns(), 25)
        self.sounds = RoomSounds(
            "stage",
            self.clock,
            self.timeline,
            bitrate_bps=96_000,
            max_speakers=8,
            auto_gain=auto_gain,
            stereo=stereo,
            on_speech=lambda speech, state: None,
        )
        self.people: dict[str, Talker] = {}
        self.hears: dict[str, Mapping[str, float]] = {NO_GROUP: {}}
        self.fanouts: dict[str, AudioFanout] = {}
        self.ticks = 0

    def __enter__(self) -> "Stage":
        self.viewers.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.viewers.__exit__()
        for person in self.people.values():
            person.playout.close()
            person.encoder.close()

    def add(self, name: str, tone_hz: float | None, group: str = NO_GROUP, form: SoundForm = PLAIN_SOUND) -> Talker:
        person = self.people[name] = Talker(name, tone_hz, self.viewers(form=form), group)
        return person

    @property
    def snapshot(self) -> RoomSnapshot:
        names = dict.fromkeys((*self.hears, *(person.group for person in self.people.values())))
        self.fanouts = {name: self.fanouts.get(name) or AudioFanout(IDENTITY) for name in names}
        groups = tuple(SoundGroup(name, self.fanouts[name], self.hears.get(name, {})) for name in names)
        return RoomSnapshot(sounds=tuple(person.input for person in self.people.values()), groups=groups)

    def play(self, ticks: int) -> None:
        """Everybody says the next 20 ms, then the room plays them; so many times."""
        self.sounds.snapshot = replace(self.snapshot, pictures=self.sounds.snapshot.pictures)
        for _ in range(ticks):
            for person in self.people.values():
                person.say(self.clock.now_ns())
            self.clock.advance(TICK_NS)
            self.ticks += 1
            self.sounds.tick(self.ticks)
            for person in self.people.values():
                person.viewer.receive()


def levels(pcm: Pcm, tones_hz: Iterable[float]) -> dict[float, float]:
    """How loud each tone is, in dBFS."""
    return {hz: tone_dbfs(pcm, hz) for hz in tones_hz}


def loudest_click(pcm: Pcm, below_hz: float = 2_000.0) -> float:
    """The most that any 20 ms hold above the band of the voices, in dBFS: an edge has energy everywhere."""
    worst = 0.0
    window = np.hanning(960)
    high = np.fft.rfftfreq(960, 1 / 48_000) > below_hz
    for start in range(0, len(pcm) - 960, 240):
        spectrum = np.fft.rfft(pcm[start : start + 960] * window)
        worst = max(worst, float(np.sqrt(np.sum(np.abs(spectrum[high]) ** 2) * 2 / 960 / np.sum(window**2))))
    return 20 * float(np.log10(max(worst, 1e-3) / 32_767))
