"""How much more the server could take, and who is turned away when it is too much."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from api.engine import cores
from api.settings import Settings
from mcu.engine.capacity import Costs, Machine, Place, added, both, expected, judge, needed, refused, share_of
from mcu.engine.engine import Engine
from mcu.errors import NoCapacity
from mcu.protocol.load import Capacity
from mcu.protocol.models import RoomInfo

RETRY_AFTER_S: Final = 15


@dataclass(frozen=True, slots=True)
class Newcomers:
    """``room`` None: a room of their own. ``seen`` False: they only watch."""

    participants: int = 1
    room: str | None = None
    joining: bool = False
    seen: bool = True
    height: int | None = None
    fps: int | None = None


class Admission:
    """Asks the engine how busy it is, as a whole and in the one process that a room would have to live in. On the
    event loop.
    """

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._engine = engine
        self._max_load = settings.limits.max_load
        given = settings.limits.costs
        self._costs = None if given is None else Costs(given.view, given.seen, given.person)
        self._view = settings.view

    async def capacity(self, newcomers: Newcomers) -> Capacity:
        """``NoCapacity`` when no worker is ready."""
        return (await self._found(newcomers))[0]

    async def check(self, newcomers: Newcomers) -> None:
        """Raises ``NoCapacity`` when they are too much."""
        refusal = await self.refusal(newcomers)
        if refusal is not None:
            raise refusal

    async def refusal(self, newcomers: Newcomers) -> NoCapacity | None:
        """Why they can't come in; None: they can."""
        if self._max_load is None:
            return None
        reason = (await self._found(newcomers))[1]
        return None if reason is None else NoCapacity(f"the server is busy: {reason}", retry_after_s=RETRY_AFTER_S)

    async def _found(self, asked: Newcomers) -> tuple[Capacity, str | None]:
        """What is to be said, and why they are refused, if they are."""
        places = await self._engine.places()
        rooms = [room for place in places for room in place.rooms]
        home = _home(places, asked.room)
        room = None if home is None else next(room for room in home.rooms if room.name == asked.room)
        where = "the process that has the room" if room is not None else "the process with the most left"
        need = self._need(asked, room)
        machine = Machine(cores(), sum(place.busy for place in places))
        whole = judge(machine, rooms, need, asked.participants, self._costs, self._max_load)
        if len(places) < 2:
            return whole, whole.reasons[0] if refused(machine, whole) else None
        share = share_of(cores(), len(places))
        chosen = home or min(places, key=self._load)
        part = Machine(share, chosen.busy)
        place = judge(part, chosen.rooms, need, asked.participants, self._costs, self._max_load)
        found = both(whole, place, where)
        if refused(machine, whole):
            return found, whole.reasons[0]
        return found, f"{where}: {place.reasons[0]}" if refused(part, place) else None

    def _load(self, place: Place) -> float:
        return max(place.busy, expected(self._costs or Costs(), place.rooms))

    def _need(self, asked: Newcomers, room: RoomInfo | None) -> float:
        costs = self._costs or Costs()
        if room is not None:
            return added(costs, room, asked.participants, seen=asked.seen)
        height, fps = asked.height or self._view.height, asked.fps or self._view.fps
        return needed(costs, asked.participants, height=height, fps=fps, joining=asked.joining)


def _home(places: Sequence[Place], room: str | None) -> Place | None:
    """Where the room lives; None while it isn't open, or its process doesn't answer."""
    return next((place for place in places if any(one.name == room for one in place.rooms)), None)
