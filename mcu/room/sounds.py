"""The sound of a room: every 20 ms, everybody's voice in, one mix for those who listen and one for each who speaks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mcu.clock import NS_PER_MS, Clock
from mcu.room.deadlines import Metronome, TickStatistics
from mcu.room.mixing import Mixing
from mcu.room.noise import NoiseSuppression
from mcu.room.snapshot import RoomSnapshot, SpeechState
from mcu.room.voices import Voices
from mixer.announcer import Announcement
from mixer.placement import folded
from mixer.speech import SpeakerDetector, Speech
from mixer.timeline import SOUND_TICK_SAMPLES, Timeline

JUDGE_EVERY_TICKS = 2
"""Who speaks is judged every 40 ms: a hundred people cost 0.2 ms each time."""

SPEECH_EVENT_NS = 200 * NS_PER_MS
"""Speaker events come at most this often."""

_SILENCE = np.zeros(SOUND_TICK_SAMPLES, np.int16)
_SILENCE.flags.writeable = False


class SoundSink(Protocol):
    """Takes the full mix of a group in one channel, on the sound thread, and never blocks."""

    def write_sound(self, pcm: NDArray[np.int16], time_ns: int) -> None: ...


@dataclass(frozen=True, slots=True)
class SoundStatistics:
    """``encodes``: Opus packets made; ``contributors``: voices in the last tick; ``groups`` that have a mix."""

    ticks: TickStatistics
    encodes: int
    contributors: int
    groups: int
    decoded: int
    parked: int


class RoomSounds:
    """The sound thread of one room. The event loop sets ``snapshot`` and ``sinks`` (whole, never in place);
    everything else belongs to the thread. ``tick`` is public so that tests can play media time without the thread.
    """

    def __init__(
        self,
        room: str,
        clock: Clock,
        timeline: Timeline,
        *,
        bitrate_bps: int,
        max_speakers: int,
        music: bool = False,
        auto_gain: bool = False,
        stereo: bool = False,
        noise_suppression: bool = False,
        on_speech: Callable[[Speech, SpeechState], None],
        on_announced: Callable[[str], None] = lambda identifier: None,
    ) -> None:
        self.snapshot = RoomSnapshot()
        self.sinks: tuple[tuple[SoundSink, str], ...] = ()
        """Who takes a mix, and that of which group."""
        self.pans: Mapping[str, float] = {}
        """Where everybody stands, from −1, left, to 1. Set by the event loop, whole."""
        self.speech = SpeechState()
        self._clock = clock
        self._timeline = timeline
        self._on_speech = on_speech
        self._on_announced = on_announced
        self._announced: frozenset[str] = frozenset()
        self._voices = Voices(max_speakers)
        noise = NoiseSuppression() if noise_suppression else None
        self._mixing = Mixing(bitrate_bps=bitrate_bps, music=music, auto_gain=auto_gain, stereo=stereo, noise=noise)
        self._detector = SpeakerDetector()
        self._told_ns = 0
        self._told: Speech | None = None
        self._contributors = 0
        self._metronome = Metronome(
            f"sound-{room}"[:15],
            clock,
            tick_ns=timeline.sound_tick_ns,
            tick_at=timeline.sound_tick_at,
            tick=self.tick,
            stopped=self._mixing.close,
        )

    def start(self) -> None:
        self._metronome.start()

    def close(self) -> None:
        self._metronome.close()

    def join(self, timeout_s: float) -> bool:
        return self._metronome.join(timeout_s)

    @property
    def statistics(self) -> SoundStatistics:
        voices = self._voices.statistics
        return SoundStatistics(
            self._metronome.statistics,
            self._mixing.encodes,
            self._contributors,
            len(self.snapshot.groups),
            voices.decoded,
            voices.parked,
        )

    @property
    def announced(self) -> Mapping[str, int]:
        """How many samples of each announcement have been played, by its id."""
        return self._mixing.announcer.played

    def tick(self, n: int) -> None:
        """Plays sound tick ``n``: pull, mix, encode, send, record, judge."""
        time_ns = self._timeline.sound_tick_ns(n)
        room = self.snapshot
        wanted = not room.forwarded or bool(self.sinks) or any(source.downlink is not None for source in room.sounds)
        heard = self._voices.collect(room.sounds, time_ns, mixed=wanted)
        mixes = self._mixing.play(room, heard, time_ns, self.pans)
        self._contributors = len(heard.inputs)
        self._tell_of_ends(room.announcements)
        for sink, group in self.sinks:
            mixed = mixes.get(group)
            sink.write_sound(_SILENCE if mixed is None else folded(mixed.everyone), time_ns)
        if n % JUDGE_EVERY_TICKS == 0:
            self._judge(heard.levels_dbov, time_ns)

    def _tell_of_ends(self, announcements: tuple[Announcement, ...]) -> None:
        """Once of each."""
        over = frozenset(one.id for one in announcements if self._mixing.announcer.over(one))
        for identifier in over - self._announced:
            self._on_announced(identifier)
        self._announced = over

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
