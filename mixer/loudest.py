"""Whose voices enter the mix: the loudest few.

A hundred microphones that all hear a little room make a large noise, and each costs a decoder. So only so many are
mixed; who speaks up comes in at once, before their first sound is due, and nobody swaps back and forth.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass

from mixer.levels import SILENT

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000

FEWEST, MOST = 3, 8
"""Bounds of how many are mixed: fewer would cut into a lively talk, more are not understood."""

AUDIBLE_DBOV = -90.0
"""Below this is less than a bit of 16: such a stream takes nobody's place, nor one that is free."""

PEAK_HOLD_NS = 200 * NS_PER_MS
FALL_DB_PER_S = 60.0
"""A loudness counts for this long and falls then: the gap between two syllables costs nobody their place."""

HYSTERESIS_DB = 6.0
"""How much louder a newcomer must be than the one it takes the place of."""

STAY_NS = 400 * NS_PER_MS
"""Who came in stays at least this long while there is something to hear: two of the same loudness don't flap."""

MAX_STEP_NS = 100 * NS_PER_MS
"""A longer time between two choices counts as this much."""


@dataclass(slots=True)
class _Candidate:
    loudness_dbov: float
    peak_ns: int
    since_ns: int | None = None
    """Since when they are among the loudest."""


class Loudest:
    """Chooses the ``count`` loudest, tick by tick. One thread. Raises ``ValueError`` for a count out of bounds."""

    def __init__(self, count: int) -> None:
        if not FEWEST <= count <= MOST:
            raise ValueError(f"{FEWEST} to {MOST} voices are mixed, not {count}")
        self._count = count
        self._candidates: dict[str, _Candidate] = {}
        self._chosen_ns: int | None = None

    def choose(self, levels_dbov: Mapping[str, float], now_ns: int) -> Set[str]:
        """Who is mixed now, of those in ``levels_dbov`` (−127 … 0); with room for everybody, everybody audible.
        Call it every tick; who isn't in ``levels_dbov`` is forgotten.
        """
        step_ns = 0 if self._chosen_ns is None else min(MAX_STEP_NS, max(0, now_ns - self._chosen_ns))
        self._chosen_ns = now_ns
        self._candidates = {
            who: self._update(self._candidates.get(who), level_dbov, now_ns, step_ns)
            for who, level_dbov in levels_dbov.items()
        }
        audible = [who for who, one in self._candidates.items() if one.loudness_dbov >= AUDIBLE_DBOV]
        if len(audible) > self._count:
            audible = sorted(audible, key=lambda who: self._rank(self._candidates[who], now_ns))[: self._count]
        chosen = frozenset(audible)
        for who, one in self._candidates.items():
            one.since_ns = None if who not in chosen else now_ns if one.since_ns is None else one.since_ns
        return chosen

    @staticmethod
    def _update(one: _Candidate | None, level_dbov: float, now_ns: int, step_ns: int) -> _Candidate:
        if one is None:
            return _Candidate(level_dbov, now_ns)
        fallen_dbov = one.loudness_dbov
        if now_ns - one.peak_ns > PEAK_HOLD_NS:
            fallen_dbov = max(float(-SILENT), fallen_dbov - FALL_DB_PER_S * step_ns / NS_PER_S)
        if level_dbov >= fallen_dbov:
            one.loudness_dbov, one.peak_ns = level_dbov, now_ns
        else:
            one.loudness_dbov = fallen_dbov
        return one

    @staticmethod
    def _rank(one: _Candidate, now_ns: int) -> tuple[bool, float]:
        """Smallest first: who may stay, then by loudness."""
        if one.since_ns is None:
            return True, -one.loudness_dbov
        return now_ns - one.since_ns >= STAY_NS, -one.loudness_dbov - HYSTERESIS_DB
