"""The sound of a room: every 20 ms, everybody's voice in, one mix for those who listen and one for each who speaks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mcu.clock import NS_PER_MS, NS_PER_S, Clock
from mcu.media.opus import OpusEncoder
from mcu.room.deadlines import Metronome, TickStatistics
from mcu.room.snapshot import RoomSnapshot, SoundInput, SpeechState
from mcu.rtc.downlink import Downlink
from mcu.rtc.sender import AudioFanout
from mixer.levels import SILENT, dbov
from mixer.sound import SoundMixer
from mixer.speech import SpeakerDetector, Speech
from mixer.timeline import Timeline

OWN_MIX_HOLD_NS = 2 * NS_PER_S
"""Somebody who falls silent keeps a mix of their own for this long: a change of encoder at each pause would click."""

JUDGE_EVERY_TICKS = 2
"""Who speaks is judged every 40 ms: a hundred people cost 0.2 ms each time."""

EXPECTED_LOSS = 0.1
"""From here on libopus puts a copy of the last packet into the next at 32 kbit/s; below it never does."""

SPEECH_EVENT_NS = 200 * NS_PER_MS
"""Speaker events come at most this often."""


class SoundSink(Protocol):
    """Takes the full mix, on the sound thread, and never blocks."""

    def write_sound(self, pcm: NDArray[np.int16], time_ns: int) -> None: ...


@dataclass(slots=True)
class _OwnMix:
    encoder: OpusEncoder
    last_contribution_ns: int


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
        self._fanout = fanout
        self._bitrate_bps = bitrate_bps
        self._on_speech = on_speech
        self._mixer = SoundMixer()
        self._detector = SpeakerDetector()
        self._shared = OpusEncoder(bitrate_bps, expected_loss=EXPECTED_LOSS)
        self._own: dict[str, _OwnMix] = {}
        self._told_ns = 0
        self._told: Speech | None = None
        self._encodes = 0
        self._contributors = 0
        self._metronome = Metronome(
            f"sound-{room}"[:15],
            clock,
            tick_ns=timeline.sound_tick_ns,
            tick_at=timeline.sound_tick_at,
            tick=self.tick,
            stopped=self._free,
        )

    def start(self) -> None:
        self._metronome.start()

    def close(self) -> None:
        self._metronome.close()

    def join(self, timeout_s: float) -> bool:
        return self._metronome.join(timeout_s)

    @property
    def statistics(self) -> SoundStatistics:
        return SoundStatistics(self._metronome.statistics, self._encodes, self._contributors)

    def tick(self, n: int) -> None:
        """Plays sound tick ``n``: pull, mix, encode, send, record, judge."""
        time_ns = self._timeline.sound_tick_ns(n)
        snapshot = self.snapshot
        inputs: dict[str, NDArray[np.int16]] = {}
        gains: dict[str, float] = {}
        for source in snapshot.sounds:
            pcm = source.playout.pull(time_ns)
            if pcm is not None and source.heard:
                inputs[source.participant] = pcm
                gains[source.participant] = source.gain
        mixed = self._mixer.mix(inputs, gains)
        self._contributors = len(inputs)
        own = self._encode_own(snapshot.sounds, mixed.without, mixed.everyone, time_ns)
        if self._fanout.statistics.listeners:
            self._encodes += 1
            self._fanout.send(self._shared.encode(mixed.everyone), time_ns, own)
        for sink in self.sinks:
            sink.write_sound(mixed.everyone, time_ns)
        if n % JUDGE_EVERY_TICKS == 0:
            present = (source.participant for source in snapshot.sounds)
            self._judge({who: dbov(inputs[who]) if who in inputs else SILENT for who in present}, time_ns)

    def _encode_own(
        self,
        sounds: tuple[SoundInput, ...],
        without: Mapping[str, NDArray[np.int16]],
        everyone: NDArray[np.int16],
        time_ns: int,
    ) -> dict[Downlink, bytes]:
        payloads: dict[Downlink, bytes] = {}
        listening = {source.participant: source.downlink for source in sounds if source.downlink is not None}
        for who in without.keys() & listening.keys():
            mix = self._own.get(who)
            if mix is None:
                mix = self._own[who] = _OwnMix(OpusEncoder(self._bitrate_bps, expected_loss=EXPECTED_LOSS), time_ns)
            mix.last_contribution_ns = time_ns
        for who in list(self._own):
            mix = self._own[who]
            downlink = listening.get(who)
            if downlink is None or time_ns - mix.last_contribution_ns > OWN_MIX_HOLD_NS:
                self._own.pop(who).encoder.close()
                continue
            self._encodes += 1
            payloads[downlink] = mix.encoder.encode(without.get(who, everyone))
        return payloads

    def _judge(self, levels_dbov: dict[str, float], time_ns: int) -> None:
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

    def _free(self) -> None:
        self._shared.close()
        for mix in self._own.values():
            mix.encoder.close()
        self._own.clear()
