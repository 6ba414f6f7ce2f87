"""What is put into the store comes out again, in every database it may lie in."""

import asyncio
import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from mcu.errors import StoreUnavailable
from mcu.protocol.decor import Banner, LogoPlace
from mcu.protocol.dressing import SetBackgroundImage, SetBanner, SetLogo
from mcu.protocol.groups import GroupSpec, SetGroup
from mcu.protocol.layout import Layout
from mcu.protocol.models import RecordingInfo, RoomSpec, ViewSpec
from mcu.protocol.versions import MAX_VERSIONS, LayoutVersion, ScheduledLayout
from mcu.store.interfaces import KeptLayout, NewEntry, RoomRecord, Unit
from mcu.store.store import Store
from mcu.store.tables import METADATA
from tests.kit.postgres import Postgres

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BOUND_S = 20.0


@pytest.fixture
def room() -> str:
    """A name no earlier test used."""
    return f"회의 {secrets.token_hex(4)}"


def a_version(number: int, preset: str = "grid") -> LayoutVersion:
    return LayoutVersion(etag=f"{number}-abc123", layout=Layout(preset=preset), changed_at=NOW, by="ada")


def an_entry(room: str, event: str, endpoint: str, *, at_ms: int = 1000) -> NewEntry:
    return NewEntry(endpoint, room, event, f'{{"id":"{event}"}}', at_ms)


def a_recording(room: str, number: int, state: str) -> RecordingInfo:
    return RecordingInfo.model_validate(
        {
            "id": f"{room[-8:]}-{number}",
            "room": room,
            "view": "main",
            "state": state,
            "file": "a.mp4",
            "started_at": NOW + timedelta(seconds=number),
            "duration_s": 1.5,
            "size_bytes": 1 << 40,
        }
    )


async def record_of(unit: Unit, room: str) -> RoomRecord | None:
    return next((record for record in await unit.rooms.all() if record.name == room), None)


async def test_a_room_comes_back_as_it_was_saved_last(store: Store, room: str) -> None:
    spec = RoomSpec(name=room, capacity=7, metadata={"topic": "ünïcode"}, defined=True)
    record = RoomRecord(spec, (ViewSpec(), ViewSpec(name="side", width=640)), announced=True)
    async with store.write() as unit:
        await unit.rooms.save(replace(record, announced=False))
        await unit.rooms.save(record)
    async with store.read() as unit:
        assert await record_of(unit, room) == record
    async with store.write() as unit:
        await unit.rooms.forget(room)
        await unit.rooms.forget(room)
    async with store.read() as unit:
        assert await record_of(unit, room) is None


async def test_layouts_come_back_in_order_and_bounded(store: Store, room: str) -> None:
    versions = tuple(a_version(number) for number in range(MAX_VERSIONS + 5, 0, -1))
    soon = ScheduledLayout(id="soon", at=NOW, patch={"pinned": None})
    later = ScheduledLayout(id="later", at=NOW + timedelta(hours=1), layout=Layout(preset="speaker"))
    async with store.write() as unit:
        await unit.layouts.save(room, "main", KeptLayout(versions[1:], (later,)))
        await unit.layouts.save(room, "main", KeptLayout(versions, (soon, later)))
        await unit.layouts.save(room, "side", KeptLayout((a_version(1, "strip"),)))
    async with store.read() as unit:
        kept = await unit.layouts.of(room)
        assert kept["main"] == KeptLayout(versions[:MAX_VERSIONS], (soon, later))
        assert kept["main"].scheduled[0].patch == {"pinned": None}
        assert [version.layout.preset for version in kept["side"].versions] == ["strip"]


async def test_layouts_go_with_their_view_and_with_their_room(store: Store, room: str) -> None:
    both = RoomRecord(RoomSpec(name=room), (ViewSpec(), ViewSpec(name="side")))
    async with store.write() as unit:
        await unit.rooms.save(both)
        for view in ("main", "side"):
            await unit.layouts.save(room, view, KeptLayout((a_version(1),), (ScheduledLayout(id="x", at=NOW),)))
        await unit.rooms.save(replace(both, views=both.views[:1]))
    async with store.read() as unit:
        assert set(await unit.layouts.of(room)) == {"main"}
    async with store.write() as unit:
        await unit.rooms.forget(room)
    async with store.read() as unit:
        assert await unit.layouts.of(room) == {}


async def test_recordings_are_found_by_room_and_by_whether_they_run(store: Store, room: str) -> None:
    def info(number: int, state: str) -> RecordingInfo:
        return a_recording(room, number, state)

    async with store.write() as unit:
        for number, state in enumerate(["active", "starting", "finished"]):
            await unit.recordings.save(info(number, state))
        await unit.recordings.save(info(0, "failed"))
    async with store.read() as unit:
        assert await unit.recordings.running(room) == [info(1, "starting")]
        assert await unit.recordings.of(room, 2) == [info(2, "finished"), info(1, "starting")]


async def test_the_index_of_recordings_is_bounded_and_follows_the_disk(store: Store, room: str) -> None:
    async with store.write() as unit:
        await unit.recordings.keep_only(())
        for number, state in enumerate(["finished", "active", "finished", "failed", "finished"]):
            await unit.recordings.save(a_recording(room, number, state))

    async def left() -> list[str]:
        async with store.read() as unit:
            return [info.id.rpartition("-")[2] for info in await unit.recordings.of(room, 99)]

    async with store.write() as unit:
        assert await unit.recordings.trim(3) == 1
        assert await unit.recordings.trim(3) == 0
    assert await left() == ["4", "3", "2", "1"], "the oldest went, but none that runs"
    async with store.write() as unit:
        there = {a_recording(room, number, "finished").id for number in (2, 4)}
        assert await unit.recordings.keep_only(there) == 1
    assert await left() == ["4", "2", "1"]


async def test_what_a_room_is_asked_again_is_the_last_of_each_thing(store: Store, room: str) -> None:
    logo = SetLogo(view="main", image=bytes(range(256)), place=LogoPlace(corner="bottom_left", width=0.2))
    hears = SetGroup(group="wolves", spec=GroupSpec(hears={"sheep": -6.0}))
    async with store.write() as unit:
        for command in (
            SetBanner(view="main", banner=Banner(text="one")),
            SetBanner(view="side", banner=Banner(text="two")),
            SetBanner(view="main", banner=Banner(text="three")),
            SetBackgroundImage(view="main", image=b"x"),
            SetBackgroundImage(view="main", image=None),
            logo,
            hears,
        ):
            await unit.replays.save(room, command)
    async with store.read() as unit:
        kept = list(await unit.replays.of(room))
    assert kept == [
        SetBanner(view="main", banner=Banner(text="three")),
        SetBanner(view="side", banner=Banner(text="two")),
        hears,
        logo,
    ]
    async with store.write() as unit:
        await unit.rooms.save(RoomRecord(RoomSpec(name=room), (ViewSpec(),)))
    async with store.read() as unit:
        assert list(await unit.replays.of(room)) == [kept[0], hears, logo], "the view is gone, and with it its banner"
    async with store.write() as unit:
        await unit.rooms.forget(room)
    async with store.read() as unit:
        assert await unit.replays.of(room) == []


async def test_the_outbox_keeps_each_rooms_order(store: Store, room: str) -> None:
    endpoint = f"hook-{room[-8:]}"
    async with store.write() as unit:
        await unit.outbox.add([an_entry("a", "a1", endpoint), an_entry("b", "b1", endpoint)])
        await unit.outbox.add([an_entry("a", "a2", endpoint, at_ms=500), an_entry("a", "x", "another")])
    async with store.read() as unit:
        assert [head.event for head in await unit.outbox.heads(endpoint, 9)] == ["a1", "b1"]
        lane = await unit.outbox.lane(endpoint, "a", 9)
        assert [entry.event for entry in lane] == ["a1", "a2"]
        assert await unit.outbox.pending(endpoint) == 3
    async with store.write() as unit:
        await unit.outbox.postpone(lane[0].id, 3, 99_000)
    async with store.read() as unit:
        heads = await unit.outbox.heads(endpoint, 9)
        assert [(head.event, head.attempts, head.next_ms) for head in heads] == [("b1", 0, 1000), ("a1", 3, 99_000)]
        assert [head.event for head in await unit.outbox.heads(endpoint, 1)] == ["b1"]
    async with store.write() as unit:
        await unit.outbox.done(lane[0].id)
    async with store.read() as unit:
        assert [head.event for head in await unit.outbox.heads(endpoint, 9)] == ["a2", "b1"]


async def test_the_outbox_is_bounded_by_age_and_number(store: Store, room: str) -> None:
    endpoint = f"hook-{room[-8:]}"
    async with store.write() as unit:
        await unit.outbox.add([an_entry("a", str(n), endpoint, at_ms=n) for n in range(10)])
        await unit.outbox.add([an_entry("a", "x", "another", at_ms=0)])
        assert await unit.outbox.trim(endpoint, most=100, created_before_ms=3) == 3
        assert await unit.outbox.trim(endpoint, most=5, created_before_ms=0) == 2
        assert await unit.outbox.trim(endpoint, most=5, created_before_ms=0) == 0
    async with store.read() as unit:
        left = await unit.outbox.lane(endpoint, "a", 99)
        assert [entry.event for entry in left] == ["5", "6", "7", "8", "9"]
        assert await unit.outbox.pending("another") >= 1
    async with store.write() as unit:
        assert await unit.outbox.keep_only([endpoint]) >= 1
        assert await unit.outbox.pending(endpoint) == 5


async def test_a_ban_ends_when_its_time_comes_or_it_is_lifted(store: Store, room: str) -> None:
    soon, late = NOW + timedelta(minutes=5), NOW + timedelta(days=2)
    async with store.write() as unit:
        await unit.bans.ban(room, "eve", late, "rude")
        await unit.bans.ban(room, "eve", soon, "noisy")
        await unit.bans.ban(room, "mallory", late, "")
        assert await unit.bans.banned_until(room, "eve", NOW) == soon
        assert await unit.bans.banned_until(room, "eve", soon) is None
        assert await unit.bans.banned_until("elsewhere", "eve", NOW) is None
        assert [(ban.identity, ban.reason) for ban in await unit.bans.list(room, NOW)] == [
            ("eve", "noisy"),
            ("mallory", ""),
        ]
        assert [ban.identity for ban in await unit.bans.list(room, soon)] == ["mallory"]
        assert await unit.bans.lift(room, "mallory")
        assert not await unit.bans.lift(room, "mallory")
        assert await unit.bans.banned_until(room, "mallory", NOW) is None


async def test_what_a_transaction_wrote_goes_when_it_fails(store: Store, room: str) -> None:
    async def write_half() -> None:
        async with store.write() as unit:
            await unit.rooms.save(RoomRecord(RoomSpec(name=room), ()))
            raise KeyError(room)

    with pytest.raises(KeyError):
        await write_half()
    async with store.read() as unit:
        assert await record_of(unit, room) is None


async def test_writers_and_readers_at_once_take_turns(store: Store, room: str) -> None:
    async def write(number: int) -> None:
        async with store.write() as unit:
            await unit.layouts.save(room, f"v{number}", KeptLayout((a_version(1),)))

    async def read() -> None:
        async with store.read() as unit:
            await unit.layouts.of(room)

    async with asyncio.timeout(BOUND_S):
        await asyncio.gather(*(job for number in range(10) for job in (write(number), read())))
    async with store.read() as unit:
        assert len(await unit.layouts.of(room)) == 10


@pytest.mark.parametrize("place", ["sqlite", "postgresql"], indirect=True)
async def test_everything_is_there_after_a_restart(place: str | Path, room: str) -> None:
    for announced in (False, True):
        store = await Store.open(place)
        async with store.write() as unit:
            found = await record_of(unit, room)
            assert (found is not None) is announced
            await unit.rooms.save(RoomRecord(RoomSpec(name=room), (ViewSpec(),), announced))
        await store.close()
        await store.close()


@pytest.mark.parametrize("place", ["sqlite", "postgresql"], indirect=True)
async def test_the_migrations_make_the_tables_that_the_code_knows(store: Store) -> None:
    def differences(connection: sa.Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, METADATA))

    async with store._engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_a_file_has_one_server(tmp_path: Path) -> None:
    path = tmp_path / "a % b?.db"
    first = await Store.open(path)
    with pytest.raises(StoreUnavailable, match="another server uses"):
        await Store.open(path)
    await first.close()
    await (await Store.open(path)).close()
    assert path.is_file()


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        ("no url", "sqlite:///path"),
        ("sqlite:////proc/none/mcu.db", "can't be written"),
        ("postgresql://u:hunter2@127.0.0.1:1/x", r"store\.url"),
        ("nosuch://u:hunter2@host/x", "store.url"),
    ],
)
async def test_a_store_that_cant_be_opened_says_what_to_do_and_no_secret(url: str, advice: str) -> None:
    with pytest.raises(StoreUnavailable, match=advice) as refused:
        await Store.open(url)
    assert refused.value.error_code == "store_unavailable"
    assert "hunter2" not in refused.value.message


async def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "mcu.db"
    path.write_bytes(b"a letter to grandmother, not a database" * 100)
    with pytest.raises(StoreUnavailable, match="not a database"):
        await Store.open(path)
    assert path.read_bytes().startswith(b"a letter")


async def test_a_database_that_isnt_there_is_named(postgres: Postgres) -> None:
    with pytest.raises(StoreUnavailable, match='"nowhere" does not exist'):
        await Store.open(postgres.url.rpartition("/")[0] + "/nowhere")


async def test_postgres_may_go_and_come_back(postgres: Postgres, room: str) -> None:
    store = await Store.open(postgres.url)
    try:
        postgres.stop()
        with pytest.raises(StoreUnavailable):
            async with store.read() as unit:
                await unit.rooms.all()
        postgres.start()
        async with store.write() as unit:
            await unit.rooms.save(RoomRecord(RoomSpec(name=room), ()))
    finally:
        postgres.start()
        await store.close()
