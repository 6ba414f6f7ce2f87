"""What people hear: one stream for all who only listen, one of their own for each who speaks.

Somebody who falls silent keeps their own for a while, so that the change of encoder doesn't fall into every pause.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcu.clock import NS_PER_S
from mcu.media.opus import OpusEncoder
from mcu.room.snapshot import SoundInput
from mcu.rtc.downlink import Downlink
from mcu.rtc.sender import AudioFanout
from mixer.sound import Mixed

OWN_MIX_HOLD_NS = 2 * NS_PER_S
"""Somebody who falls silent keeps a mix of their own for this long: a change of encoder at each pause would click."""

EXPECTED_LOSS = 0.1
"""From here on libopus puts a copy of the last packet into the next at 32 kbit/s; below it never does."""


PRIMING_TICKS = 2
"""What an encoder of one's own hears of the shared mix before its first packet."""


@dataclass(slots=True)
class _OwnMix:
    encoder: OpusEncoder
    last_contribution_ns: int


class Listening:
    """Encodes the mixes of one tick and sends them through ``fanout``. Belongs to the sound thread."""

    def __init__(self, fanout: AudioFanout, *, bitrate_bps: int) -> None:
        self.encodes = 0
        """Opus packets made since the beginning."""
        self._fanout = fanout
        self._bitrate_bps = bitrate_bps
        self._shared = OpusEncoder(bitrate_bps, expected_loss=EXPECTED_LOSS)
        self._own: dict[str, _OwnMix] = {}
        self._before: deque[NDArray[np.int16]] = deque(maxlen=PRIMING_TICKS)

    def send(self, sounds: tuple[SoundInput, ...], mixed: Mixed, time_ns: int) -> None:
        """Sends the tick that begins at ``time_ns``, room time, to everybody who listens."""
        own = self._encode_own(sounds, mixed.without, mixed.everyone, time_ns)
        if self._fanout.statistics.listeners:
            self.encodes += 1
            self._fanout.send(self._shared.encode(mixed.everyone), time_ns, own)
        self._before.append(mixed.everyone)

    def hand_over(self, who: str, to: "Listening") -> None:
        """Somebody hears another mix from now on. Their stream goes along, so that nothing but its sound changes."""
        to._own[who] = self._own.pop(who) if who in self._own else self._begin(0)

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
                mix = self._own[who] = self._begin(time_ns)
            mix.last_contribution_ns = time_ns
        for who in list(self._own):
            mix = self._own[who]
            downlink = listening.get(who)
            if downlink is None or time_ns - mix.last_contribution_ns > OWN_MIX_HOLD_NS:
                self._own.pop(who).encoder.close()
                continue
            self.encodes += 1
            payloads[downlink] = mix.encoder.encode(without.get(who, everyone))
        return payloads

    def _begin(self, time_ns: int) -> _OwnMix:
        """A stream for somebody who has heard the shared one: its encoder has heard the same, or it would begin from
        silence, with an edge.
        """
        encoder = OpusEncoder(self._bitrate_bps, expected_loss=EXPECTED_LOSS)
        for pcm in self._before:
            encoder.encode(pcm)
        return _OwnMix(encoder, time_ns)

    def close(self) -> None:
        """Frees the encoders. Idempotent."""
        self._shared.close()
        for mix in self._own.values():
            mix.encoder.close()
        self._own.clear()
