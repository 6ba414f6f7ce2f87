"""Who may not come back into a room, and until when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

MAX_BANS = 10_000


@dataclass(frozen=True, slots=True)
class Ban:
    room: str
    identity: str
    until: datetime
    reason: str


class Bans(Protocol):
    """Kept by identity, and apart from rooms: a ban outlives the room it was spoken in. Used on the event loop."""

    async def ban(self, room: str, identity: str, until: datetime, reason: str) -> None:
        """Replaces an earlier ban."""
        ...

    async def banned_until(self, room: str, identity: str, now: datetime) -> datetime | None:
        """None for who is not banned, or not any more."""
        ...

    async def lift(self, room: str, identity: str) -> bool:
        """False when there was no ban."""
        ...

    async def list(self, room: str, now: datetime) -> Sequence[Ban]:
        """Those in force, the one that ends first coming first."""
        ...


class MemoryBans:
    """Bans of this process's life; when there are ``MAX_BANS`` the one that ends first makes room."""

    def __init__(self) -> None:
        self._bans: dict[tuple[str, str], Ban] = {}

    async def ban(self, room: str, identity: str, until: datetime, reason: str) -> None:
        self._bans[room, identity] = Ban(room, identity, until, reason)
        if len(self._bans) > MAX_BANS:
            del self._bans[min(self._bans, key=lambda key: self._bans[key].until)]

    async def banned_until(self, room: str, identity: str, now: datetime) -> datetime | None:
        ban = self._bans.get((room, identity))
        return ban.until if ban is not None and ban.until > now else None

    async def lift(self, room: str, identity: str) -> bool:
        return self._bans.pop((room, identity), None) is not None

    async def list(self, room: str, now: datetime) -> Sequence[Ban]:
        bans = [ban for ban in self._bans.values() if ban.room == room and ban.until > now]
        return sorted(bans, key=lambda ban: (ban.until, ban.identity))
