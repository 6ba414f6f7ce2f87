"""What may be asked of the store, one interface for each concern, and the records that go in and out.

Every method works in the transaction its ``Unit`` came from, on the event loop, and never blocks it. Each raises
``StoreUnavailable`` when the database can't be reached, and ``Internal`` when it refuses. All but bans are those of one
server: others that share its database see nothing of them.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from mcu.bans import Ban, Bans
from mcu.protocol.models import RecordingInfo, RoomSpec, ViewSpec
from mcu.protocol.versions import LayoutVersion, ScheduledLayout
from mcu.store.replay import Replay


@dataclass(frozen=True, slots=True)
class RoomRecord:
    """A room as it would be opened again. ``announced``: webhooks heard that it opened, and not yet that it closed."""

    spec: RoomSpec
    views: tuple[ViewSpec, ...]
    announced: bool = False

    @property
    def name(self) -> str:
        return self.spec.name


@dataclass(frozen=True, slots=True)
class KeptLayout:
    """A view's layout: its versions, the newest first, and the changes that wait, the next one first."""

    versions: tuple[LayoutVersion, ...] = ()
    scheduled: tuple[ScheduledLayout, ...] = ()


@dataclass(frozen=True, slots=True)
class NewEntry:
    """One event for one endpoint. ``event`` is the event's own id, the same for every endpoint."""

    endpoint: str
    room: str
    event: str
    body: str
    created_ms: int


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    id: int
    room: str
    event: str
    body: str
    created_ms: int
    attempts: int
    next_ms: int


class Rooms(Protocol):
    async def save(self, record: RoomRecord) -> None:
        """Adds or replaces. Layouts and replays of views that it has no more are forgotten."""
        ...

    async def forget(self, name: str) -> None:
        """With its layouts and replays; recordings and bans stay. Forgetting twice does nothing."""
        ...

    async def all(self) -> Sequence[RoomRecord]: ...


class Layouts(Protocol):
    async def save(self, room: str, view: str, kept: KeptLayout) -> None:
        """Replaces what was kept of the view; of versions the newest ``MAX_VERSIONS`` stay."""
        ...

    async def of(self, room: str) -> Mapping[str, KeptLayout]:
        """By view."""
        ...


class Replays(Protocol):
    async def save(self, room: str, command: Replay) -> None:
        """Replaces what was kept of the same thing; one that leaves nothing to bring back just takes it away."""
        ...

    async def of(self, room: str) -> Sequence[Replay]: ...


class Recordings(Protocol):
    async def save(self, info: RecordingInfo) -> None: ...

    async def running(self, room: str) -> Sequence[RecordingInfo]:
        """Those that were never seen to end, oldest first."""
        ...

    async def of(self, room: str, limit: int) -> Sequence[RecordingInfo]:
        """The newest come first."""
        ...

    async def trim(self, most: int) -> int:
        """Of those that ended the oldest go, until there are so many; how many went."""
        ...

    async def keep_only(self, there: Collection[str]) -> int:
        """Forgets those that ended and whose ids are not among ``there``; how many went."""
        ...


class Outbox(Protocol):
    async def add(self, entries: Sequence[NewEntry]) -> None: ...

    async def heads(self, endpoint: str, limit: int) -> Sequence[OutboxEntry]:
        """Of each room the oldest entry, those that are due first come first."""
        ...

    async def lane(self, endpoint: str, room: str, limit: int) -> Sequence[OutboxEntry]:
        """The oldest come first."""
        ...

    async def done(self, entry: int) -> None: ...

    async def postpone(self, entry: int, attempts: int, next_ms: int) -> None: ...

    async def pending(self, endpoint: str) -> int: ...

    async def trim(self, endpoint: str, most: int, created_before_ms: int) -> int:
        """Drops what is too old, and the oldest of what is too much; how many went."""
        ...

    async def keep_only(self, endpoints: Sequence[str]) -> int:
        """Drops what waits for other endpoints; how many went."""
        ...


class StoredBans(Bans, Protocol):
    """What is asked while rooms run is asked of ``KeptBans``."""

    async def all(self, now: datetime, limit: int) -> Sequence[Ban]:
        """Those in force in any room; of too many, those that end last."""
        ...

    async def of(self, room: str, identity: str | None = None) -> Sequence[Ban]:
        """Those of a room, or of one person in it, in force or not."""
        ...

    async def forget_ended(self, now: datetime) -> None: ...


@dataclass(frozen=True, slots=True)
class Unit:
    """Everything the store keeps, seen in one transaction."""

    rooms: Rooms
    layouts: Layouts
    replays: Replays
    recordings: Recordings
    outbox: Outbox
    bans: StoredBans


class Transactions(Protocol):
    """How everything but the start and the end of a server sees the store."""

    def read(self) -> AbstractAsyncContextManager[Unit]:
        """A transaction in which nothing is written."""
        ...

    def write(self) -> AbstractAsyncContextManager[Unit]:
        """A transaction: all of it is kept, or, when the block raises, nothing. They come one after the other."""
        ...
