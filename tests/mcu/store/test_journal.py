"""Changes reach the store in their order, whatever the store does, and nobody waits for it."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest

from mcu.errors import Internal, StoreUnavailable
from mcu.store import journal as journal_module
from mcu.store.interfaces import NewEntry, Unit
from mcu.store.journal import Journal
from mcu.store.store import Store
from tests.kit.store import FrailStore

BOUND_S = 10.0


@pytest.fixture
async def store() -> AsyncIterator[FrailStore]:
    store = await Store.open("memory")
    yield FrailStore(store)
    await store.close()


@pytest.fixture
async def journal(store: FrailStore, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Journal]:
    monkeypatch.setattr(journal_module, "RETRY_S", (0.005,))
    journal = Journal(store)
    journal.start()
    yield journal
    await journal.close(BOUND_S)


def news(event: str) -> list[NewEntry]:
    return [NewEntry("hook", "team", event, "{}", 0)]


async def told(store: FrailStore) -> list[str]:
    async with store.read() as unit:
        return [entry.event for entry in await unit.outbox.lane("hook", "team", 10_000)]


async def failed_again(store: FrailStore, times: int = 2) -> None:
    async with asyncio.timeout(BOUND_S):
        for _ in range(times):
            store.failed.clear()
            await store.failed.wait()


async def test_what_was_put_down_is_stored_when_it_settles(store: FrailStore, journal: Journal) -> None:
    for number in range(20):
        journal.announce(news(str(number)))
    await journal.settled()
    assert await told(store) == [str(number) for number in range(20)]
    assert journal.statistics.waiting == 0
    await journal.settled()


async def test_the_newest_change_of_a_key_is_the_one_that_is_written(store: FrailStore, journal: Journal) -> None:
    async def write(number: int, _: Unit) -> None:
        written.append(number)

    written: list[int] = []
    store.pass_on.clear()
    for number in range(5):
        journal.put(("room", "team"), partial(write, number))
    journal.put(("room", "gone"), partial(write, 99))
    journal.take_back(("room", "gone"))
    store.pass_on.set()
    await journal.settled()
    assert written == [4]


async def test_a_store_that_comes_back_gets_everything_in_order(store: FrailStore, journal: Journal) -> None:
    store.down = True
    journal.announce(news("1"))
    with pytest.raises(StoreUnavailable):
        await journal.settled()
    assert journal.statistics.available is False
    await failed_again(store)
    journal.announce(news("2"))
    await failed_again(store)
    store.down = False
    await journal.settled()
    assert await told(store) == ["1", "2"]
    after = journal.statistics
    assert (after.available, after.dropped) == (True, 0)


async def test_a_slow_store_is_not_waited_for_for_ever(store: FrailStore, journal: Journal) -> None:
    store.pass_on.clear()
    journal.announce(news("1"))
    with pytest.raises(StoreUnavailable, match="slow"):
        await journal.settled(0.01)
    store.pass_on.set()
    await journal.settled()
    assert await told(store) == ["1"]


async def test_news_that_wait_are_bounded(store: FrailStore, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "MAX_NEWS", 3)
    store.down = True
    for number in range(3):
        journal.announce(news(str(number)))
    await failed_again(store)
    for number in range(3, 8):
        journal.announce(news(str(number)))
        await failed_again(store)
    store.down = False
    await journal.settled()
    assert await told(store) == ["5", "6", "7"]
    assert journal.statistics.dropped == 5


async def test_one_change_that_is_refused_costs_no_other(store: FrailStore, journal: Journal) -> None:
    async def refuse(unit: Unit) -> None:
        raise Internal("no")

    store.pass_on.clear()
    journal.announce(news("1"))
    journal.put(("bad", 1), refuse)
    journal.announce(news("2"))
    store.pass_on.set()
    await journal.settled()
    assert await told(store) == ["1", "2"]
    assert journal.statistics.dropped == 1


async def test_closing_writes_what_waits_but_never_waits_long(store: FrailStore) -> None:
    journal = Journal(store)
    journal.start()
    journal.announce(news("1"))
    await journal.close(BOUND_S)
    assert await told(store) == ["1"]
    late = Journal(store)
    late.start()
    store.down = True
    late.announce(news("2"))
    async with asyncio.timeout(BOUND_S):
        await late.close(0.01)
        await late.close(0.01)
    assert late.statistics.waiting == 1
