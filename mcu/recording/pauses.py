"""When a recording is paused, in room time: what its owner ordered, and what of it the file has seen."""

from dataclasses import dataclass, replace
from itertools import pairwise

from mcu.clock import NS_PER_MS
from mcu.protocol.models import RecordingPause


@dataclass(frozen=True, slots=True)
class _Order:
    begin_ns: int
    end_ns: int | None = None

    def covers(self, time_ns: int) -> bool:
        return self.begin_ns <= time_ns and (self.end_ns is None or time_ns < self.end_ns)


class Pauses:
    """Orders are given by one thread (``begin``, ``end``) and followed by another (``notice``, ``is_over_at``,
    ``go_on``); ``listed`` and the other properties may be read by any. Orders say times, not "now": frames and blocks
    that wait for the disk belong where their time puts them.
    """

    def __init__(self) -> None:
        self._ordered: tuple[_Order, ...] = ()
        # From here on: written by the thread that follows alone.
        self._past: tuple[RecordingPause, ...] = ()
        self._cut_ns: int | None = None
        self._cut_at_s = 0.0

    @property
    def ordered(self) -> bool:
        """It is to be paused now, whether or not the file knows."""
        return bool(self._ordered) and self._ordered[-1].end_ns is None

    @property
    def count(self) -> int:
        return len(self._ordered)

    def begin(self, time_ns: int) -> None:
        """Nothing is recorded from here on. Without effect while paused."""
        if not self.ordered:
            self._ordered = (*self._ordered, _Order(time_ns))

    def end(self, time_ns: int) -> None:
        """Recording may go on from here. Without effect while not paused."""
        if self.ordered:
            *past, last = self._ordered
            self._ordered = (*past, replace(last, end_ns=max(time_ns, last.begin_ns)))

    def listed(self, written_s: float) -> tuple[RecordingPause, ...]:
        """Every pause ordered so far; those the file hasn't gone on from are where it ends, after ``written_s``."""
        past, cut = self._past, self._cut_ns is not None
        open_ones = len(self._ordered) - len(past)
        return (*past, *[RecordingPause(at_s=self._cut_at_s if cut else written_s, paused_ms=None)] * open_ones)

    @property
    def cut_ns(self) -> int | None:
        """Nothing from here on may be written. None: everything that comes."""
        return self._cut_ns

    def notice(self, earliest_ns: int) -> int | None:
        """Where the file has to be cut for a pause that wasn't known yet, at ``earliest_ns`` or later; else None."""
        unknown = self._ordered[len(self._past) :]
        if self._cut_ns is not None or not unknown:
            return None
        self._cut_ns = max(unknown[0].begin_ns, earliest_ns)
        return self._cut_ns

    def cut_at(self, at_s: float) -> None:
        """Where in the file the cut is."""
        self._cut_at_s = at_s

    def is_over_at(self, time_ns: int) -> bool:
        """Recording may go on with a keyframe of this time: the pause is over then, and no other has begun."""
        if self._cut_ns is None or time_ns < self._cut_ns:
            return False
        return not any(order.covers(time_ns) for order in self._ordered[len(self._past) :])

    def go_on(self, time_ns: int) -> None:
        """The keyframe of this time comes next in the file. Pauses between which no keyframe came have one place."""
        cut_ns = self._cut_ns
        if cut_ns is None:
            return
        first, *later = (order.begin_ns for order in self._ordered[len(self._past) :] if order.begin_ns <= time_ns)
        edges_ns = (max(first, cut_ns), *(max(begin_ns, cut_ns) for begin_ns in later), time_ns)
        past = (
            RecordingPause(at_s=self._cut_at_s, paused_ms=round((until_ns - from_ns) / NS_PER_MS))
            for from_ns, until_ns in pairwise(edges_ns)
        )
        self._past, self._cut_ns = (*self._past, *past), None
