"""The index of recordings. Files and their manifests are the truth; this says which to look for, and which ended."""

from collections.abc import Collection, Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from mcu.protocol.models import RecordingInfo
from mcu.store.moments import ms_of
from mcu.store.tables import RECORDINGS

MAX_VALUES: Final = 500
"""In one statement: databases bound how many it may have."""


class SqlRecordings:
    def __init__(self, connection: AsyncConnection, server: str) -> None:
        self._connection = connection
        self._server = server

    async def save(self, info: RecordingInfo) -> None:
        await self._connection.execute(sa.delete(RECORDINGS).where(RECORDINGS.c.id == info.id))
        await self._connection.execute(
            sa.insert(RECORDINGS).values(
                server=self._server,
                id=info.id,
                room=info.room,
                started_ms=ms_of(info.started_at),
                running=info.runs,
                info=info.model_dump_json(),
            )
        )

    async def running(self, room: str) -> Sequence[RecordingInfo]:
        wanted = sa.select(RECORDINGS.c.info).where(
            self._mine, RECORDINGS.c.room == room, RECORDINGS.c.running.is_(True)
        )
        return await self._read(wanted.order_by(RECORDINGS.c.started_ms))

    async def of(self, room: str, limit: int) -> Sequence[RecordingInfo]:
        wanted = sa.select(RECORDINGS.c.info).where(self._mine, RECORDINGS.c.room == room)
        return await self._read(wanted.order_by(RECORDINGS.c.started_ms.desc()).limit(limit))

    async def trim(self, most: int) -> int:
        newest = sa.select(RECORDINGS.c.id).where(self._mine).order_by(RECORDINGS.c.started_ms.desc()).limit(most)
        surplus = sa.delete(RECORDINGS).where(self._mine, RECORDINGS.c.running.is_(False))
        return (await self._connection.execute(surplus.where(RECORDINGS.c.id.not_in(newest)))).rowcount

    async def keep_only(self, there: Collection[str]) -> int:
        ended = sa.select(RECORDINGS.c.id).where(self._mine, RECORDINGS.c.running.is_(False))
        lost = [identifier for identifier in await self._connection.scalars(ended) if identifier not in there]
        for start in range(0, len(lost), MAX_VALUES):
            some = RECORDINGS.c.id.in_(lost[start : start + MAX_VALUES])
            await self._connection.execute(sa.delete(RECORDINGS).where(self._mine, some))
        return len(lost)

    @property
    def _mine(self) -> sa.ColumnElement[bool]:
        return RECORDINGS.c.server == self._server

    async def _read(self, wanted: sa.Select[tuple[object]]) -> Sequence[RecordingInfo]:
        return [RecordingInfo.model_validate_json(row.info) for row in await self._connection.execute(wanted)]
