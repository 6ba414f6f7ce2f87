"""A gain for each speaker that brings quiet voices up and loud ones down, as slowly as a person at a desk would.

How loud somebody speaks is learnt from their speech alone: a level counts when it stands well above their own
background, so that a pause turns nothing up, and the gain rests while they are silent. It moves by a few decibels a
second and stays put while it is about right, which is why it doesn't pump: a syllable is over before it could follow.
"""

import math
from collections.abc import Mapping

from mixer.speech import QUIETEST_VOICE_DBOV, VOICE_ABOVE_NOISE_DB

TARGET_DBOV = -26.0
"""The nominal level of active speech (ITU-T P.56, G.169)."""

MAX_CHANGE_DB = 12.0
"""As far as a voice is turned up or down. More would bring up the room it is spoken in."""

STEP_DB = 0.06
"""A tick; 3 dB for each second of speech."""

RESTS_WITHIN_DB = 3.0
MOVES_UNTIL_DB = 0.5
"""The gain begins to move when it is off by the one, and goes on until it is off by the other."""

MEMORY_TICKS = 150
"""Three seconds of speech: the loudness of a sentence, not of its words."""

TRUSTED_TICKS = 50
"""Nothing is changed before a second of speech has been heard."""

WINDOW_TICKS = 40
"""The background is the quietest of one to two windows, 0.8 to 1.6 s: speech has a gap in that time, noise has none."""

AUDIBLE_DBOV = -90.0
"""Below is no background but a sender that is silent altogether (DTX)."""


class _Voice:
    __slots__ = ("gain_db", "loudness", "moving", "quietest_db", "ticks", "window_ticks")

    def __init__(self) -> None:
        self.quietest_db = (0.0, 0.0)  # in the last window, and in this one
        self.window_ticks = 0
        self.loudness = 0.0  # mean power of speech, 1 for full scale
        self.ticks = 0
        self.gain_db = 0.0
        self.moving = False

    def hear(self, dbov: float) -> None:
        if dbov < AUDIBLE_DBOV:
            return
        if dbov <= max(self._background_db(dbov) + VOICE_ABOVE_NOISE_DB, QUIETEST_VOICE_DBOV):
            return
        self.ticks = min(self.ticks + 1, MEMORY_TICKS)
        self.loudness += (10 ** (dbov / 10) - self.loudness) / self.ticks
        if self.ticks >= TRUSTED_TICKS:
            self._move()

    def _background_db(self, dbov: float) -> float:
        last, this = self.quietest_db
        this = min(this, dbov)
        self.window_ticks += 1
        self.quietest_db = (last, this) if self.window_ticks % WINDOW_TICKS else (this, 0.0)
        return min(last, this)

    def _move(self) -> None:
        wanted_db = TARGET_DBOV - 10 * math.log10(max(self.loudness, 1e-12))
        wanted_db = min(MAX_CHANGE_DB, max(-MAX_CHANGE_DB, wanted_db))
        off_db = wanted_db - self.gain_db
        self.moving = abs(off_db) > (MOVES_UNTIL_DB if self.moving else RESTS_WITHIN_DB)
        if self.moving:
            self.gain_db += min(STEP_DB, max(-STEP_DB, off_db))


class AutoGain:
    """The gains of a room's speakers. One thread."""

    def __init__(self) -> None:
        self._voices: dict[str, _Voice] = {}

    def update(self, levels_dbov: Mapping[str, float]) -> dict[str, float]:
        """The factor of each for this tick, 0.25 to 4, from their levels before any gain (dBov, −127 … 0). Whoever
        isn't there any more is forgotten: pass everybody who is present, silent or not.
        """
        self._voices = {who: self._voices.get(who) or _Voice() for who in levels_dbov}
        for who, level_dbov in levels_dbov.items():
            self._voices[who].hear(level_dbov)
        return {who: 10 ** (voice.gain_db / 20) for who, voice in self._voices.items()}
