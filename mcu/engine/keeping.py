"""An engine whose rooms survive a restart: it opens them again as they were, and keeps an eye on each."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from weakref import WeakValueDictionary

import structlog

from mcu.engine.capacity import Place
from mcu.engine.engine import Engine, RoomHandle
from mcu.engine.news import Announcer, EndReason, RoomEnded, nobody
from mcu.engine.watch import Memory, Watch
from mcu.engine.watched import WatchedRoom
from mcu.errors import McuError, StoreUnavailable
from mcu.protocol import commands as c
from mcu.protocol.access import RoomChanges, UpdateRoom
from mcu.protocol.models import RoomInfo, RoomSpec, ViewSpec
from mcu.store.interfaces import RoomRecord, Transactions
from mcu.store.journal import Journal
from mcu.store.metrics import render_store_metrics

log = structlog.get_logger()

END_S: Final = 1.0
LAST_WORDS_S: Final = 0.2
LAST_WRITE_S: Final = 0.3


class KeepingEngine:
    """Rooms run in ``engine``, in this process or elsewhere; what is kept of them goes to ``store`` from here. Used on
    one event loop, ``load`` first. The store stays open; the engine is closed with this one.

    A room is kept from its opening to its end: when it is deleted or closes for being empty it is forgotten; when the
    server ends, by a signal or by force, its rooms are there again at the next start.
    """

    def __init__(self, engine: Engine, store: Transactions, announcer: Announcer = nobody) -> None:
        self.journal = Journal(store)
        self._engine = engine
        self._store = store
        self._announcer = announcer
        self._remembered: dict[str, Memory] = {}
        self._watches: dict[str, Watch] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._deleting: set[str] = set()
        self._closing = False

    async def load(self) -> None:
        """Reads what was kept. Raises StoreUnavailable."""
        async with self._store.read() as unit:
            for record in await unit.rooms.all():
                self._remembered[record.name] = Memory(
                    record,
                    dict(await unit.layouts.of(record.name)),
                    tuple(await unit.recordings.running(record.name)),
                    tuple(await unit.replays.of(record.name)),
                )
        self.journal.start()

    async def reopen(self) -> None:
        """Opens the rooms that were kept and are not open yet, but for the permanent ones of settings that no longer
        name them. One that can't be opened is kept on, and logged.
        """
        for name, memory in tuple(self._remembered.items()):
            async with self._lock(name):
                if name not in self._remembered:
                    continue
                spec = memory.record.spec
                if spec.permanent and not spec.defined:
                    self._forget(memory)
                    continue
                try:
                    await self._begin(spec, memory)
                except McuError as error:
                    log.error("room_not_reopened", room=name, error=error.message)

    async def open(self, room: RoomSpec) -> RoomHandle:
        """Finds the room or starts it. One that was kept comes back as it was, unless ``room`` defines it anew; what is
        defined is stored before this returns. Raises NoCapacity or StoreUnavailable.
        """
        async with self._lock(room.name):
            found = await self.find(room.name)
            if found is not None:
                return found
            memory = self._remembered.get(room.name)
            if memory is not None and not room.defined:
                return await self._begin(room if room.permanent else memory.record.spec, memory)
            if memory is not None:
                self._forget(memory)
            return await self._begin(room, Memory(RoomRecord(room, (room.view,)), {}))

    async def find(self, name: str) -> RoomHandle | None:
        handle = await self._engine.find(name)
        watch = self._watches.get(name)
        return handle if handle is None or watch is None else WatchedRoom(handle, watch, self.journal)

    async def rooms(self) -> Sequence[RoomInfo]:
        return await self._engine.rooms()

    async def close_room(self, name: str) -> None:
        """Everybody is told, recordings are finished, and the room is forgotten. Raises NotFound."""
        watch = self._watches.get(name)
        self._deleting.add(name)
        try:
            await self._engine.close_room(name)
            if watch is not None and await watch.join(END_S) and self.journal.statistics.available:
                await self.journal.settled()
        except StoreUnavailable as error:
            log.warning("change_not_stored_yet", room=name, error=error.message)
        finally:
            self._deleting.discard(name)

    async def places(self) -> Sequence[Place]:
        return await self._engine.places()

    async def metrics(self) -> str:
        return await self._engine.metrics() + render_store_metrics(self.journal.statistics)

    async def close(self) -> None:
        """Closes every room; what they say last is kept, if the store is quick. Idempotent."""
        if self._closing:
            return
        self._closing = True
        try:
            await self._engine.close()
        finally:
            watches = tuple(self._watches.values())
            await asyncio.gather(*(watch.join(LAST_WORDS_S) for watch in watches))
            await asyncio.gather(*(watch.close() for watch in watches))
            await self.journal.close(LAST_WRITE_S)

    # One room

    async def _begin(self, spec: RoomSpec, memory: Memory) -> RoomHandle:
        """Opens a room and brings back what is remembered of it, before anybody finds it."""
        if spec.defined and not self.journal.statistics.available:
            raise StoreUnavailable("the store is down, and a room that is not stored would be lost: try again later")
        if spec.name in self._watches and not await self._watches[spec.name].join(END_S):
            log.warning("room_still_ending", room=spec.name)
        main = _main_view(spec, memory.record)
        handle = await self._engine.open(spec.model_copy(update={"view": main}))
        memory = replace(memory, record=replace(memory.record, spec=spec))
        watch = Watch(
            handle,
            memory,
            self.journal,
            self._announcer,
            find=lambda: self._engine.find(spec.name),
            restore=self._revive,
            on_end=self._ended,
        )
        await self._restore(handle, memory)
        await watch.start()
        self._watches[spec.name] = watch
        self._remembered.pop(spec.name, None)
        await self._stored(spec)
        return WatchedRoom(handle, watch, self.journal)

    async def _restore(self, handle: RoomHandle, memory: Memory) -> None:
        """A part that can't be restored is left out, and logged."""
        main = memory.record.spec.view.name
        commands: list[c.Command] = [c.CreateView(spec=view) for view in memory.record.views if view.name != main]
        commands += [
            c.RestoreLayout(view=view, versions=kept.versions, scheduled=kept.scheduled)
            for view, kept in memory.layouts.items()
        ]
        commands += memory.replays
        for command in commands:
            try:
                await handle.call(command)
            except McuError as error:
                if error.error_code != "view_exists":
                    log.error("not_restored", room=handle.name, what=command.type, error=error.message)

    async def _revive(self, handle: RoomHandle, memory: Memory) -> None:
        """The engine has opened the room elsewhere, as it was defined at first."""
        spec = memory.record.spec
        definition = RoomChanges(**{name: getattr(spec, name) for name in RoomChanges.model_fields})
        try:
            await handle.call(UpdateRoom(changes=definition))
        except McuError as error:
            log.error("not_restored", room=handle.name, what="update_room", error=error.message)
        await self._restore(handle, memory)

    async def _stored(self, spec: RoomSpec) -> None:
        """Raises StoreUnavailable for a room that was defined; it is closed again. Others go on without."""
        try:
            if self.journal.statistics.available:
                await self.journal.settled()
        except StoreUnavailable as error:
            if spec.defined and not self._closing:
                await self.close_room(spec.name)
                raise
            log.warning("room_not_stored_yet", room=spec.name, error=error.message)

    def _ended(self, watch: Watch, closed: bool) -> None:
        if self._watches.get(watch.name) is not watch:
            return
        del self._watches[watch.name]
        reason: EndReason = "deleted" if watch.name in self._deleting else "closed" if closed else "lost"
        if self._closing:
            reason = "server_stopped"
        watch.ended(reason, forget=closed and not self._closing)
        if reason == "lost":
            self._remembered[watch.name] = watch.memory
            log.error("room_lost", room=watch.name)

    def _forget(self, memory: Memory) -> None:
        """What was kept of a room that isn't open goes."""
        name = memory.record.name
        del self._remembered[name]
        if memory.record.announced:
            self.journal.announce(self._announcer(name, RoomEnded("lost"), None))
        self.journal.put(("forgotten", name), lambda unit: unit.rooms.forget(name))

    def _lock(self, name: str) -> asyncio.Lock:
        """One lock for each name that is being opened."""
        return self._locks.setdefault(name, asyncio.Lock())


def _main_view(spec: RoomSpec, record: RoomRecord) -> ViewSpec:
    """As it was changed while the room was open; where it never was, as the definition has it now."""
    last = record.views[0] if record.views else spec.view
    return spec.view if last == record.spec.view.model_copy(update={"name": last.name}) else last
