"""Bans that hold at once and survive a restart."""

from collections.abc import Sequence
from datetime import datetime

import structlog

from mcu.bans import MAX_BANS, Ban, MemoryBans
from mcu.errors import StoreUnavailable
from mcu.store.interfaces import Transactions
from mcu.store.journal import Journal

log = structlog.get_logger()


class KeptBans:
    """``Bans`` that are asked in memory, so that nobody's join waits for a database, and written to the store."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._memory = MemoryBans()

    async def load(self, store: Transactions, now: datetime) -> None:
        """What earlier runs left; those that have ended go. Raises StoreUnavailable."""
        async with store.write() as unit:
            await unit.bans.forget_ended(now)
            for ban in await unit.bans.all(now, MAX_BANS):
                await self._memory.ban(ban.room, ban.identity, ban.until, ban.reason)

    async def ban(self, room: str, identity: str, until: datetime, reason: str) -> None:
        """Replaces an earlier ban. It is stored when this returns, unless the store is down; it holds in any case."""
        await self._memory.ban(room, identity, until, reason)
        self._journal.put(("ban", room, identity), lambda unit: unit.bans.ban(room, identity, until, reason))
        await self._stored(room)

    async def banned_until(self, room: str, identity: str, now: datetime) -> datetime | None:
        """None for who is not banned, or not any more."""
        return await self._memory.banned_until(room, identity, now)

    async def lift(self, room: str, identity: str) -> bool:
        """False when there was no ban."""
        there = await self._memory.lift(room, identity)
        if there:
            self._journal.put(("ban", room, identity), lambda unit: unit.bans.lift(room, identity))
            await self._stored(room)
        return there

    async def list(self, room: str, now: datetime) -> Sequence[Ban]:
        """Those in force, the one that ends first coming first."""
        return await self._memory.list(room, now)

    async def _stored(self, room: str) -> None:
        try:
            if self._journal.statistics.available:
                await self._journal.settled()
        except StoreUnavailable as error:
            log.warning("change_not_stored_yet", room=room, error=error.message)
