"""A room's handle that answers once what it changed for good is stored."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import Final

import structlog

from mcu.engine.engine import RoomHandle
from mcu.engine.watch import Watch
from mcu.errors import McuError, StoreUnavailable
from mcu.protocol import access as a
from mcu.protocol import commands as c
from mcu.protocol import events as e
from mcu.protocol.groups import SetGroup
from mcu.store.journal import Journal

log = structlog.get_logger()

PATIENCE_S: Final = 1.0
"""How long an answer waits for the store."""


class WatchedRoom:
    """A room's handle for everybody else: what changes the room for good, and what webhooks are to hear, is stored
    before it is answered, if the store takes it in time. A store that doesn't never stops a room: it catches up later.
    """

    def __init__(self, handle: RoomHandle, watch: Watch, journal: Journal) -> None:
        self._handle = handle
        self._watch = watch
        self._journal = journal

    @property
    def name(self) -> str:
        return self._handle.name

    def events(self, participant: str | None = None) -> AsyncIterator[e.Event]:
        return self._handle.events(participant)

    async def call(self, command: c.Command) -> c.Reply:
        """Raises McuError."""
        reply = await self._handle.call(command)
        match command:
            case c.SetLayout() | c.MergeLayout() | c.UndoLayout() | c.CancelScheduledLayout():
                await self._kept(self._watch.keep_layout(command.view))
            case c.CreateView() | c.UpdateView() | c.DeleteView():
                await self._kept(self._watch.keep_views())
            case c.SetBanner() | c.SetBackgroundImage() | c.SetLogo() | SetGroup():
                self._watch.keep_replay(command)
                await self._kept(asyncio.sleep(0))
            case a.UpdateRoom():
                self._watch.keep_changes(command.changes)
                await self._kept(asyncio.sleep(0))
            case c.Join() if isinstance(reply, a.Waiting):
                if command.admission is None:
                    self._watch.knocked(reply.waiting)
                    await self._kept(asyncio.sleep(0))
            case (
                c.Join()
                | c.Leave()
                | c.StartRecording()
                | c.PauseRecording()
                | c.ResumeRecording()
                | c.StopRecording()
                | c.StopOutput()
            ):
                # The watch was woken with the news of it, and hears them in this turn of the loop.
                await self._kept(asyncio.sleep(0))
        return reply

    async def _kept(self, putting: Awaitable[None]) -> None:
        try:
            await putting
            if self._journal.statistics.available:
                await self._journal.settled(PATIENCE_S)
        except StoreUnavailable as error:
            log.warning("change_not_stored_yet", room=self.name, error=error.message)
        except McuError as error:
            log.debug("change_not_kept", room=self.name, error=error.message)  # the room closed in this very moment
