"""Who may not come back, and until when."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from mcu.bans import Ban
from mcu.store.moments import moment_of, ms_of
from mcu.store.tables import BANS


class SqlBans:
    """``Bans`` within one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def ban(self, room: str, identity: str, until: datetime, reason: str) -> None:
        await self._delete(room, identity)
        row = {"room": room, "identity": identity, "until_ms": ms_of(until), "reason": reason[:256]}
        await self._connection.execute(sa.insert(BANS).values(row))

    async def banned_until(self, room: str, identity: str, now: datetime) -> datetime | None:
        wanted = sa.select(BANS.c.until_ms).where(BANS.c.room == room, BANS.c.identity == identity)
        until_ms = await self._connection.scalar(wanted.where(BANS.c.until_ms > ms_of(now)))
        return None if until_ms is None else moment_of(until_ms)

    async def lift(self, room: str, identity: str) -> bool:
        return await self._delete(room, identity)

    async def list(self, room: str, now: datetime) -> Sequence[Ban]:
        wanted = sa.select(BANS).where(BANS.c.room == room, BANS.c.until_ms > ms_of(now))
        return await self._read(wanted.order_by(BANS.c.until_ms, BANS.c.identity))

    async def all(self, now: datetime, limit: int) -> Sequence[Ban]:
        wanted = sa.select(BANS).where(BANS.c.until_ms > ms_of(now))
        return await self._read(wanted.order_by(BANS.c.until_ms.desc()).limit(limit))

    async def of(self, room: str, identity: str | None = None) -> Sequence[Ban]:
        wanted = sa.select(BANS).where(BANS.c.room == room)
        return await self._read(wanted if identity is None else wanted.where(BANS.c.identity == identity))

    async def forget_ended(self, now: datetime) -> None:
        await self._connection.execute(sa.delete(BANS).where(BANS.c.until_ms <= ms_of(now)))

    async def _read(self, wanted: sa.Select[tuple[object, ...]]) -> Sequence[Ban]:
        rows = await self._connection.execute(wanted)
        return [Ban(row.room, row.identity, moment_of(row.until_ms), row.reason) for row in rows]

    async def _delete(self, room: str, identity: str) -> bool:
        gone = await self._connection.execute(sa.delete(BANS).where(BANS.c.room == room, BANS.c.identity == identity))
        return gone.rowcount > 0
