"""One Opus stream of a mix: ticks in, packets of 20, 40 or 60 ms out, next to nothing in a silence.

A stream may be taken up at any tick, by listeners who until then were fed from another one. Their decoders go on from
what they heard, so a new encoder would click: 45 to 95 times the steps that a steady tone has (voices: up to 10 times).
Therefore it first encodes the last tenth of a second of what they heard, and throws that away: 0.9 to 1.2 times.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcu.clock import NS_PER_MS
from mcu.frames import SoundForm, SoundPacket
from mcu.media.opus import OpusEncoder, silence_like
from mixer.timeline import SOUND_TICK_NS

PRIMING_TICKS = 6
"""How much of the sound so far an encoder hears first. Five ticks are as good as ten, and six make whole packets."""

SIGN_OF_LIFE_NS = 400 * NS_PER_MS
"""In a silence one packet this often; libopus has the same habit."""

QUIET_PEAK = 8
"""Samples of at most this (−72 dBFS) are as good as none. The judgement is not left to the encoder's own DTX: it takes
a tone that lasts for noise, and lets it fade away."""

LEAD_NS = 200 * NS_PER_MS
"""So long a silence is encoded like any sound, until decoders have nothing left to ring with."""

MAX_PACKET_BYTES = 1200
"""What crosses the Internet in one piece, with its headers."""

Samples = NDArray[np.int16]


class RecentSound:
    """The last ticks of a mix, as somebody heard it. One thread; chunks are kept, not copied.

    A chunk is int16 of shape (960,), or (960, 2) for two channels.
    """

    def __init__(self, ticks: Iterable[Samples] = (), end_ns: int = 0) -> None:
        self._ticks = deque(ticks, maxlen=PRIMING_TICKS + 3)
        self._end_ns = end_ns

    def add(self, chunk: Samples, time_ns: int) -> None:
        """The tick that begins at ``time_ns``; after a hole, what was before is forgotten."""
        if time_ns != self._end_ns:
            self._ticks.clear()
        self._ticks.append(chunk)
        self._end_ns = time_ns + SOUND_TICK_NS

    def fork(self) -> "RecentSound":
        """The same past, for somebody who hears something else from now on."""
        return RecentSound(self._ticks, self._end_ns)

    @property
    def channels(self) -> int:
        return 2 if self._ticks and self._ticks[-1].ndim == 2 else 1

    def packet(self, ticks: int, channels: int) -> Samples | None:
        """The last ``ticks`` in one piece; None where there are not so many without a hole."""
        if len(self._ticks) < ticks:
            return None
        return _joined(list(self._ticks)[-ticks:], channels)

    def before(self, ticks: int, channels: int) -> list[Samples]:
        """What was before the last ``ticks``, in pieces as long as those."""
        past = list(self._ticks)[:-ticks]
        first = len(past) - min(PRIMING_TICKS, len(past)) // ticks * ticks
        return [_joined(past[at : at + ticks], channels) for at in range(first, len(past), ticks)]


def _joined(ticks: list[Samples], channels: int) -> Samples:
    shaped = [_in_channels(tick, channels) for tick in ticks]
    return shaped[0] if len(shaped) == 1 else np.concatenate(shaped)


def _in_channels(tick: Samples, channels: int) -> Samples:
    if tick.ndim == channels:
        return tick
    if channels == 2:
        return np.stack((tick, tick), axis=1)
    folded: Samples = (tick.sum(axis=1, dtype=np.int32) >> 1).astype(np.int16)
    return folded


@dataclass(frozen=True, slots=True)
class SoundQuality:
    """``bitrate_bps`` of one channel, two take half as much again; ``expected_loss`` 0 to 1, for FEC."""

    bitrate_bps: int
    expected_loss: float = 0.0
    music: bool = False


class SoundStream:
    """Encodes one mix in one form. Belongs to the sound thread.

    ``quality`` may be changed between any two packets, but for ``music``. Encoders are not pooled: to make one takes
    30 µs, to encode a packet 150.
    """

    def __init__(self, form: SoundForm, quality: SoundQuality) -> None:
        self.encodes = 0
        self._channels = form.channels
        self._ticks = form.packet_ms * NS_PER_MS // SOUND_TICK_NS
        self._quality = quality
        self._encoder = OpusEncoder(
            self._bitrate_bps,
            channels=form.channels,
            inband_fec=not quality.music,
            expected_loss=quality.expected_loss,
            music=quality.music,
            max_packet_bytes=MAX_PACKET_BYTES,
        )
        self._end_ns: int | None = None
        self._quiet_ns: int | None = None
        self._silence = b""
        self._told_ns: int | None = None

    @property
    def _bitrate_bps(self) -> int:
        return self._quality.bitrate_bps * (1 + self._channels) // 2

    @property
    def quality(self) -> SoundQuality:
        return self._quality

    @quality.setter
    def quality(self, quality: SoundQuality) -> None:
        if quality != self._quality:
            self._quality = quality
            self._encoder.set_bitrate(self._bitrate_bps)
            self._encoder.set_expected_loss(quality.expected_loss)

    def encode(self, recent: RecentSound, time_ns: int) -> SoundPacket | None:
        """The packet that ends with the tick that begins at ``time_ns``, the last of ``recent``; None where none does.

        Packets of one form end with the same ticks in every stream, so that a listener may change between any two.
        """
        if (time_ns // SOUND_TICK_NS + 1) % self._ticks:
            return None
        pcm = recent.packet(self._ticks, self._channels)
        if pcm is None:
            return None
        end_ns = time_ns + SOUND_TICK_NS
        began_ns = end_ns - self._ticks * SOUND_TICK_NS
        if began_ns != self._end_ns:
            self._begin(recent.before(self._ticks, self._channels))
        self._end_ns = end_ns
        return self._silent(pcm, began_ns) or self._encoded(pcm, began_ns)

    def _begin(self, past: list[Samples]) -> None:
        self._encoder.reset()
        self._quiet_ns = self._told_ns = None
        if any(pcm.any() for pcm in past):
            for pcm in past:
                self._encoder.encode(pcm)

    def _encoded(self, pcm: Samples, began_ns: int) -> SoundPacket:
        payload = self._encoder.encode(pcm)
        self.encodes += 1
        self._told_ns = None
        self._silence = silence_like(payload)
        return SoundPacket(payload, began_ns)

    def _silent(self, pcm: Samples, began_ns: int) -> SoundPacket | None:
        """What stands for a silence that has lasted; it needs no encoder."""
        if int(pcm.max()) > QUIET_PEAK or int(pcm.min()) < -QUIET_PEAK:
            self._quiet_ns = None
            return None
        if self._quiet_ns is None:
            self._quiet_ns = began_ns
        if began_ns - self._quiet_ns < LEAD_NS:
            return None
        spare = self._told_ns is not None and began_ns - self._told_ns < SIGN_OF_LIFE_NS
        if not spare:
            self._told_ns = began_ns
        return SoundPacket(self._silence, began_ns, silent=True, spare=spare)

    def close(self) -> None:
        """Frees the encoder. Idempotent."""
        self._encoder.close()
