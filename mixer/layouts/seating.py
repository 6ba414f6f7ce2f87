"""Who stands in which region of a custom layout, with a memory from tick to tick.

People are seated in three rounds: those with a reserved place; those a region asks for first (pins, screens, the active
speaker); then the others. So a region never loses whom it asks for to one that takes anybody, wherever it stands in the
list. Nobody is seated twice.

The memory says since when each person has had their place and which page is turned up. It is a value: the same people
at the same time with the same memory are seated the same, and a tick that changes nothing gives an equal memory.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from mixer.layouts.custom import Region
from mixer.layouts.member import Member
from mixer.layouts.pick import NS_PER_MS, Pick, selected
from mixer.scene import TileKey


@dataclass(frozen=True, slots=True)
class Seat:
    """Who, and since when (room time)."""

    key: TileKey
    since_ns: int


@dataclass(frozen=True, slots=True)
class Seated:
    """One region: its seats in the order of its places, and the page that has been up since ``turned_ns``, None where
    all have a place.
    """

    seats: tuple[Seat, ...] = ()
    page: int = 0
    turned_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Casting:
    """The seats of all regions by id: what one tick tells the next."""

    regions: Mapping[str, Seated] = field(default_factory=lambda: MappingProxyType({}), hash=False)


@dataclass(frozen=True, slots=True)
class Occasion:
    """The facts of one tick. ``members`` in join order."""

    members: Sequence[Member]
    dominant: str | None = None
    pinned: str | None = None
    now_ns: int = 0
    _fitting: dict[str, frozenset[TileKey]] = field(default_factory=dict, compare=False)

    def fitting(self, selector: str | None) -> frozenset[TileKey] | None:
        """Whom a selector fits, looked up once however many regions ask; None, everybody, for no selector."""
        if selector is None:
            return None
        if selector not in self._fitting:
            self._fitting[selector] = frozenset(member.key for member in self.members if selected(selector, member))
        return self._fitting[selector]


SETTLING = 4
"""Whoever leaves a place may free it for somebody whose place then suits a third: a few rounds, so that all of them go
where they belong in one step and nobody is seen passing through."""


def seat(regions: Sequence[Region], occasion: Occasion, previous: Casting) -> Casting:
    """Seats the people of ``occasion`` in ``regions``."""
    for _ in range(SETTLING):
        casting = _seated_once(regions, occasion, previous)
        if casting == previous:
            break
        previous = casting
    return casting


def _seated_once(regions: Sequence[Region], occasion: Occasion, previous: Casting) -> Casting:
    stalls = [Stall(region, occasion, previous.regions.get(region.id, Seated())) for region in regions]
    standing = {member.key: member for member in occasion.members}
    for stall in stalls:
        stall.take_reserved(standing)
    asking = [stall for stall in stalls if stall.claims]
    for stall in asking:
        stall.take_claimed(standing)
    for stall in [*asking, *(stall for stall in stalls if not stall.claims)]:
        stall.fill(standing)
    return Casting(MappingProxyType({stall.region.id: stall.seated() for stall in stalls}))


class Stall:
    """One region while it is being filled. ``standing`` holds those who have no place yet, in join order."""

    def __init__(self, region: Region, occasion: Occasion, before: Seated) -> None:
        self.region = region
        self.claims = region.pick.claims(region.places)
        self._occasion = occasion
        self._before = before
        self._since = {seat.key: seat.since_ns for seat in before.seats}
        self._taken: list[Member] = []
        self._firm = 0
        self._page = 0
        self._turned_ns: int | None = None

    @property
    def pick(self) -> Pick:
        return self.region.pick

    @property
    def room(self) -> int:
        return self.region.places - len(self._taken)

    def take_reserved(self, standing: dict[TileKey, Member]) -> None:
        for participant in self.pick.reserve:
            self._take(TileKey(participant), standing)
        self._firm = len(self._taken)

    def take_claimed(self, standing: dict[TileKey, Member]) -> None:
        admitted = self._admitted(standing)
        for key in self._claimants(admitted):
            self._take(key, standing)
            if not self.room:
                break

    def fill(self, standing: dict[TileKey, Member]) -> None:
        waiting = self._admitted(standing) if self.room else []
        if self.pick.order == "name":
            waiting.sort(key=lambda member: member.name.casefold())
        elif self.pick.order == "recent_speech":
            waiting.sort(key=lambda member: -member.last_spoke_ns)
        if len(waiting) > self.room:
            if self.pick.overflow == "page":
                waiting = self._paged(waiting)
            else:
                chosen = {member.key for member in sorted(waiting, key=self._worth)[: self.room]}
                waiting = [member for member in waiting if member.key in chosen]
        for member in waiting:
            self._take(member.key, standing)

    def seated(self) -> Seated:
        now_ns = self._occasion.now_ns
        keys = [member.key for member in self._taken]
        if self.pick.follows_speech(self.region.places):
            keys = keys[: self._firm] + _kept(
                keys[self._firm :], [seat.key for seat in self._before.seats[self._firm :]]
            )
        seats = tuple(Seat(key, self._since.get(key, now_ns)) for key in keys)
        return Seated(seats, self._page, self._turned_ns)

    def _take(self, key: TileKey, standing: dict[TileKey, Member]) -> None:
        if self.room and key in standing:
            self._taken.append(standing.pop(key))

    def _admitted(self, standing: dict[TileKey, Member]) -> list[Member]:
        fitting = self._occasion.fitting(self.pick.match)
        return [member for member in standing.values() if fitting is None or member.key in fitting]

    def _claimants(self, admitted: Sequence[Member]) -> Iterator[TileKey]:
        """Whom the region asks for, the most wanted first; then, where it follows the speaker, whom it has: a stage
        does not change because everybody falls silent.
        """
        for claim in self.claims:
            if claim == "active_speaker":
                yield from self._held(admitted)
                yield from (m.key for m in admitted if m.key.participant == self._occasion.dominant and not m.screen)
            elif claim == "screen":
                yield from (member.key for member in admitted if member.screen)
            elif claim == "pinned":
                pinned = [member for member in admitted if member.key.participant == self._occasion.pinned]
                yield from (member.key for member in sorted(pinned, key=lambda member: not member.screen))
            else:
                fitting = self._occasion.fitting(claim) or ()
                yield from (member.key for member in admitted if member.key in fitting)
        if "active_speaker" in self.claims and self.pick.overflow != "page":
            yield from (member.key for member in admitted if member.key in self._since)

    def _held(self, admitted: Sequence[Member]) -> Iterator[TileKey]:
        return (member.key for member in admitted if self._holds(member))

    def _holds(self, member: Member) -> bool:
        since_ns = self._since.get(member.key)
        return since_ns is not None and self._occasion.now_ns - since_ns < self.pick.hold_ms * NS_PER_MS

    def _worth(self, member: Member) -> tuple[int, int, bool]:
        """The lower, the sooner somebody is shown where not everybody can be. Among equals the order decides."""
        if member.key.participant == self._occasion.pinned:
            return 0, 0, False
        if not (self.pick.overflow == "speech" or self.pick.order == "recent_speech"):
            return 1, 0, False
        if member.screen:
            return 1, 0, False
        if self._holds(member):
            return 2, 0, False
        rank = 3 if member.key.participant == self._occasion.dominant else 4
        return rank, -member.last_spoke_ns, member.key not in self._since

    def _paged(self, waiting: list[Member]) -> list[Member]:
        """The page that is turned up. The last one is full too: it begins with some of the page before."""
        room, now_ns = self.room, self._occasion.now_ns
        if not room:
            return []
        page_ns = self.pick.page_ms * NS_PER_MS
        turned_ns = now_ns if self._before.turned_ns is None else self._before.turned_ns
        turns = max(0, now_ns - turned_ns) // page_ns
        self._page = (self._before.page + turns) % -(-len(waiting) // room)
        self._turned_ns = turned_ns + turns * page_ns
        start = min(self._page * room, len(waiting) - room)
        return waiting[start : start + room]


def _kept(keys: Sequence[TileKey], before: Sequence[TileKey]) -> list[TileKey]:
    """``keys`` in the places they had ``before``, as far as there still are so many; the others in the free ones."""
    kept = {key: place for place, key in enumerate(before[: len(keys)]) if key in keys}
    others = (key for key in keys if key not in kept)
    owners = {place: key for key, place in kept.items()}
    return [owners.get(place) or next(others) for place in range(len(keys))]
