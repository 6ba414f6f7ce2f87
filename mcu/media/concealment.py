"""Decodes the packets there are and makes up for those there are not."""

from collections.abc import Iterable

import numpy as np
import structlog

from mcu.frames import SAMPLES_PER_TICK, AudioPacket
from mcu.media.opus import OpusDecoder, OpusError, Samples, has_fec, packet_samples
from mixer.levels import SILENT

log = structlog.get_logger()

FADE_FROM_SAMPLES = 2_880
FADE_UNTIL_SAMPLES = 9_600
"""Invented sound is as strong as libopus makes it for 60 ms, and gone after 200 ms: longer, it hums like a machine."""

DTX_BYTES = 2
"""Opus packets up to this size say that silence follows (RFC 6716, section 2.1.9)."""


def packet_duration(packet: AudioPacket) -> int:
    """How many samples a packet holds; 20 ms of them when it is damaged."""
    try:
        return packet_samples(packet.payload)
    except OpusError:
        return SAMPLES_PER_TICK


def holds_copy(packet: AudioPacket) -> bool:
    """Whether a packet brings a copy of the one before it (in-band FEC)."""
    try:
        return has_fec(packet.payload)
    except OpusError:
        return False


class ConcealingDecoder:
    """One stream's decoder and what it had to invent. One thread.

    ``concealed_samples``, ``fec_recovered`` (holes filled from a copy) and ``damaged`` (packets) are counts.
    """

    def __init__(self, decoder: OpusDecoder) -> None:
        self._decoder = decoder
        self._invented_run = 0
        self._was_silent = False
        self.pausing = False
        self.concealed_samples = 0
        self.fec_recovered = 0
        self.damaged = 0

    def begin(self) -> None:
        """Another stream follows."""
        self._decoder.reset()
        self._invented_run = 0
        self._was_silent = False
        self.pausing = False

    def prime(self, packets: Iterable[AudioPacket]) -> None:
        """Decodes the packets right before the next one for nobody to hear, after a time when nothing was decoded: a
        decoder that knows nothing of what came before takes some packets to sound right.
        """
        self.begin()
        for packet in packets:
            try:
                self._decoder.decode(packet.payload)
            except OpusError:
                continue

    def decode(self, packet: AudioPacket) -> Samples:
        """A packet's sound; 20 ms of invented sound when it is damaged.

        ``pausing`` tells afterwards whether the sender said that it sends nothing for a while (DTX). A packet that
        says it is silent needn't be decoded: most of a large room is muted most of the time. The first of them is,
        so that the sound before it ends as it should.
        """
        silent = packet.level_dbov == SILENT
        try:
            if silent and self._was_silent:
                decoded = np.zeros(packet_samples(packet.payload), np.int16)
            else:
                decoded = self._decoder.decode(packet.payload)
            self._invented_run = 0
        except OpusError as error:
            self.damaged += 1
            log.debug("audio_packet_damaged", ssrc=packet.ssrc, error=str(error))
            decoded = self.invent(SAMPLES_PER_TICK)
        self._was_silent = silent
        self.pausing = len(packet.payload) <= DTX_BYTES
        return decoded

    def fill(self, hole: int, payload: bytes) -> Samples:
        """The next samples of a hole of lost packets that ends where ``payload`` begins: at most ``hole`` of them.

        What comes before the copy inside ``payload`` is invented; the copy is the end of the hole.
        """
        try:
            copied = packet_samples(payload) if has_fec(payload) else 0
            if hole <= copied:
                filled = self._decoder.decode_fec(payload, hole)[-hole:]
                self.fec_recovered += 1
                self._invented_run = 0
                return filled
        except OpusError:
            copied = 0
        return self.invent(min(hole - copied, SAMPLES_PER_TICK))

    def invent(self, samples: int) -> Samples:
        """Concealment of up to 200 ms, fading out with the length of the gap."""
        run, self._invented_run = self._invented_run, self._invented_run + samples
        self.concealed_samples += samples
        if run >= FADE_UNTIL_SAMPLES:
            return np.zeros(samples, np.int16)
        invented = self._decoder.conceal(samples)[:samples]
        if self._invented_run <= FADE_FROM_SAMPLES:
            return invented
        left = (FADE_UNTIL_SAMPLES - np.arange(run, run + invented.size)) / (FADE_UNTIL_SAMPLES - FADE_FROM_SAMPLES)
        fading: Samples = np.rint(invented * np.clip(left, 0.0, 1.0)).astype(np.int16)
        return fading

    @property
    def faded(self) -> bool:
        """Whether nothing is left to hear of what is invented."""
        return self._invented_run >= FADE_UNTIL_SAMPLES

    def close(self) -> None:
        self._decoder.close()
