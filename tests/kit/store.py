"""A store that can misbehave: ``down`` makes every transaction fail, a cleared ``pass_on`` holds the writers up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mcu.errors import StoreUnavailable
from mcu.store.interfaces import Unit
from mcu.store.store import Store


class FrailStore:
    """``Transactions`` over a real store. ``failed`` is set by each that was refused."""

    def __init__(self, store: Store) -> None:
        self.down = False
        self.failed = asyncio.Event()
        self.pass_on = asyncio.Event()
        self.pass_on.set()
        self._store = store

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Unit]:
        self._check()
        async with self._store.read() as unit:
            yield unit

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Unit]:
        await self.pass_on.wait()
        self._check()
        async with self._store.write() as unit:
            yield unit

    def _check(self) -> None:
        if self.down:
            self.failed.set()
            raise StoreUnavailable("the test says so")
