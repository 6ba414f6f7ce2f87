"""What people hear: one stream for all who only listen, one of their own for each who speaks.

Listeners who asked for another packet time or for two channels share a stream of that form, while somebody uses it.
Somebody who falls silent keeps their own stream for a while, so that the change doesn't fall into every pause; how a
change is made inaudible is told in ``mcu/media/sound_stream.py``.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from mcu.clock import NS_PER_S
from mcu.frames import SoundForm, SoundPacket
from mcu.media.sound_stream import RecentSound, SoundQuality, SoundStream
from mcu.room.loss_guard import Guard, LossGuard
from mcu.room.snapshot import SoundInput
from mcu.rtc.downlink import Downlink, SoundLane
from mcu.rtc.sender import AudioFanout
from mixer.sound import Mixed

OWN_MIX_HOLD_NS = 2 * NS_PER_S
"""Somebody who falls silent keeps a mix of their own for this long. Both encoders hear the same in that time, and come
to agree; a change after half a second makes steps of up to twice the usual size in a loud tone."""

MOST_HELD = 2
"""At most so many who don't speak any more keep theirs: in a room full of open microphones somebody falls silent all
the time, and each would cost an encoder."""

JUDGE_INTERVAL_NS = NS_PER_S


class _Roll:
    """What stays as it is from tick to tick, until listeners come or go: a crowd is not asked each time."""

    def __init__(
        self, listeners: tuple[tuple[SoundLane, Downlink], ...] = (), sounds: tuple[SoundInput, ...] = ()
    ) -> None:
        self.listeners = listeners
        self.sounds = sounds
        self.lanes = {downlink: lane for lane, downlink in listeners}
        self.forms = Counter(lane.form for lane, _ in listeners)
        self.ears = {
            source.participant: source.downlink
            for source in sounds
            if source.downlink is not None and source.downlink in self.lanes
        }
        """Where each who may speak listens."""

    def is_of(self, listeners: tuple[tuple[SoundLane, Downlink], ...], sounds: tuple[SoundInput, ...]) -> bool:
        return listeners is self.listeners and sounds is self.sounds


@dataclass(slots=True)
class _Output:
    """A stream, and what is known of the losses of those who hear it."""

    stream: SoundStream
    guard: LossGuard = field(default_factory=LossGuard)


@dataclass(slots=True)
class _OwnMix:
    output: _Output
    form: SoundForm
    recent: RecentSound
    last_contribution_ns: int


class Listening:
    """Encodes the mixes of one tick and sends them through ``fanout``. Belongs to the sound thread.

    ``bitrate_bps`` is that of one channel without a guard against loss; ``music`` for more than voices.
    """

    def __init__(self, fanout: AudioFanout, *, bitrate_bps: int, music: bool = False) -> None:
        self.encodes = 0
        """Opus packets made since the beginning; a silence takes none."""
        self.streams = 0
        """Encoders at work: one of each form that somebody hears, and one of each who speaks."""
        self._fanout = fanout
        self._quality = SoundQuality(bitrate_bps, music=music)
        self._recent = RecentSound()
        self._shared: dict[SoundForm, _Output] = {}
        self._own: dict[Downlink, _OwnMix] = {}
        self._encoded_before = 0
        self._judge_ns = 0
        self._roll = _Roll()

    def send(self, sounds: tuple[SoundInput, ...], mixed: Mixed, time_ns: int) -> None:
        """Sends the tick that begins at ``time_ns``, room time, to everybody who listens."""
        listeners = self._fanout.listeners
        if not self._roll.is_of(listeners, sounds):
            self._roll = _Roll(listeners, sounds)
        own = self._own_packets(mixed, time_ns)
        self._recent.add(mixed.everyone, time_ns)
        shared = self._shared_packets(time_ns)
        if listeners:
            self._fanout.deliver(shared, own)
        if time_ns >= self._judge_ns:
            self._judge_ns = time_ns + JUDGE_INTERVAL_NS
            self._judge(time_ns)
        self.encodes = self._encoded_before + sum(output.stream.encodes for output in self._outputs())
        self.streams = len(self._shared) + len(self._own)

    def hand_over(self, downlink: Downlink, to: "Listening") -> None:
        """A listener hears another mix from now on, as one of those in its ``without`` to begin with. Their stream goes
        along, or one that has heard what they have: nothing but its sound changes.
        """
        mix = self._own.pop(downlink, None)
        if mix is None and downlink.audio is not None:
            form = _heard_as(downlink.audio.form, self._recent.channels)
            mix = _OwnMix(self._made(form), form, self._recent.fork(), 0)
        if mix is not None:
            to._own[downlink] = mix

    def _own_packets(self, mixed: Mixed, time_ns: int) -> dict[Downlink, SoundPacket | None]:
        """One for each who speaks, or has just spoken."""
        lanes, ears = self._roll.lanes, self._roll.ears
        speaking = {ears[who]: who for who in mixed.without if who in ears}
        for downlink in speaking:
            self._speaks(downlink, lanes[downlink], mixed.everyone.ndim, time_ns)
        self._let_go(speaking, time_ns)
        packets: dict[Downlink, SoundPacket | None] = {}
        for downlink, mix in self._own.items():
            who = speaking.get(downlink)
            mix.recent.add(mixed.everyone if who is None else mixed.without[who], time_ns)
            packets[downlink] = mix.output.stream.encode(mix.recent, time_ns)
        return packets

    def _let_go(self, speaking: Mapping[Downlink, str], time_ns: int) -> None:
        """Those who listen no more, or have been silent for long, or longest, share everybody's stream again."""
        held = sorted(
            (downlink for downlink in self._own if downlink not in speaking),
            key=lambda downlink: -self._own[downlink].last_contribution_ns,
        )
        for place, downlink in enumerate(held):
            silent_ns = time_ns - self._own[downlink].last_contribution_ns
            if place >= MOST_HELD or downlink not in self._roll.lanes or silent_ns > OWN_MIX_HOLD_NS:
                self._retire(self._own.pop(downlink).output)

    def _speaks(self, downlink: Downlink, lane: SoundLane, channels: int, time_ns: int) -> None:
        mix, form = self._own.get(downlink), _heard_as(lane.form, channels)
        if mix is None or mix.form != form:
            recent = self._recent.fork() if mix is None else mix.recent
            if mix is not None:
                self._retire(mix.output)
            mix = self._own[downlink] = _OwnMix(self._made(form), form, recent, time_ns)
            self._protect(mix.output, [lane.fraction_lost], time_ns)
        mix.last_contribution_ns = time_ns

    def _shared_packets(self, time_ns: int) -> dict[SoundForm, SoundPacket]:
        """One for each form that is heard by somebody who hasn't their own. Encoders that nobody needs are let go."""
        lanes = self._roll.lanes
        apart = Counter(lanes[downlink].form for downlink in self._own)
        wished = {form for form, count in self._roll.forms.items() if count > apart[form]}
        heard_as = {form: _heard_as(form, self._recent.channels) for form in wished}
        for form in self._shared.keys() - heard_as.values():
            self._retire(self._shared.pop(form))
        made: dict[SoundForm, SoundPacket | None] = {}
        for form in set(heard_as.values()):
            output = self._shared.get(form)
            if output is None:
                output = self._shared[form] = self._made(form)
            made[form] = output.stream.encode(self._recent, time_ns)
        return {form: packet for form, real in heard_as.items() if (packet := made[real]) is not None}

    def _judge(self, time_ns: int) -> None:
        losses: dict[SoundForm, list[float]] = {form: [] for form in self._shared}
        for downlink, lane in self._roll.lanes.items():
            mix = self._own.get(downlink)
            if mix is not None:
                self._protect(mix.output, [lane.fraction_lost], time_ns)
            elif (form := _heard_as(lane.form, self._recent.channels)) in losses:
                losses[form].append(lane.fraction_lost)
        for form, reported in losses.items():
            self._protect(self._shared[form], reported, time_ns)

    def _protect(self, output: _Output, reported: list[float], time_ns: int) -> None:
        output.stream.quality = self._guarded(output.guard.judge(reported, time_ns))

    def _guarded(self, guard: Guard) -> SoundQuality:
        bitrate_bps = round(self._quality.bitrate_bps * guard.bitrate)
        return replace(self._quality, bitrate_bps=bitrate_bps, expected_loss=guard.expected_loss)

    def _made(self, form: SoundForm) -> _Output:
        return _Output(SoundStream(form, self._quality))

    def _retire(self, output: _Output) -> None:
        self._encoded_before += output.stream.encodes
        output.stream.close()

    def _outputs(self) -> Iterator[_Output]:
        yield from self._shared.values()
        for mix in self._own.values():
            yield mix.output

    def close(self) -> None:
        """Frees the encoders. Idempotent."""
        for output in list(self._outputs()):
            self._retire(output)
        self._shared.clear()
        self._own.clear()


def _heard_as(form: SoundForm, channels: int) -> SoundForm:
    """Of a mix with one channel nobody gets two."""
    return form if channels == 2 else SoundForm(form.packet_ms)
