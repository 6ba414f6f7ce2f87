"""The claim of one server on a name in a PostgreSQL database: it ends with the connection that holds it."""

import asyncio
import hashlib
from typing import Any, Final

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from mcu.errors import StoreUnavailable

log = structlog.get_logger()

PATIENCE_S: Final = 5.0
"""At start: how long the server before this one may take to let go."""
MIGRATION_PATIENCE_S: Final = 60.0
POLL_S: Final = 0.1

_SILENCE: Final = {"tcp_keepalives_idle": "20", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "4"}
"""After 40 s PostgreSQL lets go of a machine that vanished without a word."""


def lock_number(name: str) -> int:
    """Advisory locks have 64-bit numbers; names of ours make none that another program is likely to use."""
    return int.from_bytes(hashlib.sha256(f"mosaic-mcu/{name}".encode()).digest()[:8], signed=True)


class Claim:
    """A session-level advisory lock on a connection of its own. On one event loop.

    Whoever lost the connection takes it again before the next transaction, unless another server was faster.
    """

    def __init__(self, target: URL, server: str, connect_args: dict[str, Any]) -> None:
        settings = {**connect_args, "server_settings": {**_SILENCE, "application_name": f"mosaic-mcu {server}"}}
        self._engine = create_async_engine(
            target, poolclass=NullPool, connect_args=settings, isolation_level="AUTOCOMMIT"
        )
        self._server = server
        self._number = lock_number(f"server/{server}")
        self._turn = asyncio.Lock()
        self._connection: AsyncConnection | None = None
        self._driver: Any = None

    async def hold(self, patience_s: float = 0.0) -> None:
        """Returns at once while the claim stands. Raises StoreUnavailable when another server has the name, or what the
        database raises.
        """
        if self._stands():
            return
        async with self._turn:
            if self._stands():
                return
            if self._connection is not None:
                log.warning("store_claim_lost", server=self._server)
            await self._let_go()
            deadline_s = asyncio.get_running_loop().time() + patience_s
            connection = self._connection = await self._engine.connect()
            while not await connection.scalar(sa.select(sa.func.pg_try_advisory_lock(self._number))):
                if asyncio.get_running_loop().time() >= deadline_s:
                    await self._let_go()
                    raise StoreUnavailable(
                        f"another server named {self._server!r} uses this store: give this one a name or a store of "
                        "its own (MCU_STORE__SERVER, MCU_STORE__URL)"
                    )
                await asyncio.sleep(POLL_S)
            self._driver = (await connection.get_raw_connection()).driver_connection

    def _stands(self) -> bool:
        return self._driver is not None and not self._driver.is_closed()

    async def _let_go(self) -> None:
        connection, self._connection, self._driver = self._connection, None, None
        if connection is not None:
            await connection.close()

    async def release(self) -> None:
        """Idempotent."""
        await self._let_go()
        await self._engine.dispose()


async def wait_for_migrations(connection: AsyncConnection) -> None:
    """Nobody else changes the tables until the transaction of ``connection`` ends. Raises StoreUnavailable."""
    deadline_s = asyncio.get_running_loop().time() + MIGRATION_PATIENCE_S
    while not await connection.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(lock_number("migrations")))):
        if asyncio.get_running_loop().time() >= deadline_s:
            raise StoreUnavailable("another server has been changing this store's tables for too long: look after it")
        await asyncio.sleep(POLL_S)
