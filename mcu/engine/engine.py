"""Where rooms run, behind one narrow interface: the gateway can't tell this process from another machine."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from mcu.engine.capacity import Place
from mcu.protocol.commands import Command, Reply
from mcu.protocol.events import Event
from mcu.protocol.models import RoomInfo, RoomSpec


class RoomHandle(Protocol):
    """One open room, used from the gateway's event loop."""

    @property
    def name(self) -> str: ...

    async def call(self, command: Command) -> Reply:
        """Carries out a command and answers with its reply. Raises ``McuError``."""
        ...

    def events(self, participant: str | None = None) -> AsyncIterator[Event]:
        """Everything the room says from now on: events for all, and those for ``participant`` alone. The
        subscription begins with this call, not with the first ``__anext__``. Bounded: a reader that falls 256 events
        behind is ended. Ends after ``RoomClosed``.
        """
        ...


class Engine(Protocol):
    """Opens, finds and closes rooms."""

    async def open(self, room: RoomSpec) -> RoomHandle:
        """Finds the room or starts it. Raises ``NoCapacity`` when none more fits."""
        ...

    async def find(self, name: str) -> RoomHandle | None: ...

    async def rooms(self) -> Sequence[RoomInfo]: ...

    async def close_room(self, name: str) -> None:
        """Everybody is told, recordings are finished. Raises ``NotFound``."""
        ...

    async def places(self) -> Sequence[Place]:
        """The processes that rooms run in, each with its rooms and how busy it was over the last second. Raises
        ``NoCapacity`` when there is none.
        """
        ...

    async def metrics(self) -> str:
        """Everything measured, in the Prometheus text format."""
        ...

    async def close(self) -> None:
        """Closes every room, bounded by a few seconds. Idempotent."""
        ...
