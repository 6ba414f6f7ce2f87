"""Changes of a layout that wait for their time."""

import bisect
import secrets
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from mcu.clock import NS_PER_S
from mcu.errors import Conflict, NotFound
from mcu.protocol.layout import Layout
from mcu.protocol.versions import MAX_SCHEDULED, ScheduledLayout

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def wall_ns_of(at: datetime) -> int:
    """Nanoseconds since the Unix epoch of a time with a zone, exactly."""
    return (at - EPOCH) // timedelta(microseconds=1) * 1000


def wall_time(wall_ns: int) -> datetime:
    """The other way, to the microsecond below."""
    return EPOCH + timedelta(microseconds=wall_ns // 1000)


class Schedule:
    """At most ``MAX_SCHEDULED`` changes, ordered by their time and then by who came first. One thread."""

    def __init__(self, new_id: Callable[[], str] = lambda: secrets.token_hex(6)) -> None:
        self._new_id = new_id
        self._changes: list[ScheduledLayout] = []

    @property
    def changes(self) -> tuple[ScheduledLayout, ...]:
        return tuple(self._changes)

    @property
    def next_wall_ns(self) -> int | None:
        return wall_ns_of(self._changes[0].at) if self._changes else None

    def add(
        self, at: datetime, *, by: str | None, layout: Layout | None = None, patch: dict[str, object] | None = None
    ) -> ScheduledLayout:
        """Raises Conflict (``schedule_full``)."""
        if len(self._changes) >= MAX_SCHEDULED:
            raise Conflict(
                f"{MAX_SCHEDULED} changes of this layout are waiting already: cancel one first", code="schedule_full"
            )
        change = ScheduledLayout(id=self._new_id(), at=at, layout=layout, patch=patch, by=by)
        bisect.insort(self._changes, change, key=lambda one: wall_ns_of(one.at))
        return change

    def restore(self, changes: Iterable[ScheduledLayout]) -> None:
        """Changes that waited before, with their ids; of more than ``MAX_SCHEDULED`` the next ones."""
        self._changes = sorted((*self._changes, *changes), key=lambda one: wall_ns_of(one.at))[:MAX_SCHEDULED]

    def cancel(self, identifier: str) -> ScheduledLayout:
        """Raises NotFound."""
        for place, change in enumerate(self._changes):
            if change.id == identifier:
                return self._changes.pop(place)
        raise NotFound("no such change waits: it was made, dropped or cancelled", code="no_such_change")

    def take_due(self, wall_ns: int) -> ScheduledLayout | None:
        """The next change whose time has come, which waits no more; None when none has."""
        next_ns = self.next_wall_ns
        return self._changes.pop(0) if next_ns is not None and next_ns <= wall_ns else None


def delay_s(until_ns: int, now_ns: int, longest_s: float) -> float:
    """How long a timer sleeps: never longer than ``longest_s``, so that a wall clock that is set is noticed."""
    return min(max(0, until_ns - now_ns) / NS_PER_S, longest_s)
