"""Who is on their way in: what they were promised is not promised to the next while their join is carried out."""

import itertools
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from mcu.clock import NS_PER_S, Clock
from mcu.engine.capacity import Costs, Place, expected
from mcu.protocol.models import RoomInfo, ViewSpec

SETTLE_NS: Final = 3 * NS_PER_S
"""A joining person's media flow within two seconds, and a load is that of the last one."""
MAX_ARRIVALS: Final = 1000
NOBODY_YET: Final = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Newcomers:
    """``room`` None: a room of their own. ``seen`` False: they only watch."""

    participants: int = 1
    room: str | None = None
    joining: bool = False
    seen: bool = True
    height: int | None = None
    fps: int | None = None


@dataclass(frozen=True, slots=True)
class Arrival:
    """Who came to ``room``, and what they were expected to take, in cores."""

    at_ns: int
    room: str | None
    need: float


class Promises:
    """On the event loop. An engine that is asked how full it is answers of a moment in between: whoever was on their
    way at any time of the asking may or may not be in its answer, and counts as if they weren't.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._arrived: deque[Arrival] = deque(maxlen=MAX_ARRIVALS)
        self._standing: list[Newcomers] = []
        self._asking: dict[int, list[Newcomers]] = {}
        self._numbers = itertools.count()

    @contextmanager
    def while_asking(self) -> Iterator[list[Newcomers]]:
        """Those who are on their way at any time of the block."""
        number = next(self._numbers)
        self._asking[number] = list(self._standing)
        try:
            yield self._asking[number]
        finally:
            del self._asking[number]

    @contextmanager
    def to(self, newcomers: Newcomers, need: float) -> Iterator[None]:
        """They are on their way until the block ends: in by then, or not at all when it raises. ``need``: in cores."""
        for seen in (self._standing, *self._asking.values()):
            seen.append(newcomers)
        try:
            yield
            self._arrived.append(Arrival(self._clock.now_ns(), newcomers.room, need))
        finally:
            self._standing.remove(newcomers)

    def unmeasured(self, places: Sequence[Place]) -> float:
        """Cores that people take in these places who came so lately that no measured load shows it."""
        rooms = {room.name for place in places for room in place.rooms}
        since_ns = self._clock.now_ns() - SETTLE_NS
        return sum(one.need for one in self._arrived if one.at_ns > since_ns and one.room in rooms)


@dataclass(frozen=True, slots=True)
class Filled:
    """A place, its ``rooms`` as they are once everybody who is on their way is in, and the cores ``held`` for that."""

    place: Place
    rooms: tuple[RoomInfo, ...]
    held: float = 0.0

    def load(self, costs: Costs) -> float:
        return max(self.place.busy, expected(costs, self.place.rooms)) + self.held

    def room(self, name: str | None) -> RoomInfo | None:
        return next((room for room in self.rooms if room.name == name), None)

    def with_more(self, newcomers: Newcomers, view: ViewSpec, costs: Costs) -> "Filled":
        """``view``: of a room that isn't open yet."""
        if not newcomers.seen:
            return replace(self, held=self.held + costs.person * newcomers.participants)
        room = self.room(newcomers.room) or _to_be_opened(newcomers.room or "-", view)
        grown = room.model_copy(update={"participants": room.participants + newcomers.participants})
        others = tuple(other for other in self.rooms if other.name != room.name)
        held = self.held + expected(costs, (grown,)) - expected(costs, (room,))
        return replace(self, rooms=(*others, grown), held=held)


def filled(places: Sequence[Place], coming: Sequence[Newcomers], view: ViewSpec, costs: Costs) -> list[Filled]:
    """Who comes to a room that isn't open yet has it in the place with the most left, as it will be opened."""
    found = [Filled(place, place.rooms) for place in places]
    for newcomers in coming if found else ():
        at = next((index for index, one in enumerate(found) if one.room(newcomers.room) is not None), None)
        if at is None:
            at = min(range(len(found)), key=lambda index: found[index].load(costs))
        found[at] = found[at].with_more(newcomers, view, costs)
    return found


def _to_be_opened(name: str, view: ViewSpec) -> RoomInfo:
    return RoomInfo(
        name=name, capacity=1000, participants=0, views=(view,), recording=False, created_at=NOBODY_YET, metadata={}
    )
