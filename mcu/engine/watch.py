"""An eye on one open room: what must survive a restart goes to the store, and what others want to hear is announced."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import structlog

from mcu.engine.engine import RoomHandle
from mcu.engine.news import Announcer, EndReason, Knocked, News, RoomEnded, RoomOpened
from mcu.errors import Internal, McuError
from mcu.protocol import commands as c
from mcu.protocol import events as e
from mcu.protocol.access import RoomChanges, WaitingInfo
from mcu.protocol.groups import SetGroup
from mcu.protocol.models import ParticipantInfo, RecordingInfo, RoomInfo, ViewSpec
from mcu.protocol.versions import LayoutHistory, ScheduledLayouts
from mcu.store.interfaces import KeptLayout, RoomRecord, Unit
from mcu.store.journal import Journal
from mcu.store.replay import Key, Replay, is_plain, key_of

log = structlog.get_logger()

ReplyT = TypeVar("ReplyT", bound=c.Reply)

PAUSE_S: Final = 0.5
"""Before a room is listened to again after that failed."""
MAX_INDEXED: Final = 10_000
"""Recordings that the store knows of: as many as there may be manifests."""
LOST: Final = "it was not found again after its server or worker had ended"


@dataclass(frozen=True, slots=True)
class Memory:
    """All that is kept of a room. ``running``: recordings whose end was not seen; ``replays``: what it is asked again
    when it opens again, which is bounded by how many views and groups a room has.
    """

    record: RoomRecord
    layouts: dict[str, KeptLayout]
    running: tuple[RecordingInfo, ...] = ()
    replays: tuple[Replay, ...] = ()


class Watch:
    """Hears everything a room says from its making on, until the room has ended. On the room handle's event loop.

    A room that speaks faster than it is heard ends the subscription; then the room is asked for what was missed.
    ``find()`` is the room's handle while it is open, ``restore(handle, memory)`` puts back what the room of another
    handle has forgotten. ``on_end(watch, closed)`` is called once; not ``closed``: it is gone without a word.
    """

    def __init__(
        self,
        handle: RoomHandle,
        memory: Memory,
        journal: Journal,
        announcer: Announcer,
        *,
        find: Callable[[], Awaitable[RoomHandle | None]],
        restore: Callable[[RoomHandle, Memory], Awaitable[None]],
        on_end: Callable[["Watch", bool], None],
    ) -> None:
        self.name = handle.name
        self._handle = handle
        self._record = memory.record
        self._layouts = dict(memory.layouts)
        self._running = {info.id: info for info in memory.running}
        self._replays: dict[Key, Replay] = {key_of(command): command for command in memory.replays}
        self._journal = journal
        self._announcer = announcer
        self._find = find
        self._restore = restore
        self._on_end = on_end
        self._people: dict[str, ParticipantInfo] = {}
        self._dominant: str | None = None
        self._stale_views: set[str] = set()
        self._events: AsyncIterator[e.Event] = handle.events()
        self._task: asyncio.Task[None] | None = None

    @property
    def memory(self) -> Memory:
        return Memory(self._record, dict(self._layouts), tuple(self._running.values()), tuple(self._replays.values()))

    async def start(self) -> None:
        """Tells how an earlier life of the room ended, and that it is open; then listens on. Raises McuError."""
        info = await self._ask(c.GetRoom(), RoomInfo)
        if self._running:
            await self._check_recordings()
        if self._record.announced:
            self._announce(RoomEnded("lost"))
        self._announce(RoomOpened(info))
        self._record = replace(self._record, views=info.views, announced=True)
        self._save()
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"watch-{self.name}")

    async def keep_layout(self, view: str) -> None:
        """Puts down a view's layout as it is now. Raises McuError when the room doesn't answer."""
        history = await self._ask(c.GetLayoutHistory(view=view), LayoutHistory)
        scheduled = await self._ask(c.ListScheduledLayouts(view=view), ScheduledLayouts)
        kept = self._layouts[view] = KeptLayout(history.versions, scheduled.scheduled)
        self._journal.put(("layout", self.name, view), lambda unit: unit.layouts.save(self.name, view, kept))

    async def keep_views(self) -> None:
        """Puts down which views the room has now. Raises McuError."""
        self._views_changed((await self._ask(c.GetRoom(), RoomInfo)).views)

    def keep_changes(self, changes: RoomChanges) -> None:
        """Puts down a change of the room's definition that the room has taken."""
        self._record = replace(self._record, spec=changes.applied_to(self._record.spec))
        self._save()

    def keep_replay(self, command: Replay) -> None:
        """Puts down what the room has carried out, to be asked again when it opens again."""
        key = key_of(command)
        if is_plain(command):
            self._replays.pop(key, None)
        else:
            self._replays[key] = command
        self._journal.put(("replay", self.name, *key), lambda unit: unit.replays.save(self.name, command))

    def knocked(self, waiting: WaitingInfo) -> None:
        """Somebody waits from now on."""
        self._announce(Knocked(waiting))

    def ended(self, reason: EndReason, *, forget: bool) -> None:
        """The room has closed; it is told, and what was kept of it goes, or stays for the next start."""
        self._announce(RoomEnded(reason))
        self._record = replace(self._record, announced=False)
        if forget:
            for view in self._layouts:
                self._journal.take_back(("layout", self.name, view))
            for key in self._replays:
                self._journal.take_back(("replay", self.name, *key))
            self._journal.put(("room", self.name), lambda unit: unit.rooms.forget(self.name))
        else:
            self._save()

    async def join(self, timeout_s: float) -> bool:
        """True once the room has ended and everything it said was heard."""
        if self._task is None:
            return True
        done, _ = await asyncio.wait({self._task}, timeout=timeout_s)
        return bool(done)

    async def close(self) -> None:
        """Listens no more. Idempotent."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # Listening

    async def _run(self) -> None:
        while True:
            try:
                if await self._listen():
                    self._on_end(self, True)
                    return
                handle = await self._find()
                if handle is None:
                    self._on_end(self, False)
                    return
                await self._catch_up(handle)
            except McuError as error:
                log.warning("watch_failed", room=self.name, error=error.message)
                await asyncio.sleep(PAUSE_S)
            except Exception:
                # The boundary of one room's watch: whatever a room answers, it is heard on.
                log.exception("watch_failed", room=self.name)
                await asyncio.sleep(PAUSE_S)

    async def _listen(self) -> bool:
        """True when the room said that it closed; False when it just fell silent."""
        async for event in self._events:
            self._hear(event)
            if isinstance(event, e.RoomClosed):
                return True
            while self._stale_views:
                await self._keep_stale(self._stale_views.pop())
        return False

    async def _keep_stale(self, view: str) -> None:
        try:
            await self.keep_layout(view)
        except McuError as error:
            log.debug("layout_not_kept", room=self.name, view=view, error=error.message)  # the view or room has gone

    def _hear(self, event: e.Event) -> None:
        if event.to is not None and not isinstance(event, e.PeerFailed | e.QualityChanged):
            return  # what is said to one person, and who is hidden, is nobody else's business
        person = None
        match event:
            case e.ParticipantJoined() | e.ParticipantUpdated():
                person = self._people[event.participant.id] = event.participant
            case e.ParticipantLeft():
                person = self._people.pop(event.id, None)
            case e.PeerFailed():
                person = self._people.get(event.to or "")
            case e.QualityChanged():
                person = self._people.get(event.to or "")
                if person is None:
                    return  # who is hidden
            case e.Speakers():
                if event.dominant == self._dominant:
                    return
                self._dominant = event.dominant
                person = self._people.get(event.dominant or "")
            case e.RoomUpdated():
                self._views_changed(event.room.views)
            case e.LayoutChangedEvent() | e.LayoutScheduled() | e.LayoutDropped():
                self._stale_views.add(event.view)
            case e.RecordingChanged():
                self._recording_changed(event.recording)
            case e.RoomClosed():
                return  # whoever made the watch knows why, and says so
        self._announce(event, person)

    async def _catch_up(self, handle: RoomHandle) -> None:
        """After a silence: who came and went is told, and what changed is kept. A room that another handle has goes on
        elsewhere, and may have forgotten what is remembered here.
        """
        log.warning("watch_fell_behind", room=self.name)
        moved, self._handle = handle is not self._handle, handle
        self._events = handle.events()
        if moved:
            await self._restore(handle, self.memory)
        present = {one.id: one for one in (await self._ask(c.ListParticipants(), c.ParticipantList)).participants}
        for identifier in self._people.keys() - present.keys():
            self._hear(e.ParticipantLeft(id=identifier, reason="lost"))
        for identifier, info in present.items():
            if identifier not in self._people:
                self._hear(e.ParticipantJoined(participant=info))
        self._people = present
        await self.keep_views()
        await self._check_recordings()
        for view in self._record.views:
            await self.keep_layout(view.name)

    async def _check_recordings(self) -> None:
        """Tells of recordings that began or ended unheard, and of those nothing is left of."""
        listed = (await self._ask(c.ListRecordings(), c.RecordingList)).recordings
        for info in listed:
            known = self._running.get(info.id)
            if info.runs if known is None else known.state != info.state:
                self._hear(e.RecordingChanged(recording=info))
        for identifier in self._running.keys() - {info.id for info in listed}:
            lost = self._running[identifier].model_copy(update={"state": "failed", "error": LOST})
            self._hear(e.RecordingChanged(recording=lost))

    def _views_changed(self, views: tuple[ViewSpec, ...]) -> None:
        if views != self._record.views:
            self._record = replace(self._record, views=views)
            names = {view.name for view in views}
            self._layouts = {view: kept for view, kept in self._layouts.items() if view in names}
            kept = {key: one for key, one in self._replays.items() if isinstance(one, SetGroup) or one.view in names}
            for key in self._replays.keys() - kept.keys():
                self._journal.take_back(("replay", self.name, *key))
            self._replays = kept
            self._save()

    def _recording_changed(self, info: RecordingInfo) -> None:
        if info.runs:
            self._running[info.id] = info
        else:
            self._running.pop(info.id, None)

        async def save(unit: Unit) -> None:
            await unit.recordings.save(info)
            await unit.recordings.trim(MAX_INDEXED)

        self._journal.put(("recording", info.id), save)

    def _announce(self, news: News, person: ParticipantInfo | None = None) -> None:
        self._journal.announce(self._announcer(self.name, news, person))

    def _save(self) -> None:
        record = self._record
        self._journal.put(("room", self.name), lambda unit: unit.rooms.save(record))

    async def _ask(self, command: c.Command, reply: type[ReplyT]) -> ReplyT:
        answer = await self._handle.call(command)
        if not isinstance(answer, reply):
            raise Internal(f"{command.type} was answered with {type(answer).__name__}")
        return answer
