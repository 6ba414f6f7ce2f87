"""The levels a sender claims for its packets (RFC 6464), and how far they can be believed.

Whoever is decoded is measured as well. What a sender claims above what its sound turns out to be is remembered and
taken off its later claims, so that a client which calls its silence loud keeps nobody out of the mix. The memory
fades, because a client may also mend its ways.
"""

from mcu.clock import NS_PER_MS, NS_PER_S
from mcu.frames import AudioPacket
from mixer.levels import SILENT

STALE_NS = 100 * NS_PER_MS
"""A claim counts until so long after its packet arrived: longer than any packet that is usual lasts."""

COMPARED_FROM_DBOV = -50.0
"""Claims below this win nobody a place in the mix, and in them encoders turn noise into true silence."""

TOLERATED_DB = 6.0
"""Coding, and measuring at another place, account for this much."""

MAX_EXAGGERATION_DB = 60.0
SMOOTHING = 1 / 8
FORGIVEN_DB_PER_S = 1.0


class Claims:
    """What one stream claims. Levels are in dBov, −127 to 0. One thread."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Another stream follows, whose claims are believed at first."""
        self._newest_dbov: float | None = None
        self._fresh = False
        self._arrived_ns = 0
        self._exaggeration_db = 0.0
        self._forgiven_ns: int | None = None

    def heard(self, packet: AudioPacket) -> None:
        """A packet of the stream arrived."""
        level, claimed = packet.level_dbov, None
        if level is not None:
            claimed = -float(level if 0 <= level <= SILENT else min(SILENT, max(0, level)))
            if self._fresh and self._newest_dbov is not None and self._newest_dbov > claimed:
                claimed = self._newest_dbov
        self._newest_dbov, self._fresh, self._arrived_ns = claimed, True, packet.arrived_ns

    def measured(self, packet: AudioPacket, measured_dbov: float) -> None:
        """A packet was decoded, and its sound is this loud."""
        if packet.level_dbov is None or -packet.level_dbov < COMPARED_FROM_DBOV:
            return
        above_db = min(MAX_EXAGGERATION_DB, max(-MAX_EXAGGERATION_DB, -packet.level_dbov - measured_dbov))
        self._exaggeration_db = max(0.0, self._exaggeration_db + (above_db - self._exaggeration_db) * SMOOTHING)

    def believed_dbov(self, now_ns: int) -> float | None:
        """The loudest claim since the last call, or the newest there is; −127 when nothing came for a while, None when
        this stream claims nothing.
        """
        if self._exaggeration_db:
            self._forgive(now_ns)
        else:
            self._forgiven_ns = now_ns
        self._fresh = False
        if self._newest_dbov is None:
            return None
        if now_ns - self._arrived_ns > STALE_NS:
            return float(-SILENT)
        if self._exaggeration_db <= TOLERATED_DB:
            return self._newest_dbov
        return max(float(-SILENT), self._newest_dbov - self._exaggeration_db)

    def _forgive(self, now_ns: int) -> None:
        last_ns, self._forgiven_ns = self._forgiven_ns, now_ns
        if last_ns is not None and now_ns > last_ns:
            self._exaggeration_db -= FORGIVEN_DB_PER_S * (now_ns - last_ns) / NS_PER_S
            self._exaggeration_db = max(0.0, self._exaggeration_db)
