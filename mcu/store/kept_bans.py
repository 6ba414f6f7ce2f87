"""Bans that hold at once and survive a restart."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import structlog

from mcu.bans import MAX_BANS, Ban, MemoryBans
from mcu.errors import StoreUnavailable
from mcu.store.interfaces import Transactions
from mcu.store.journal import Journal

log = structlog.get_logger()

ASK_S: Final = 1.0
"""So long a join waits for the word of a shared store; then what was known last counts."""
LONG_AGO: Final = datetime.fromtimestamp(0, UTC)


class KeptBans:
    """``Bans`` that are written to the store, and asked in memory: nobody's join waits for a database of our own.

    ``shared``: a store that other servers write bans to as well. That one is asked each time, for what was banned or
    let off elsewhere; it is one row by its key. While it is down, what this server knows counts.
    """

    def __init__(self, journal: Journal, shared: Transactions | None = None) -> None:
        self._journal = journal
        self._shared = shared
        self._memory = MemoryBans()
        self._changes = 0
        self._unwritten: dict[tuple[str, str], int] = {}
        """What was changed here and the store may not know of yet, each with the number of its last change."""

    async def load(self, store: Transactions, now: datetime) -> None:
        """What earlier runs left; those that have ended go. Raises StoreUnavailable."""
        async with store.write() as unit:
            await unit.bans.forget_ended(now)
            for ban in await unit.bans.all(now, MAX_BANS):
                await self._memory.ban(ban.room, ban.identity, ban.until, ban.reason)

    async def ban(self, room: str, identity: str, until: datetime, reason: str) -> None:
        """Replaces an earlier ban. It is stored when this returns, unless the store is down; it holds in any case."""
        self._changed(room, identity)
        await self._memory.ban(room, identity, until, reason)
        self._journal.put(("ban", room, identity), lambda unit: unit.bans.ban(room, identity, until, reason))
        await self._stored(room)

    async def banned_until(self, room: str, identity: str, now: datetime) -> datetime | None:
        """None for who is not banned, or not any more."""
        if self._shared is not None:
            await self._look(self._shared, room, identity)
        return await self._memory.banned_until(room, identity, now)

    async def lift(self, room: str, identity: str) -> bool:
        """False when there was no ban."""
        if self._shared is not None:
            await self._look(self._shared, room, identity)
        there = await self._memory.lift(room, identity)
        if there:
            self._changed(room, identity)
            self._journal.put(("ban", room, identity), lambda unit: unit.bans.lift(room, identity))
            await self._stored(room)
        return there

    async def list(self, room: str, now: datetime) -> Sequence[Ban]:
        """Those in force, the one that ends first coming first."""
        if self._shared is not None:
            await self._look(self._shared, room)
        return await self._memory.list(room, now)

    async def _look(self, store: Transactions, room: str, identity: str | None = None) -> None:
        """Learns what the store says of a room, or of one person in it, but for what it is still to be told."""
        if not self._journal.statistics.available:
            return
        if self._unwritten:
            await self._stored(room)
        try:
            stored = await self._read(store, room, identity)
        except (StoreUnavailable, TimeoutError) as error:
            log.warning("bans_not_read", room=room, error=str(error) or f"no answer within {ASK_S:.0f} s")
            return
        known = [ban.identity for ban in await self._memory.list(room, LONG_AGO)]
        for who in {*known, *stored} if identity is None else {identity}:
            ban = stored.get(who)
            if (room, who) in self._unwritten:
                continue
            if ban is None:
                await self._memory.lift(room, who)
            else:
                await self._memory.ban(room, who, ban.until, ban.reason)

    async def _read(self, store: Transactions, room: str, identity: str | None) -> dict[str, Ban]:
        """Of a moment in which nothing is changed here. Raises StoreUnavailable or TimeoutError."""
        async with asyncio.timeout(ASK_S):
            while True:
                changes = self._changes
                async with store.read() as unit:
                    found = await unit.bans.of(room, identity)
                if changes == self._changes:
                    return {ban.identity: ban for ban in found}

    def _changed(self, room: str, identity: str) -> None:
        self._changes += 1
        if self._shared is not None:
            self._unwritten[room, identity] = self._changes

    async def _stored(self, room: str) -> None:
        waiting = dict(self._unwritten)
        try:
            if self._journal.statistics.available:
                await self._journal.settled()
                for key, number in waiting.items():
                    if self._unwritten.get(key) == number:
                        del self._unwritten[key]
        except StoreUnavailable as error:
            log.warning("change_not_stored_yet", room=room, error=error.message)
