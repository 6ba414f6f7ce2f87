"""Stores to test: in memory, in a file, and in a PostgreSQL that lives as long as the session."""

import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from mcu.store.store import Store
from tests.kit.postgres import Postgres, running_postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str | Path:
    """Where a store may lie. PostgreSQL's keeps what earlier tests left there."""
    match request.param:
        case "memory":
            return "memory"
        case "sqlite":
            return tmp_path / "deep" / "mcu.db"
        case _:
            server: Postgres = request.getfixturevalue("postgres")
            return server.url


@pytest.fixture
async def store(place: str | Path) -> AsyncIterator[Store]:
    store = await Store.open(place)
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
async def fresh_postgres(postgres: Postgres) -> str:
    """The URL of a database in which there is nothing yet."""
    name = f"mcu_{secrets.token_hex(4)}"
    url = postgres.url.replace("postgresql://", "postgresql+asyncpg://")
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(sa.text(f"CREATE DATABASE {name}"))
    await engine.dispose()
    return f"{postgres.url.rpartition('/')[0]}/{name}"
