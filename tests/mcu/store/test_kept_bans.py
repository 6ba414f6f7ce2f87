"""Bans hold at once, whatever the store does, and are there again after a restart."""

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
