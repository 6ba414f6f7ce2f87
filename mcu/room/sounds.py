"""The sound of a room: every 20 ms, everybody's voice in, one mix for those who listen and one for each who speaks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mcu.clock import NS_PER_MS, Clock
from mcu.room.deadlines import Metronome, TickStatistics
from mcu.room.listening import Listening
from mcu.room.snapshot import RoomSnapshot, SpeechState
from mcu.room.voices import Voices
from mcu.rtc.sender import AudioFanout
from mixer.sound import SoundMixer
from mixer.speech import SpeakerDetector, Speech
from mixer.timeline import Timeline

JUDGE_EVERY_TICKS = 2
"""Who speaks is judged every 40 ms: a hundred people cost 0.2 ms each time."""

SPEECH_EVENT_NS = 200 * NS_PER_MS
"""Speaker events come at most this often."""


class SoundSink(Protocol):
    """Takes the full mix, on the sound thread, and never blocks."""

    def write_sound(self, pcm: NDArray[np.int16], time_ns: int) -> None: ...


@dataclass(frozen=True, slots=True)
class SoundStatistics:
    ticks: TickStatistics
    encodes: int
    contributors: int


class RoomSounds:
    """The sound thread of one room. The event loop sets ``snapshot`` and ``sinks`` (whole, never in place);
    everything else belongs to the thread. ``tick`` is public so that tests can play media time without the thread.
    """

    def __init__(
        self,
        room: str,
        clock: Clock,
        timeline: Timeline,
        fanout: AudioFanout,
        *,
        bitrate_bps: int,
        on_speech: Callable[[Speech, SpeechState], None],
    ) -> None:
        self.snapshot = RoomSnapshot()
        self.sinks: tuple[SoundSink, ...] = ()
        self.speech = SpeechState()
        self._clock = clock
        self._timeline = timeline
        self._on_speech = on_speech
        self._voices = Voices()
        self._mixer = SoundMixer()
        self._detector = SpeakerDetector()
        self._listening = Listening(fanout, bitrate_bps=bitrate_bps)
        self._told_ns = 0
        self._told: Speech | None = None
        self._contributors = 0
        self._metronome = Metronome(
            f"sound-{room}"[:15],
            clock,
            tick_ns=timeline.sound_tick_ns,
            tick_at=timeline.sound_tick_at,
            tick=self.tick,
            stopped=self._listening.close,
        )

    def start(self) -> None:
        self._metronome.start()

    def close(self) -> None:
        self._metronome.close()

    def join(self, timeout_s: float) -> bool:
        return self._metronome.join(timeout_s)

    @property
    def statistics(self) -> SoundStatistics:
        return SoundStatistics(self._metronome.statistics, self._listening.encodes, self._contributors)

    def tick(self, n: int) -> None:
        """Plays sound tick ``n``: pull, mix, encode, send, record, judge."""
        time_ns = self._timeline.sound_tick_ns(n)
        sounds = self.snapshot.sounds
        heard = self._voices.collect(sounds, time_ns)
        mixed = self._mixer.mix(heard.inputs, heard.gains)
        self._contributors = len(heard.inputs)
        self._listening.send(sounds, mixed, time_ns)
        for sink in self.sinks:
            sink.write_sound(mixed.everyone, time_ns)
        if n % JUDGE_EVERY_TICKS == 0:
            self._judge(heard.levels_dbov, time_ns)

    def _judge(self, levels_dbov: Mapping[str, float], time_ns: int) -> None:
        speech = self._detector.update(levels_dbov, time_ns)
        last = {who: at for who, at in self.speech.last_spoke_ns.items() if who in levels_dbov}
        last.update((who, time_ns) for who, _ in speech.active)
        self.speech = SpeechState(speech.border, last, speech.dominant)
        changed = (
            self._told is None
            or speech.dominant != self._told.dominant
            or {who for who, _ in speech.active} != {who for who, _ in self._told.active}
        )
        if changed and time_ns - self._told_ns >= SPEECH_EVENT_NS:
            self._told, self._told_ns = speech, time_ns
            self._on_speech(speech, self.speech)
