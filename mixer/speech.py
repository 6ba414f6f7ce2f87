"""Who speaks, and who has the floor.

Works on levels alone (RFC 6464, or measured from decoded sound), so nobody has to be decoded to be noticed. A level
counts as voice when it is well above that person's own background, has been for longer than a key that is hit, and
moves as speech does: a fan stands still, and keys jump. Voice fills a measure of activity, quiet empties it: what is
too short to fill it, a cough or a door, never gets the floor. The idea of judging several lengths of time at once is
Volfin and Cohen's ("Dominant speaker identification for multipoint videoconferencing", 2013).
"""

from collections.abc import Mapping
from dataclasses import dataclass

NS_PER_MS = 1_000_000

VOICE_ABOVE_NOISE_DB = 12.0
QUIETEST_VOICE_DBOV = -55.0
"""Nothing below this is voice, however quiet the room."""

NOISE_START_DBOV = -70.0
NOISE_CEILING_DBOV = -50.0
"""The background is never taken to be louder than this: a steady voice must not turn into noise."""

NOISE_RISE_DB_PER_S = 1.0
"""How fast a background that became louder is believed. Falling is believed at once."""

SHORTEST_VOICE_MS = 90.0
"""A sound counts from here on, and then from its beginning: keys and clicks are shorter, syllables longer."""

STEADY_DB = 1.2
STEADY_BELOW_DBOV = -36.0
"""A sound that changes by less than this from level to level, and is no louder than this, is a fan or a hum. Speech
changes by 3 to 8 dB."""

JUMPING_DB = 11.0
"""One that changes by more than this is a row of clicks."""

MOVEMENT_MS = 150.0
"""Time constant of the changes' average."""

FILL_MS = 400.0
EMPTY_MS = 600.0
"""Voice that fills the measure from 0 to 1, and quiet that empties it."""

SPEAKS_FROM = 0.4
SPEAKS_UNTIL = 0.15
"""Between the two a person goes on doing what they did. 0.4 is reached after 160 ms of voice."""

FLOOR_FROM = 0.75
"""The activity that takes the floor: 300 ms of voice."""

HOLD_MS = 2000.0
"""Who got the floor keeps it this long against others who speak too."""

HOLDER_SILENT_MS = 300.0
"""A holder quiet for this long is no longer protected."""

LOUDER_DB = 6.0
"""After the hold, how much louder one has to be to talk down a holder who goes on speaking."""

LOUDNESS_MS = 300.0
"""Time constant of the smoothed loudness."""

FADE_IN_MS = 150.0
FADE_OUT_MS = 400.0
"""The whole way of the border, from nothing to full strength and back."""

MAX_STEP_MS = 100.0
"""A longer pause between two updates counts as this much: a stall must not make speech out of a click."""

SILENT_DBOV = -127.0
FORGOTTEN_DBOV = -120.0
"""Somebody whose smoothed loudness is below this, and who stays silent, is not looked at again."""

LEVEL_RANGE_DB = 60.0
"""Levels are handed out as 0 (60 dB below overload, or quieter) to 1 (overload)."""


@dataclass(frozen=True, slots=True)
class Speech:
    """``active``: who speaks now and how loud (0 to 1), loudest first. ``dominant``: who has the floor; it stays with
    the last one who had it until somebody else speaks or they leave. ``border``: strength of the speaker border, above
    0 to 1; who is missing has none.
    """

    active: tuple[tuple[str, float], ...]
    dominant: str | None
    border: Mapping[str, float]


class _Voice:
    """What is known of one person."""

    __slots__ = (
        "activity", "border", "last_db", "loudness_db", "movement_db", "noise_db", "resting", "run_ms", "silent_ms",
        "speaking",
    )  # fmt: skip

    def __init__(self) -> None:
        self.noise_db = NOISE_START_DBOV
        self.loudness_db = -127.0
        self.activity = 0.0
        self.silent_ms = 0.0
        self.speaking = False
        self.border = 0.0
        self.last_db = -127.0
        self.run_ms = 0.0
        """For how long there has been a sound."""
        self.movement_db = 0.0
        """By how much its level changes from one update to the next."""
        self.resting = False
        """Silent for so long that more silence changes nothing."""

    def update(self, dbov: float, step_ms: float) -> None:
        self.noise_db = min(dbov, self.noise_db + NOISE_RISE_DB_PER_S * step_ms / 1000, NOISE_CEILING_DBOV)
        self.noise_db = max(self.noise_db, -127.0)
        self.loudness_db += (dbov - self.loudness_db) * min(1.0, step_ms / LOUDNESS_MS)
        voice_ms = self._voice_ms(dbov, step_ms)
        if voice_ms is None:
            pass
        elif voice_ms > 0.0:
            self.activity = min(1.0, self.activity + voice_ms / FILL_MS)
            self.silent_ms = 0.0
        else:
            self.activity = max(0.0, self.activity - step_ms / EMPTY_MS)
            self.silent_ms += step_ms
        self.speaking = self.activity >= (SPEAKS_UNTIL if self.speaking else SPEAKS_FROM)
        change = step_ms / FADE_IN_MS if self.speaking else -step_ms / FADE_OUT_MS
        self.border = min(1.0, max(0.0, self.border + change))
        self.resting = (
            dbov <= SILENT_DBOV
            and self.silent_ms >= HOLDER_SILENT_MS
            and self.loudness_db < FORGOTTEN_DBOV
            and not self.activity
            and not self.border
        )

    def _voice_ms(self, dbov: float, step_ms: float) -> float | None:
        """How much voice this level adds; 0 for none, None while that can't be told yet."""
        change_db, self.last_db = abs(dbov - self.last_db), dbov
        if dbov <= max(self.noise_db + VOICE_ABOVE_NOISE_DB, QUIETEST_VOICE_DBOV):
            self.run_ms = 0.0
            return 0.0
        before_ms, self.run_ms = self.run_ms, self.run_ms + step_ms
        if before_ms == 0.0:
            # The step up from quiet is no movement; what a sound is, shows by and by.
            self.movement_db = (STEADY_DB + JUMPING_DB) / 2
        else:
            self.movement_db += (change_db - self.movement_db) * min(1.0, step_ms / MOVEMENT_MS)
        if self.run_ms < SHORTEST_VOICE_MS:
            return None
        if self.movement_db > JUMPING_DB or (self.movement_db < STEADY_DB and dbov < STEADY_BELOW_DBOV):
            return 0.0
        return self.run_ms if before_ms < SHORTEST_VOICE_MS else step_ms

    @property
    def level(self) -> float:
        return min(1.0, max(0.0, 1.0 + self.loudness_db / LEVEL_RANGE_DB))


class SpeakerDetector:
    """Turns levels into speakers, with one state per person. One thread."""

    def __init__(self) -> None:
        self._voices: dict[str, _Voice] = {}
        self._lively: dict[str, _Voice] = {}
        """Those of them who don't rest."""
        self._dominant: str | None = None
        self._held_ms = 0.0
        self._updated_ns: int | None = None

    def update(self, levels_dbov: Mapping[str, float], now_ns: int) -> Speech:
        """Takes the newest level of everybody in the room; call it every 20 to 100 ms.

        A level is a distance in decibels below the overload point; the sign doesn't matter, 30 (RFC 6464) and −30.0
        (dBov) are the same. Somebody who sends nothing has level 127; who isn't in ``levels_dbov`` has left, and what
        was known of them is forgotten.
        """
        step_ms = self._step_ms(now_ns)
        if levels_dbov.keys() != self._voices.keys():
            self._voices = {who: self._voices.get(who) or _Voice() for who in levels_dbov}
        self._lively = self._heard(levels_dbov, step_ms)
        self._give_floor(step_ms)
        speaking = [(who, voice.level) for who, voice in self._lively.items() if voice.speaking]
        speaking.sort(key=lambda speaker: -speaker[1])
        border = {who: voice.border for who, voice in self._lively.items() if voice.border > 0.0}
        return Speech(tuple(speaking), self._dominant, border)

    def _heard(self, levels_dbov: Mapping[str, float], step_ms: float) -> dict[str, _Voice]:
        """Tells everybody's voice its level; those that are worth a look. In a crowd nearly everybody is silent."""
        lively = {}
        for who, level in levels_dbov.items():
            voice = self._voices[who]
            if voice.resting and abs(level) >= -SILENT_DBOV:
                continue
            voice.update(-min(127.0, abs(float(level))), step_ms)
            lively[who] = voice
        return lively

    def _step_ms(self, now_ns: int) -> float:
        last_ns, self._updated_ns = self._updated_ns, now_ns
        if last_ns is None:
            return 0.0
        return min(MAX_STEP_MS, max(0.0, (now_ns - last_ns) / NS_PER_MS))

    def _give_floor(self, step_ms: float) -> None:
        self._held_ms += step_ms
        holder = self._voices.get(self._dominant) if self._dominant is not None else None
        if holder is None:
            self._dominant = None
        challenger = self._challenger()
        if challenger is None or (holder is not None and not self._may_take(self._voices[challenger], holder)):
            return
        self._dominant = challenger
        self._held_ms = 0.0

    def _challenger(self) -> str | None:
        """The loudest of those who have spoken long enough for the floor and don't have it."""
        ready = [
            (voice.loudness_db, who)
            for who, voice in self._lively.items()
            if who != self._dominant and voice.activity >= FLOOR_FROM and voice.silent_ms < HOLDER_SILENT_MS
        ]
        return max(ready)[1] if ready else None

    def _may_take(self, challenger: _Voice, holder: _Voice) -> bool:
        if holder.silent_ms >= HOLDER_SILENT_MS:
            return True
        return self._held_ms >= HOLD_MS and challenger.loudness_db >= holder.loudness_db + LOUDER_DB
