"""What a room gives up when the machine can't keep up, in which order, and when it takes it back.

The order, from what is missed least to what is missed most: encoders try less (``preset``), every second picture is
left out (``rate``), nobody gets the whole canvas any more but half of its sides (``tiers``), then at most nine people
have tiles, then four (``tiles``).
Sound is never touched. The policy is arithmetic on plain figures; ``RoomGovernor`` reads them off a room and brings
about what is decided.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Final

import structlog

from mcu.clock import NS_PER_MS, NS_PER_S, Clock
from mcu.protocol import events as e
from mcu.protocol.load import LoadReason, LoadStep
from mcu.room.events import Events
from mcu.room.pictures import RoomPictures
from mcu.room.qualities import Qualities
from mcu.room.views import Views

log = structlog.get_logger()

STEPS: Final[tuple[LoadStep, ...]] = ("none", "preset", "rate", "tiers", "tiles_9", "tiles_4")
TILES: Final[dict[LoadStep, int]] = {"tiles_9": 9, "tiles_4": 4}

LATE: Final = 0.5
"""Of a picture's interval: ticks that are later than this on average are overload."""
CALM_LATE: Final = 0.15
DROPPED: Final = 0.1
"""Of the pictures drawn: so many that never reached their encoder, because it was still at another, are overload."""
LAG_NS: Final = 100 * NS_PER_MS
CALM_LAG_NS: Final = 30 * NS_PER_MS

JUDGE_NS: Final = NS_PER_S
STRAINED_ROUNDS: Final = 3
"""Judged one after the other: a burst of newcomers is over sooner."""
SETTLE_NS: Final = 4 * NS_PER_S
"""After a step, until it shows."""
FIRST_HOLD_NS: Final = 10 * NS_PER_S
LONGEST_HOLD_NS: Final = 160 * NS_PER_S
PROVEN_NS: Final = 30 * NS_PER_S
"""What was taken back and went wrong within this long is tried again only after twice as long a calm."""


@dataclass(frozen=True, slots=True)
class Strain:
    """A second of a room. ``late``: mean lateness of pictures, in their intervals; ``skipped``: ticks left out for
    being too late; ``dropped``: the share of pictures that encoders had no time for; ``lag_ns``: the longest that the
    event loop was late.
    """

    late: float = 0.0
    skipped: int = 0
    dropped: float = 0.0
    lag_ns: int = 0

    @property
    def trouble(self) -> LoadReason | None:
        """What is wrong; None while it is bearable."""
        if self.dropped > DROPPED:
            return "encoder_late"
        if self.skipped or self.late > LATE:
            return "pictures_late"
        return "loop_late" if self.lag_ns > LAG_NS else None

    @property
    def calm(self) -> bool:
        return not self.skipped and self.dropped == 0 and self.late < CALM_LATE and self.lag_ns < CALM_LAG_NS


@dataclass(frozen=True, slots=True)
class Step:
    level: int
    reason: LoadReason


class Governor:
    """Decides for one room. ``judge`` it once a second; ``level`` counts the ``STEPS`` that were taken."""

    def __init__(self, now_ns: int) -> None:
        self.level = 0
        self._strained = 0
        self._changed_ns = now_ns
        self._calm_since_ns = now_ns
        self._hold_ns = FIRST_HOLD_NS
        self._rose_ns: int | None = None

    def judge(self, strain: Strain, now_ns: int) -> Step | None:
        """The step to take now; None: stay."""
        trouble = strain.trouble
        self._strained = self._strained + 1 if trouble else 0
        if not strain.calm:
            self._calm_since_ns = now_ns
        if self._rose_ns is not None and now_ns - self._rose_ns >= PROVEN_NS:
            self._rose_ns, self._hold_ns = None, FIRST_HOLD_NS
        if now_ns - self._changed_ns < SETTLE_NS:
            return None
        if trouble and self._strained >= STRAINED_ROUNDS and self.level < len(STEPS) - 1:
            if self._rose_ns is not None:
                self._rose_ns, self._hold_ns = None, min(2 * self._hold_ns, LONGEST_HOLD_NS)
            return self._take(self.level + 1, trouble, now_ns)
        if self.level and now_ns - self._calm_since_ns >= self._hold_ns:
            self._rose_ns = now_ns
            return self._take(self.level - 1, "recovered", now_ns)
        return None

    def _take(self, level: int, reason: LoadReason, now_ns: int) -> Step:
        self.level, self._changed_ns, self._calm_since_ns, self._strained = level, now_ns, now_ns, 0
        return Step(level, reason)


@dataclass(frozen=True, slots=True)
class _Counted:
    """What a room has counted so far."""

    ticks: int = 0
    late_ns: int = 0
    skipped: int = 0
    submitted: int = 0
    dropped: int = 0


class RoomGovernor:
    """Reads a room's figures and carries out the governor's steps. On the event loop; ``look`` a few times a second,
    with how late that call came.
    """

    def __init__(
        self, room: str, clock: Clock, views: Views, pictures: RoomPictures, qualities: Qualities, events: Events
    ) -> None:
        self.moves: Counter[LoadReason] = Counter()
        """Steps taken since the beginning, by reason."""
        self._room = room
        self._clock = clock
        self._views = views
        self._pictures = pictures
        self._qualities = qualities
        self._events = events
        self._governor = Governor(clock.now_ns())
        self._before = _Counted()
        self._judged_ns = clock.now_ns()
        self._lag_ns = 0

    @property
    def level(self) -> int:
        """How many steps quality is down; 0: none."""
        return self._governor.level

    def look(self, late_ns: int) -> None:
        """Judges the last second when it is over, and sees to it that views made meanwhile keep to the bounds."""
        now_ns = self._clock.now_ns()
        self._lag_ns = max(self._lag_ns, late_ns)
        if now_ns - self._judged_ns < JUDGE_NS:
            return
        step = self._governor.judge(self._strain(), now_ns)
        self._judged_ns, self._lag_ns = now_ns, 0
        if step is not None:
            self._bring_about(step)
        self._apply()

    def _apply(self) -> None:
        step = STEPS[self._governor.level]
        for view in self._views:
            view.outputs.effort = "less" if self._governor.level >= STEPS.index("preset") else "full"
            view.composite.every = 2 if self._governor.level >= STEPS.index("rate") else 1
            view.composite.most_tiles = TILES.get(step)
        self._qualities.best = "medium" if self._governor.level >= STEPS.index("tiers") else "high"

    def _bring_about(self, step: Step) -> None:
        name = STEPS[step.level]
        self.moves[step.reason] += 1
        log.warning("room_load", room=self._room, step=name, level=step.level, reason=step.reason)
        self._apply()
        self._events.emit(e.LoadChanged(level=step.level, step=name, reason=step.reason))

    def _strain(self) -> Strain:
        counted, before = self._counted(), self._before
        self._before = counted
        ticks, submitted = counted.ticks - before.ticks, counted.submitted - before.submitted
        interval_ns = NS_PER_S // max(view.spec.fps for view in self._views)
        return Strain(
            late=(counted.late_ns - before.late_ns) / ticks / interval_ns if ticks > 0 else 0.0,
            skipped=max(0, counted.skipped - before.skipped),
            # An encoder that was closed meanwhile takes its counts along.
            dropped=max(0, counted.dropped - before.dropped) / submitted if submitted > 0 else 0.0,
            lag_ns=self._lag_ns,
        )

    def _counted(self) -> _Counted:
        played = self._pictures.statistics
        hubs = [hub.statistics for view in self._views for hub in view.outputs.hubs.values()]
        return _Counted(
            ticks=played.ticks,
            late_ns=played.late_ns_total,
            skipped=played.skipped,
            submitted=sum(view.composite.statistics.submitted for view in self._views),
            dropped=sum(hub.dropped for hub in hubs),
        )
