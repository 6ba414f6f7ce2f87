"""The database: opened and brought up to date at start, then asked in transactions. One writer at a time."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final

import structlog
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, ProgrammingError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool

from mcu.errors import Internal, StoreUnavailable
from mcu.store.bans import SqlBans
from mcu.store.claim import PATIENCE_S, Claim, wait_for_migrations
from mcu.store.filelock import FileLock
from mcu.store.interfaces import Unit
from mcu.store.outbox import SqlOutbox
from mcu.store.recordings import SqlRecordings
from mcu.store.replays import SqlReplays
from mcu.store.rooms import SqlLayouts, SqlRooms
from mcu.store.tables import METADATA

log = structlog.get_logger()

MEMORY: Final = "memory"
"""Instead of a URL: nothing is written, and everything is forgotten with the process."""

SERVER: Final = "mcu"
"""What a server is called that nobody gave a name."""

MIGRATIONS: Final = Path(__file__).parent / "migrations"
TIMEOUT_S: Final = 5.0
"""How long a connection, a lock of SQLite's or a statement may take before the store counts as unavailable."""

_DRIVERS: Final = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
_ADVICE: Final = "check the server's setting store.url, and the disk or database it names"


class Store:
    """Made by ``Store.open``; used on one event loop. SQLite works on a thread of aiosqlite's, PostgreSQL over a
    socket: the loop waits for neither.

    SQLite is in WAL mode with synchronous=NORMAL: what was committed survives the end of the process by any means;
    the machine losing its power may cost the last moments, never the file.

    A file has one server at a time. Servers that share a PostgreSQL database have different names; one whose name was
    taken over while it had lost the database raises StoreUnavailable from then on.
    """

    def __init__(self, engine: AsyncEngine, server: str, lock: FileLock | None, claim: Claim | None) -> None:
        self._engine = engine
        self._server = server
        self._lock = lock
        self._claim = claim
        self._writing = asyncio.Lock()
        # In memory there is one connection, which knows one transaction at a time.
        self._reading = self._writing if isinstance(engine.pool, StaticPool) else contextlib.nullcontext()

    @classmethod
    async def open(cls, place: str | Path, server: str = SERVER) -> "Store":
        """Opens a URL (``sqlite:///path``, ``postgresql://…``), ``memory``, or a path for SQLite, and brings its tables
        up to date. ``server`` is whose rows it is about. Raises StoreUnavailable; its message holds no password.
        """
        target = URL.create(_DRIVERS["sqlite"], database=str(place)) if isinstance(place, Path) else _target(place)
        lock = await asyncio.to_thread(_prepare_file, target)
        engine = _engine(target)
        claim = Claim(target, server, _options(target)["connect_args"]) if _is_postgres(target) else None
        store = cls(engine, server, lock, claim)
        try:
            with _faults():
                await store._hold(PATIENCE_S)
                async with engine.begin() as connection:
                    if claim is not None:
                        await wait_for_migrations(connection)
                    await connection.run_sync(METADATA.create_all if _in_memory(target) else _migrate)
        except BaseException:
            await store.close()
            raise
        log.info("store_opened", url=target.render_as_string(hide_password=True), server=server)
        return store

    @property
    def shared(self) -> bool:
        """Other servers may use the same database."""
        return self._claim is not None

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[Unit]:
        """A transaction in which nothing is written."""
        async with self._reading:
            with _faults():
                await self._hold()
                async with self._engine.connect() as connection:
                    yield self._unit(connection)

    @contextlib.asynccontextmanager
    async def write(self) -> AsyncIterator[Unit]:
        """A transaction: all of it is kept, or, when the block raises, nothing."""
        async with self._writing:
            with _faults():
                await self._hold()
                async with self._engine.begin() as connection:
                    yield self._unit(connection)

    async def close(self) -> None:
        """Idempotent."""
        await self._engine.dispose()
        if self._claim is not None:
            await self._claim.release()
        if self._lock is not None:
            self._lock.release()

    async def _hold(self, patience_s: float = 0.0) -> None:
        if self._claim is not None:
            await self._claim.hold(patience_s)

    def _unit(self, connection: AsyncConnection) -> Unit:
        return Unit(
            rooms=SqlRooms(connection, self._server),
            layouts=SqlLayouts(connection, self._server),
            replays=SqlReplays(connection, self._server),
            recordings=SqlRecordings(connection, self._server),
            outbox=SqlOutbox(connection, self._server),
            bans=SqlBans(connection),
        )


def _target(url: str) -> URL:
    """Raises StoreUnavailable for what is no URL of a database."""
    try:
        target = make_url("sqlite://" if url == MEMORY else url)
    except ArgumentError:
        raise StoreUnavailable("store.url is no URL of a database: write sqlite:///path, postgresql://…") from None
    return target.set(drivername=_DRIVERS.get(target.drivername, target.drivername))


def _in_memory(target: URL) -> bool:
    return target.get_backend_name() == "sqlite" and target.database in (None, "", ":memory:")


def _prepare_file(target: URL) -> FileLock | None:
    """SQLite's folder, and the right to be its only server. Raises StoreUnavailable."""
    if target.get_backend_name() != "sqlite" or target.database is None or _in_memory(target):
        return None
    path = Path(target.database)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(path.with_name(path.name + ".lock"))
    except BlockingIOError:
        message = f"another server uses the store {path}: give this one its own (--store, MCU_STORE__URL)"
        raise StoreUnavailable(message) from None
    except OSError as error:
        raise StoreUnavailable(f"the store {path} can't be written ({error.strerror}): {_ADVICE}") from error


def _is_postgres(target: URL) -> bool:
    return target.drivername == _DRIVERS["postgresql"]


def _options(target: URL) -> dict[str, Any]:
    if _in_memory(target):
        return {"poolclass": StaticPool}  # every connection must see the one database there is
    if target.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": TIMEOUT_S}}
    if _is_postgres(target):
        patience = {"timeout": TIMEOUT_S, "command_timeout": TIMEOUT_S}
        return {"pool_pre_ping": True, "pool_timeout": TIMEOUT_S, "connect_args": patience}
    return {}


def _engine(target: URL) -> AsyncEngine:
    try:
        engine = create_async_engine(target, **_options(target))
    except ModuleNotFoundError as error:
        message = f"the driver {error.name} of store.url is not installed: pip install 'mosaic-mcu[postgres]'"
        raise StoreUnavailable(message) from None
    except SQLAlchemyError as error:
        raise StoreUnavailable(f"store.url can't be used: {error}") from None
    if target.get_backend_name() == "sqlite":
        event.listen(engine.sync_engine, "connect", _set_up_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _: object) -> None:
    # Python's driver would begin transactions by itself, and none before a change of tables.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _migrate(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


@contextlib.contextmanager
def _faults() -> Iterator[None]:
    """The database's errors as ours. Statements and their values stay out of the message: they name people."""
    try:
        yield
    except (DataError, IntegrityError, ProgrammingError) as error:
        if not error.connection_invalidated:
            raise Internal(f"the store refused what it was asked ({_reason(error)})") from error
        raise StoreUnavailable(f"the store is gone ({_reason(error)}): {_ADVICE}") from error
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise StoreUnavailable(f"the store can't be used now ({_reason(error)}): {_ADVICE}") from error


def _reason(error: BaseException) -> str:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return f"{type(cause).__name__}: {str(cause).splitlines()[0][:200]}" if str(cause) else type(cause).__name__
