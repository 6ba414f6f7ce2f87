"""How much more the server could take, and who is turned away when it is too much."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from api.engine import cores
from api.promises import Newcomers, Promises, filled
from api.settings import Settings
from mcu.clock import Clock, SystemClock
from mcu.engine.capacity import Costs, Machine, Place, added, both, judge, needed, refused, share_of
from mcu.engine.engine import Engine
from mcu.errors import NoCapacity
from mcu.protocol.load import Capacity
from mcu.protocol.models import RoomInfo

RETRY_AFTER_S: Final = 15


class Admission:
    """Asks the engine how busy it is, as a whole and in the one process that a room would have to live in. On the
    event loop.
    """

    def __init__(self, settings: Settings, engine: Engine, clock: Clock | None = None) -> None:
        self._engine = engine
        self._max_load = settings.limits.max_load
        given = settings.limits.costs
        self._costs = None if given is None else Costs(given.view, given.seen, given.person)
        self._view = settings.view
        self._promises = Promises(clock or SystemClock())

    async def capacity(self, newcomers: Newcomers) -> Capacity:
        """``NoCapacity`` when no worker is ready."""
        with self._promises.while_asking() as coming:
            return self._found(await self._engine.places(), coming, newcomers)[0]

    @asynccontextmanager
    async def entry(self, newcomers: Newcomers) -> AsyncIterator[NoCapacity | None]:
        """Why they can't come in; None: they can, and nobody else is promised what they need until the block ends, in
        which they come in.
        """
        if self._max_load is None:
            yield None
            return
        with self._promises.while_asking() as coming:
            places = await self._engine.places()
            found, reason = self._found(places, coming, newcomers)
        if reason is not None:
            yield NoCapacity(f"the server is busy: {reason}", retry_after_s=RETRY_AFTER_S)
            return
        with self._promises.to(newcomers, found.cores_needed):
            yield None

    @asynccontextmanager
    async def admitted(self, newcomers: Newcomers) -> AsyncIterator[None]:
        """As ``entry``. Raises ``NoCapacity``."""
        async with self.entry(newcomers) as refusal:
            if refusal is not None:
                raise refusal
            yield

    def _found(
        self, places: Sequence[Place], coming: Sequence[Newcomers], asked: Newcomers
    ) -> tuple[Capacity, str | None]:
        """What is to be said, and why they are refused, if they are."""
        costs = self._costs or Costs()
        inside = filled(places, coming, self._view, costs)
        home = next((one for one in inside if one.room(asked.room) is not None), None)
        room = None if home is None else home.room(asked.room)
        where = "the process that has the room" if room is not None else "the process with the most left"
        need = self._need(asked, room)
        machine = Machine(cores(), sum(place.busy for place in places) + self._unmeasured(places))
        whole = self._judge(machine, places, sum(one.held for one in inside), need, asked)
        if len(places) < 2:
            return whole, whole.reasons[0] if refused(machine, whole) else None
        chosen = home or min(inside, key=lambda one: one.load(costs))
        busy = chosen.place.busy + self._unmeasured((chosen.place,))
        part = Machine(share_of(cores(), len(places)), busy)
        place = self._judge(part, (chosen.place,), chosen.held, need, asked)
        found = both(whole, place, where)
        if refused(machine, whole):
            return found, whole.reasons[0]
        return found, f"{where}: {place.reasons[0]}" if refused(part, place) else None

    def _judge(self, machine: Machine, places: Sequence[Place], held: float, need: float, asked: Newcomers) -> Capacity:
        rooms = [room for place in places for room in place.rooms]
        return judge(machine, rooms, need, asked.participants, self._costs, self._max_load, held)

    def _unmeasured(self, places: Sequence[Place]) -> float:
        """Nobody is refused for what was never measured here."""
        return 0.0 if self._costs is None else self._promises.unmeasured(places)

    def _need(self, asked: Newcomers, room: RoomInfo | None) -> float:
        costs = self._costs or Costs()
        if room is not None:
            return added(costs, room, asked.participants, seen=asked.seen)
        height, fps = asked.height or self._view.height, asked.fps or self._view.fps
        return needed(costs, asked.participants, height=height, fps=fps, joining=asked.joining)
