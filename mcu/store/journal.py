"""The way of changes into the store: rooms put them down and go on, one task writes them."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from mcu.errors import McuError, StoreUnavailable
from mcu.store.interfaces import NewEntry, Transactions, Unit

log = structlog.get_logger()

Change = Callable[[Unit], Awaitable[object]]

MAX_NEWS: Final = 5000
"""Events for webhooks that may wait for a store that is down; beyond that the oldest are dropped and counted."""
RETRY_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0)
SETTLE_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class JournalStatistics:
    """``waiting``: changes not written yet. ``available``: the last attempt to write went well."""

    waiting: int
    written: int
    failures: int
    dropped: int
    available: bool


class Journal:
    """Used on one event loop. ``put`` and ``announce`` never wait and never fail; what they took is written in their
    order, everything that waits in one transaction, again and again until the store takes it.

    Bounded: a change of the same ``key`` as one that waits takes its place, and of news there are ``MAX_NEWS``.
    """

    def __init__(self, store: Transactions, on_written: Callable[[], None] = lambda: None) -> None:
        self.on_written = on_written
        self._store = store
        self._changes: dict[Hashable, Change] = {}
        self._news: dict[int, None] = {}
        self._numbers = 0
        self._waiters: list[asyncio.Future[None]] = []
        self._wake = asyncio.Event()
        self._busy = self._closing = False
        self._written = self._failures = self._failed_in_a_row = self._dropped = 0
        self._writer: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._writer = asyncio.get_running_loop().create_task(self._run(), name="journal")

    @property
    def statistics(self) -> JournalStatistics:
        available = self._failed_in_a_row == 0
        return JournalStatistics(len(self._changes), self._written, self._failures, self._dropped, available)

    def put(self, key: Hashable, change: Change) -> None:
        """A change of what ``key`` names; it says everything that an earlier one of the same key said."""
        self._changes.pop(key, None)
        self._changes[key] = change
        self._wake.set()

    def take_back(self, key: Hashable) -> None:
        """What waits under ``key`` is not written any more."""
        self._changes.pop(key, None)

    def announce(self, entries: Sequence[NewEntry]) -> None:
        """Events for the outbox. None of them replaces another."""
        if not entries:
            return
        self._numbers += 1
        self._news[self._numbers] = None
        self.put(self._numbers, lambda unit: unit.outbox.add(entries))
        if len(self._news) > MAX_NEWS:
            oldest = next(iter(self._news))
            del self._news[oldest]
            self._changes.pop(oldest, None)
            self._count_dropped("the store has been down for too long")

    async def settled(self, timeout_s: float = SETTLE_S) -> None:
        """Returns once everything that was put down before is stored. Raises StoreUnavailable when that fails or takes
        too long; it is tried again all the same.
        """
        if not self._changes and not self._busy:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self._wake.set()
        try:
            async with asyncio.timeout(timeout_s):
                await waiter
        except TimeoutError:
            raise StoreUnavailable("the store is too slow: check its disk or database, then ask again") from None
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    async def close(self, timeout_s: float) -> None:
        """Writes what waits, if the store takes it in time. Idempotent."""
        self._closing = True
        self._wake.set()
        if self._writer is None:
            return
        _, late = await asyncio.wait({self._writer}, timeout=timeout_s)
        if late:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
        if self._changes:
            log.error("changes_not_stored", changes=len(self._changes))

    # The writer

    async def _run(self) -> None:
        while self._changes or not self._closing:
            if not self._changes and not self._waiters:
                self._wake.clear()
                await self._wake.wait()
                continue
            changes, waiters = self._changes, self._waiters
            self._changes, self._waiters, self._busy = {}, [], True
            try:
                await self._write(list(changes.values()))
            except StoreUnavailable as error:
                self._give_back(changes)
                _tell(waiters, error)
                await self._failed(error)
            except BaseException:
                self._give_back(changes)
                _tell(waiters, StoreUnavailable("the server is shutting down"))
                raise
            else:
                self._failed_in_a_row = 0
                self._written += len(changes)
                for key in changes:
                    if isinstance(key, int):
                        self._news.pop(key, None)
                _tell(waiters, None)
                self.on_written()
            finally:
                self._busy = False

    async def _write(self, changes: Sequence[Change]) -> None:
        """All in one transaction; where the store refuses that, each by itself without those it refuses."""
        if not changes:
            return
        try:
            async with self._store.write() as unit:
                for change in changes:
                    await change(unit)
        except StoreUnavailable:
            raise
        except McuError as error:
            log.error("changes_refused", changes=len(changes), error=error.message)
            if len(changes) == 1:
                self._count_dropped(error.message)
                return
            for change in changes:
                await self._write([change])

    def _give_back(self, changes: dict[Hashable, Change]) -> None:
        """What could not be written comes before what was put down since, unless that replaces it."""
        since = self._changes
        kept = {key: change for key, change in changes.items() if key not in since}
        self._changes = {key: change for key, change in kept.items() if not isinstance(key, int) or key in self._news}
        self._changes.update(since)

    async def _failed(self, error: StoreUnavailable) -> None:
        self._failures += 1
        pause_s = RETRY_S[min(self._failed_in_a_row, len(RETRY_S) - 1)]
        self._failed_in_a_row += 1
        if self._failed_in_a_row & (self._failed_in_a_row - 1) == 0:
            log.error("store_unavailable", error=error.message, failures=self._failed_in_a_row, retry_in_s=pause_s)
        await asyncio.sleep(pause_s)

    def _count_dropped(self, reason: str) -> None:
        self._dropped += 1
        if self._dropped & (self._dropped - 1) == 0:
            log.error("change_dropped", reason=reason, dropped=self._dropped)


def _tell(waiters: Sequence[asyncio.Future[None]], error: StoreUnavailable | None) -> None:
    for waiter in waiters:
        if waiter.done():
            continue
        if error is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(error)
