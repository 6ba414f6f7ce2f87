"""Sound without a hole out of the packets there are: decoded, repaired or invented, one piece behind the other."""

from collections.abc import Iterable
from typing import Final

import numpy as np

from mcu.frames import AudioPacket
from mcu.media.arrival import samples_ns
from mcu.media.claims import Claims
from mcu.media.concealment import ConcealingDecoder, holds_copy
from mcu.media.intake import Intake
from mcu.media.opus import CONCEALMENT_STEP, Samples
from mixer.levels import dbov

MAX_HOLE_SAMPLES = 24_000
"""A hole longer than half a second is not filled: playing begins anew behind it."""

MAX_PAUSE_SAMPLES = 2_880
"""A pause of the sender longer than 60 ms ends playing, so that the delay is right again at the next word."""

HUSHED_DBOV = -80.0
HUSHED_SAMPLES = 24_000
"""After half a second no louder than this, nothing is invented while the next packet is waited for: what follows is
silence as well, and each open microphone of a crowd would cost a decoder again and again."""

_NOTHING: Final[Samples] = np.empty(0, np.int16)


class Splicer:
    """What one stream plays next. ``cursor`` is the RTP time of the sample after the last one that waits to be played,
    ``expanded`` how many were invented there without moving on, ``lost`` a count of packets. One thread.
    """

    def __init__(self, decoder: ConcealingDecoder, intake: Intake, claims: Claims) -> None:
        self.playing = False
        self.cursor = 0
        self.expanded = 0
        self.lost = 0
        self._decoder = decoder
        self._arrivals = intake.arrivals
        self._window = intake.window
        self._claims = claims
        self._pcm = _NOTHING
        self._loud_until = 0
        """RTP time of the end of the last packet that wasn't silent."""

    @property
    def next_rtp(self) -> int:
        """RTP time of the sample that is played next, as far as it wasn't invented."""
        return self.cursor - self._pcm.size

    def renew(self) -> None:
        """Another stream follows."""
        self._decoder.begin()
        self._loud_until = 0
        self.clear()

    def begin(self, rtp: int, silence: int) -> None:
        """Plays the packet of this RTP time after so many samples of silence."""
        self._pcm = np.zeros(silence, np.int16)
        self.cursor = rtp
        self.playing = True

    def catch_up(self, primer: Iterable[AudioPacket], overdue: int) -> None:
        """Goes on after a time when nothing was decoded, in the middle of a packet if that is where one would be."""
        self._decoder.prime(primer)
        if overdue > 0:
            self._extend(0)
            self._pcm = self._pcm[overdue:]

    def stop(self) -> None:
        """What is there is still played, and nothing behind it."""
        self.playing = False
        self.expanded = 0

    def clear(self) -> None:
        """Nothing is played any more."""
        self.stop()
        self._pcm = _NOTHING

    def gather(self, wanted: int) -> None:
        """Sees to it that so many samples are there, unless playing stops."""
        while self.playing and self._pcm.size < wanted:
            self._extend(wanted - self._pcm.size)

    def take(self, wanted: int) -> Samples:
        """So many samples; silence where there are fewer."""
        chunk, self._pcm = self._pcm[:wanted], self._pcm[wanted:]
        if chunk.size < wanted:
            chunk = np.concatenate((chunk, np.zeros(wanted - chunk.size, np.int16)))
        return chunk

    def _extend(self, wanted: int) -> None:
        """Adds sound to ``_pcm`` or stops playing: each call adds samples, takes a packet or stops."""
        head = self._window.head()
        if head is None:
            self._wait(wanted)
            return
        hole = head.rtp - self.cursor - self.expanded
        if head.missing and holds_copy(head.packet):
            self._arrivals.repairable(head.packet.arrived_ns)
        if hole <= 0:
            self.lost += self._window.take()
            decoded = self._decoder.decode(head.packet)
            decoded_dbov = dbov(decoded)
            if decoded_dbov > HUSHED_DBOV:
                self._loud_until = head.rtp + decoded.size
            self._claims.measured(head.packet, decoded_dbov)
            self._arrivals.expect(samples_ns(decoded.size))
            self._append(decoded, head.rtp + decoded.size)
        elif hole > (MAX_HOLE_SAMPLES if head.missing else MAX_PAUSE_SAMPLES):
            self.stop()
        elif head.missing:
            filled = self._decoder.fill(hole, head.packet.payload)
            left = hole - filled.size
            self.lost += self._window.give_up(head.missing - -(-left * head.missing // hole))
            self._append(filled, head.rtp - left)
        else:
            self._append(np.zeros(hole, np.int16), head.rtp)

    def _wait(self, wanted: int) -> None:
        """Nothing is there: the sender pauses, or the network makes us wait for a while."""
        hushed = self.cursor - self._loud_until >= HUSHED_SAMPLES
        if hushed or self._decoder.pausing or self._decoder.faded:
            self.stop()
            return
        invented = self._decoder.invent(-(-wanted // CONCEALMENT_STEP) * CONCEALMENT_STEP)
        expanded = self.expanded + invented.size
        self._append(invented, self.cursor)
        self.expanded = expanded

    def _append(self, samples: Samples, cursor: int) -> None:
        self._pcm = np.concatenate((self._pcm, samples)) if self._pcm.size else samples
        self.cursor = cursor
        self.expanded = 0
