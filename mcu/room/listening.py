"""What people hear: one stream for all who only listen, one of their own for each who speaks.

Somebody who falls silent keeps their own for a while, so that the change of encoder doesn't fall into every pause.
"""

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

    def send(self, sounds: tuple[SoundInput, ...], mixed: Mixed, time_ns: int) -> None:
        """Sends the tick that begins at ``time_ns``, room time, to everybody who listens."""
        own = self._encode_own(sounds, mixed.without, mixed.everyone, time_ns)
        if self._fanout.statistics.listeners:
            self.encodes += 1
            self._fanout.send(self._shared.encode(mixed.everyone), time_ns, own)

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
            self.encodes += 1
            payloads[downlink] = mix.encoder.encode(without.get(who, everyone))
        return payloads

    def close(self) -> None:
        """Frees the encoders. Idempotent."""
        self._shared.close()
        for mix in self._own.values():
            mix.encoder.close()
        self._own.clear()
