"""Bans hold at once, whatever the store does, and are there again after a restart."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from mcu.bans import Ban
from mcu.store import journal as journal_module
from mcu.store.journal import Journal
from mcu.store.kept_bans import KeptBans
from mcu.store.store import Store
from tests.kit.store import FrailStore

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BOUND_S = 10.0
END = NOW + timedelta(hours=1)


@contextlib.asynccontextmanager
async def two_servers(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[KeptBans, KeptBans, FrailStore, Journal]]:
    """Their bans; the first one's store, which can fail, and its journal."""
    monkeypatch.setattr(journal_module, "RETRY_S", (0.005,))
    real = await Store.open("memory")
    frail = FrailStore(real)
    journals = Journal(frail), Journal(real)
    for journal in journals:
        journal.start()
    try:
        yield KeptBans(journals[0], frail), KeptBans(journals[1], real), frail, journals[0]
    finally:
        for journal in journals:
            await journal.close(BOUND_S)
        await real.close()


async def test_bans_survive_a_restart_and_their_end_does_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "RETRY_S", (0.005,))
    real = await Store.open("memory")
    store = FrailStore(real)
    journal = Journal(store)
    journal.start()
    try:
        first = KeptBans(journal)
        await first.load(store, NOW)
        for minutes, identity in ((5, "eve"), (90, "mallory"), (60, "trudy")):
            await first.ban("team", identity, NOW + timedelta(minutes=minutes), "noise")
        assert await first.lift("team", "trudy")
        assert not await first.lift("team", "trudy")

        second = KeptBans(journal)
        later = NOW + timedelta(minutes=6)
        await second.load(store, later)
        assert await second.list("team", later) == [Ban("team", "mallory", NOW + timedelta(minutes=90), "noise")]
        assert await second.banned_until("team", "eve", NOW) is None

        store.down = True
        end = NOW + timedelta(hours=9)
        await second.ban("team", "ivan", end, "")
        await second.ban("team", "olga", end, "")
        assert await second.banned_until("team", "ivan", later) == end
        store.down = False
        await journal.settled()
        third = KeptBans(journal)
        await third.load(store, later)
        assert [ban.identity for ban in await third.list("team", later)] == ["mallory", "ivan", "olga"]
    finally:
        await journal.close(BOUND_S)
        await real.close()


async def test_a_ban_and_its_end_hold_on_a_server_that_was_running_already(monkeypatch: pytest.MonkeyPatch) -> None:
    async with two_servers(monkeypatch) as (one, two, _, _):
        await one.ban("team", "eve", END, "noise")
        await one.ban("tea", "ivan", END, "")
        assert await two.banned_until("team", "eve", NOW) == END
        assert await two.list("team", NOW) == [Ban("team", "eve", END, "noise")]
        assert await two.lift("team", "eve")
        assert await one.banned_until("team", "eve", NOW) is None
        assert await one.list("team", NOW) == []
        assert not await one.lift("team", "eve")
        assert await two.lift("tea", "ivan"), "which this server never heard of"
        assert await one.banned_until("tea", "ivan", NOW) is None


async def test_while_the_store_is_down_what_was_known_last_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    async with two_servers(monkeypatch) as (one, two, store, journal):
        await two.ban("team", "eve", END, "")
        await two.ban("team", "mallory", END, "")
        assert len(await one.list("team", NOW)) == 2
        store.down = True
        assert await one.banned_until("team", "eve", NOW) == END
        await one.ban("team", "ivan", END, "")
        await one.lift("team", "mallory")
        assert await one.banned_until("team", "ivan", NOW) == END
        assert [ban.identity for ban in await one.list("team", NOW)] == ["eve", "ivan"]
        store.down = False
        assert [ban.identity for ban in await one.list("team", NOW)] == ["eve", "ivan"]
        await journal.settled()
        for server in (one, two):
            assert [ban.identity for ban in await server.list("team", NOW)] == ["eve", "ivan"]


async def test_what_is_read_never_undoes_what_was_changed_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    async with two_servers(monkeypatch) as (one, two, store, _):
        store.pass_on.clear()
        banning = asyncio.create_task(one.ban("team", "eve", END, ""))
        await asyncio.sleep(0)
        asked = asyncio.create_task(one.list("team", NOW))
        await asyncio.sleep(0)
        store.pass_on.set()
        await banning
        assert len(await asked) == 1
        await asyncio.gather(*(one.ban("team", f"p{number}", END, "") for number in range(5)), one.list("team", NOW))
        assert len(await one.list("team", NOW)) == len(await two.list("team", NOW)) == 6
