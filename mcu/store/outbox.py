"""The outbox of webhooks: a row for each event and endpoint, gone once it was delivered. Each server has its own."""

from collections.abc import Sequence
from dataclasses import asdict

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from mcu.store.interfaces import NewEntry, OutboxEntry
from mcu.store.tables import OUTBOX


class SqlOutbox:
    def __init__(self, connection: AsyncConnection, server: str) -> None:
        self._connection = connection
        self._server = server

    async def add(self, entries: Sequence[NewEntry]) -> None:
        if entries:
            fresh = {"server": self._server, "attempts": 0}
            rows = [asdict(entry) | fresh | {"next_ms": entry.created_ms} for entry in entries]
            await self._connection.execute(sa.insert(OUTBOX), rows)

    async def heads(self, endpoint: str, limit: int) -> Sequence[OutboxEntry]:
        first = sa.select(sa.func.min(OUTBOX.c.id)).where(self._for(endpoint)).group_by(OUTBOX.c.room)
        wanted = sa.select(OUTBOX).where(OUTBOX.c.id.in_(first)).order_by(OUTBOX.c.next_ms, OUTBOX.c.id)
        return await self._read(wanted.limit(limit))

    async def lane(self, endpoint: str, room: str, limit: int) -> Sequence[OutboxEntry]:
        wanted = sa.select(OUTBOX).where(self._for(endpoint), OUTBOX.c.room == room)
        return await self._read(wanted.order_by(OUTBOX.c.id).limit(limit))

    async def done(self, entry: int) -> None:
        await self._connection.execute(sa.delete(OUTBOX).where(OUTBOX.c.id == entry))

    async def postpone(self, entry: int, attempts: int, next_ms: int) -> None:
        later = sa.update(OUTBOX).where(OUTBOX.c.id == entry).values(attempts=attempts, next_ms=next_ms)
        await self._connection.execute(later)

    async def pending(self, endpoint: str) -> int:
        wanted = sa.select(sa.func.count()).select_from(OUTBOX).where(self._for(endpoint))
        return await self._connection.scalar(wanted) or 0

    async def trim(self, endpoint: str, most: int, created_before_ms: int) -> int:
        mine = self._for(endpoint)
        old = await self._connection.execute(sa.delete(OUTBOX).where(mine, OUTBOX.c.created_ms < created_before_ms))
        surplus = sa.select(OUTBOX.c.id).where(mine).order_by(OUTBOX.c.id.desc()).offset(most).limit(1)
        newest_of_surplus = await self._connection.scalar(surplus)
        if newest_of_surplus is None:
            return old.rowcount
        many = await self._connection.execute(sa.delete(OUTBOX).where(mine, OUTBOX.c.id <= newest_of_surplus))
        return old.rowcount + many.rowcount

    async def keep_only(self, endpoints: Sequence[str]) -> int:
        others = sa.delete(OUTBOX).where(OUTBOX.c.server == self._server, OUTBOX.c.endpoint.not_in(endpoints))
        return (await self._connection.execute(others)).rowcount

    def _for(self, endpoint: str) -> sa.ColumnElement[bool]:
        return sa.and_(OUTBOX.c.server == self._server, OUTBOX.c.endpoint == endpoint)

    async def _read(self, wanted: sa.Select[tuple[object, ...]]) -> Sequence[OutboxEntry]:
        return [
            OutboxEntry(row.id, row.room, row.event, row.body, row.created_ms, row.attempts, row.next_ms)
            for row in await self._connection.execute(wanted)
        ]
