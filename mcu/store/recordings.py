"""The index of recordings. Files and their manifests are the truth; this says which to look for, and which ended."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from mcu.protocol.models import RecordingInfo
from mcu.store.moments import ms_of
from mcu.store.tables import RECORDINGS


class SqlRecordings:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def save(self, info: RecordingInfo) -> None:
        await self._connection.execute(sa.delete(RECORDINGS).where(RECORDINGS.c.id == info.id))
        await self._connection.execute(
            sa.insert(RECORDINGS).values(
                id=info.id,
                room=info.room,
                started_ms=ms_of(info.started_at),
                running=info.state in ("starting", "active"),
                info=info.model_dump_json(),
            )
        )

    async def running(self, room: str) -> Sequence[RecordingInfo]:
        wanted = sa.select(RECORDINGS.c.info).where(RECORDINGS.c.room == room, RECORDINGS.c.running.is_(True))
        return await self._read(wanted.order_by(RECORDINGS.c.started_ms))

    async def of(self, room: str, limit: int) -> Sequence[RecordingInfo]:
        wanted = sa.select(RECORDINGS.c.info).where(RECORDINGS.c.room == room)
        return await self._read(wanted.order_by(RECORDINGS.c.started_ms.desc()).limit(limit))

    async def _read(self, wanted: sa.Select[tuple[object]]) -> Sequence[RecordingInfo]:
        return [RecordingInfo.model_validate_json(row.info) for row in await self._connection.execute(wanted)]
