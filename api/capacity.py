"""How much more the server could take, and who is turned away when it is too much."""

from typing import Final

from api.engine import cores
from api.settings import Settings
from mcu.engine.capacity import Costs, Machine, judge, needed, refused
from mcu.engine.engine import Engine
from mcu.errors import NoCapacity
from mcu.protocol.load import Capacity

RETRY_AFTER_S: Final = 15


class Admission:
    """Asks the engine how busy it is. On the event loop."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._engine = engine
        self._max_load = settings.limits.max_load
        given = settings.limits.costs
        self._costs = None if given is None else Costs(given.view, given.seen, given.person)
        self._view = settings.view

    async def capacity(
        self, participants: int, *, height: int | None = None, fps: int | None = None, joining: bool = False
    ) -> Capacity:
        """For so many more, in a room of their own or ``joining`` one. ``NoCapacity`` when no worker is ready."""
        return (await self._found(participants, height, fps, joining))[1]

    async def check(self, *, joining: bool) -> None:
        """Raises ``NoCapacity`` when one more, in a new room or ``joining`` one, is too much."""
        if self._max_load is None:
            return
        machine, found = await self._found(1, None, None, joining)
        if refused(machine, found):
            raise NoCapacity(f"the server is busy: {found.reasons[0]}", retry_after_s=RETRY_AFTER_S)

    async def _found(
        self, participants: int, height: int | None, fps: int | None, joining: bool
    ) -> tuple[Machine, Capacity]:
        machine = Machine(cores(), self._engine.cores_busy)
        need = needed(
            self._costs or Costs(),
            participants,
            height=height or self._view.height,
            fps=fps or self._view.fps,
            joining=joining,
        )
        rooms = await self._engine.rooms()
        return machine, judge(machine, rooms, need, participants, self._costs, self._max_load)
