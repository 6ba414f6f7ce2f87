"""Servers that share a database: each sees its own, two of one name never run, and tables are changed by one alone."""

import asyncio
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from mcu.bans import Ban
from mcu.errors import StoreUnavailable
from mcu.protocol.decor import Banner
from mcu.protocol.dressing import SetBanner
from mcu.protocol.models import RoomSpec, ViewSpec
from mcu.store import claim as claim_module
from mcu.store import store as store_module
from mcu.store.claim import lock_number
from mcu.store.interfaces import KeptLayout, NewEntry, RoomRecord
from mcu.store.store import MIGRATIONS, Store
from tests.mcu.store.test_store import NOW, a_recording, a_version

BOUND_S = 30.0


async def fill(store: Store, capacity: int) -> None:
    """A room ``team`` with all that is kept of one; its capacity and layout tell whose it is."""
    async with store.write() as unit:
        await unit.rooms.save(RoomRecord(RoomSpec(name="team", capacity=capacity), (ViewSpec(),)))
        await unit.layouts.save("team", "main", KeptLayout((a_version(capacity),)))
        await unit.replays.save("team", SetBanner(banner=Banner(text=str(capacity))))
        await unit.recordings.save(a_recording("team", capacity, "active"))
        await unit.outbox.add([NewEntry("hook", "team", f"e{capacity}", "{}", 1000)])


async def found(store: Store) -> list[object]:
    async with store.read() as unit:
        (record,) = await unit.rooms.all()
        (banner,) = await unit.replays.of("team")
        assert isinstance(banner, SetBanner)
        return [
            record.spec.capacity,
            (await unit.layouts.of("team"))["main"].versions[0].number,
            int(banner.banner.text or 0),
            *[int(info.id.rpartition("-")[2]) for info in await unit.recordings.running("team")],
            *[int(entry.event[1:]) for entry in await unit.outbox.heads("hook", 9)],
            await unit.outbox.pending("hook"),
        ]


async def test_two_servers_with_one_database_see_their_own_and_share_bans(fresh_postgres: str) -> None:
    one, two = [await Store.open(fresh_postgres, name) for name in ("one", "two")]
    try:
        await fill(one, 1)
        await fill(two, 2)
        assert await found(one) == [1, 1, 1, 1, 1, 1]
        assert await found(two) == [2, 2, 2, 2, 2, 1]
        async with two.write() as unit:
            assert await unit.outbox.keep_only([]) == 1
            assert await unit.recordings.keep_only([]) == 0
            await unit.rooms.forget("team")
            await unit.bans.ban("team", "eve", NOW, "noise")
        assert await found(one) == [1, 1, 1, 1, 1, 1]
        async with one.read() as unit:
            assert await unit.bans.all(NOW.replace(year=2020), 9) == [Ban("team", "eve", NOW, "noise")]
    finally:
        await one.close()
        await two.close()


async def test_a_name_has_one_server_at_a_time(fresh_postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await Store.open(fresh_postgres)
    monkeypatch.setattr(store_module, "PATIENCE_S", 0.0)
    with pytest.raises(StoreUnavailable, match="another server named 'mcu' uses this store"):
        await Store.open(fresh_postgres)
    monkeypatch.setattr(store_module, "PATIENCE_S", BOUND_S)
    waiting = asyncio.create_task(Store.open(fresh_postgres))
    await asyncio.sleep(0)
    await first.close()
    await (await asyncio.wait_for(waiting, BOUND_S)).close()


async def end_sessions(url: str, server: str) -> None:
    """As when a firewall forgets them."""
    other = await Store.open(url, "janitor")
    try:
        async with other._engine.connect() as connection:
            ended = await connection.scalars(
                sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = :name"),
                {"name": f"mosaic-mcu {server}"},
            )
            assert list(ended) == [True]
    finally:
        await other.close()


async def test_a_claim_that_was_lost_is_taken_again_unless_another_was_faster(
    fresh_postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim_module, "POLL_S", 0.005)
    first = await Store.open(fresh_postgres, "one")
    await fill(first, 1)
    await end_sessions(fresh_postgres, "one")
    claim = first._claim
    assert claim is not None
    async with asyncio.timeout(BOUND_S):
        while claim._stands():  # noqa: ASYNC110 - the driver has no event for it
            await asyncio.sleep(0.005)
    assert await found(first) == [1, 1, 1, 1, 1, 1]
    assert claim._stands()
    await end_sessions(fresh_postgres, "one")
    second = await Store.open(fresh_postgres, "one")
    try:
        for way in (first.read, first.write):
            with pytest.raises(StoreUnavailable, match="another server named 'one'"):
                async with way():
                    raise AssertionError("two servers of one name")
        await second.close()
        assert await found(first) == [1, 1, 1, 1, 1, 1]
    finally:
        await second.close()
        await first.close()


async def test_servers_that_start_at_once_make_the_tables_once(fresh_postgres: str) -> None:
    async with asyncio.timeout(BOUND_S):
        stores = await asyncio.gather(*(Store.open(fresh_postgres, f"s{number}") for number in range(4)))
    for store in stores:
        await store.close()


async def test_who_comes_while_tables_are_changed_waits(fresh_postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claim_module, "MIGRATION_PATIENCE_S", 0.0)
    first = await Store.open(fresh_postgres, "one")
    try:
        async with first._engine.begin() as connection:
            await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(lock_number("migrations"))))
            with pytest.raises(StoreUnavailable, match="changing this store's tables"):
                await Store.open(fresh_postgres, "two")
        await (await Store.open(fresh_postgres, "two")).close()
    finally:
        await first.close()


async def test_what_a_file_kept_before_servers_had_names_is_the_first_ones(tmp_path: Path) -> None:
    await keep_over_a_migration(tmp_path / "mcu.db")


async def test_what_postgres_kept_before_servers_had_names_is_the_first_ones(fresh_postgres: str) -> None:
    await keep_over_a_migration(fresh_postgres)


async def keep_over_a_migration(place: str | Path) -> None:
    store = await Store.open(place)
    await fill(store, 7)
    async with store._engine.begin() as connection:
        await connection.run_sync(go_back)
        assert "server" not in await connection.run_sync(columns_of, "rooms")
    await store.close()
    store = await Store.open(place)
    try:
        async with store.write() as unit:
            await unit.replays.save("team", SetBanner(banner=Banner(text="7")))  # there was no such table
        assert await found(store) == [7, 7, 7, 7, 7, 1]
    finally:
        await store.close()


def go_back(connection: sa.Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.downgrade(config, "0001")


def columns_of(connection: sa.Connection, table: str) -> list[str]:
    return [column["name"] for column in sa.inspect(connection).get_columns(table)]
