"""Rooms and their layouts, in tables."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

import sqlalchemy as sa
import structlog
from pydantic import BaseModel, TypeAdapter, ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from mcu.protocol.models import RoomSpec, ViewSpec
from mcu.protocol.versions import MAX_VERSIONS, LayoutVersion, ScheduledLayout
from mcu.store.interfaces import KeptLayout, RoomRecord
from mcu.store.tables import LAYOUT_VERSIONS, REPLAYS, ROOMS, SCHEDULED_LAYOUTS

log = structlog.get_logger()

_VIEWS: Final = TypeAdapter(tuple[ViewSpec, ...])
ModelT = TypeVar("ModelT", bound=BaseModel)


class SqlRooms:
    def __init__(self, connection: AsyncConnection, server: str) -> None:
        self._connection = connection
        self._server = server

    async def save(self, record: RoomRecord) -> None:
        await self._connection.execute(self._of_room(ROOMS.c.name, record.name))
        await self._connection.execute(
            sa.insert(ROOMS).values(
                server=self._server,
                name=record.name,
                spec=record.spec.model_dump_json(),
                views=_VIEWS.dump_json(record.views).decode(),
                announced=record.announced,
            )
        )
        names = [view.name for view in record.views]
        for table in (LAYOUT_VERSIONS, SCHEDULED_LAYOUTS):
            await self._connection.execute(self._of_room(table.c.room, record.name).where(table.c.view.not_in(names)))
        of_views = self._of_room(REPLAYS.c.room, record.name).where(REPLAYS.c.of_view, REPLAYS.c.name.not_in(names))
        await self._connection.execute(of_views)

    async def forget(self, name: str) -> None:
        for column in (ROOMS.c.name, LAYOUT_VERSIONS.c.room, SCHEDULED_LAYOUTS.c.room, REPLAYS.c.room):
            await self._connection.execute(self._of_room(column, name))

    async def all(self) -> Sequence[RoomRecord]:
        rows = await self._connection.execute(
            sa.select(ROOMS).where(ROOMS.c.server == self._server).order_by(ROOMS.c.name)
        )
        found = []
        for row in rows:
            try:
                spec, views = RoomSpec.model_validate_json(row.spec), _VIEWS.validate_json(row.views)
            except ValidationError as error:
                log.warning("stored_room_unreadable", room=row.name, error=str(error.errors()[0]["msg"]))
                continue
            found.append(RoomRecord(spec=spec, views=views, announced=row.announced))
        return found

    def _of_room(self, column: sa.Column[Any], name: str) -> sa.Delete:
        return sa.delete(column.table).where(column.table.c.server == self._server, column == name)


class SqlLayouts:
    def __init__(self, connection: AsyncConnection, server: str) -> None:
        self._connection = connection
        self._server = server

    async def save(self, room: str, view: str, kept: KeptLayout) -> None:
        versions = {version.number: version for version in kept.versions[:MAX_VERSIONS]}
        table = LAYOUT_VERSIONS
        of_view = sa.and_(table.c.server == self._server, table.c.room == room, table.c.view == view)
        await self._connection.execute(sa.delete(table).where(of_view, table.c.number.not_in(list(versions))))
        there = set(await self._connection.scalars(sa.select(table.c.number).where(of_view)))
        rows = [
            {"server": self._server, "room": room, "view": view, "number": number, "version": version.model_dump_json()}
            for number, version in versions.items()
            if number not in there
        ]
        if rows:
            await self._connection.execute(sa.insert(table), rows)
        await self._replace_scheduled(room, view, kept.scheduled)

    async def _replace_scheduled(self, room: str, view: str, changes: Sequence[ScheduledLayout]) -> None:
        table = SCHEDULED_LAYOUTS
        of_view = sa.and_(table.c.server == self._server, table.c.room == room, table.c.view == view)
        await self._connection.execute(sa.delete(table).where(of_view))
        where = {"server": self._server, "room": room, "view": view}
        rows = [
            where | {"place": place, "change": change.model_dump_json(exclude_none=True)}
            for place, change in enumerate(changes)
        ]
        if rows:
            await self._connection.execute(sa.insert(table), rows)

    async def of(self, room: str) -> Mapping[str, KeptLayout]:
        versions: defaultdict[str, list[LayoutVersion]] = defaultdict(list)
        table = LAYOUT_VERSIONS
        newest_first = sa.select(table).order_by(table.c.view, table.c.number.desc())
        newest_first = newest_first.where(table.c.server == self._server, table.c.room == room)
        for row in await self._connection.execute(newest_first):
            if (version := _read(LayoutVersion, row.version, room)) is not None:
                versions[row.view].append(version)
        scheduled: defaultdict[str, list[ScheduledLayout]] = defaultdict(list)
        changes = SCHEDULED_LAYOUTS
        next_first = sa.select(changes).order_by(changes.c.view, changes.c.place)
        next_first = next_first.where(changes.c.server == self._server, changes.c.room == room)
        for row in await self._connection.execute(next_first):
            if (change := _read(ScheduledLayout, row.change, room)) is not None:
                scheduled[row.view].append(change)
        return {view: KeptLayout(tuple(versions[view]), tuple(scheduled[view])) for view in {*versions, *scheduled}}


def _read(model: type[ModelT], text: str, room: str) -> ModelT | None:
    """None, and a warning, for what another release wrote and this one doesn't understand."""
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        log.warning("stored_layout_unreadable", room=room, error=str(error.errors()[0]["msg"]))
        return None
