"""What rooms are asked again when they open again, in a table."""

from collections.abc import Sequence

import sqlalchemy as sa
import structlog
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from mcu.protocol.groups import SetGroup
from mcu.store.replay import REPLAY, Replay, is_plain, key_of
from mcu.store.tables import REPLAYS

log = structlog.get_logger()


class SqlReplays:
    def __init__(self, connection: AsyncConnection, server: str) -> None:
        self._connection = connection
        self._server = server

    async def save(self, room: str, command: Replay) -> None:
        kind, name = key_of(command)
        where = {"server": self._server, "room": room, "kind": kind, "name": name}
        same = (REPLAYS.c[column] == value for column, value in where.items())
        await self._connection.execute(sa.delete(REPLAYS).where(*same))
        if not is_plain(command):
            row = where | {"of_view": not isinstance(command, SetGroup), "command": command.model_dump_json()}
            await self._connection.execute(sa.insert(REPLAYS).values(row))

    async def of(self, room: str) -> Sequence[Replay]:
        wanted = sa.select(REPLAYS.c.command).where(REPLAYS.c.server == self._server, REPLAYS.c.room == room)
        found = []
        for row in await self._connection.execute(wanted.order_by(REPLAYS.c.kind, REPLAYS.c.name)):
            try:
                found.append(REPLAY.validate_json(row.command))
            except ValidationError as error:  # what another release wrote and this one doesn't understand
                log.warning("stored_command_unreadable", room=room, error=str(error.errors()[0]["msg"]))
        return found
