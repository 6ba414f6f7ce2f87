"""A room of a worker process as the gateway holds it."""

import asyncio
from collections import deque
from collections.abc import Callable

import structlog
from pydantic import ValidationError

from mcu.engine.frames import Frame, dump_command, load_event, load_reply
from mcu.engine.memory import MAX_FORMER, Memory
from mcu.engine.process import WorkerProcess, gone
from mcu.engine.restoring import settle
from mcu.errors import McuError, NoCapacity, NotFound
from mcu.protocol.access import StopWaiting, UpdateRoom, Waiting
from mcu.protocol.commands import Command, Detach, Join, Joined, Reply, SetAvatar
from mcu.protocol.events import Moved, RoomClosed
from mcu.room.events import Events, Subscription

log = structlog.get_logger()


class RemoteRoom:
    """A ``RoomHandle``. Every event crosses once, whoever listens; each listener's queue is here, and bounded.

    ``on_gone`` is called when the worker says that there is no such room any more.
    """

    def __init__(
        self, number: int, memory: Memory, worker: WorkerProcess, on_gone: Callable[["RemoteRoom"], None]
    ) -> None:
        self.number = number
        self.memory = memory
        self.worker = worker
        self._on_gone = on_gone
        self._events = Events()
        self._ended = False
        self._moved = False
        self._abandoned: set[asyncio.Task[None]] = set()
        self._undressed: deque[SetAvatar] = deque(maxlen=MAX_FORMER)
        self._dressing: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        return self.memory.spec.name

    @property
    def overflows(self) -> int:
        """Event readers of the gateway that were ended for being too slow."""
        return self._events.overflows

    def events(self, participant: str | None = None) -> Subscription:
        subscription = self._events.subscribe(participant)
        if self._moved or self._ended:
            subscription.offer(Moved() if self._moved else RoomClosed())
            subscription.close()
        return subscription

    async def call(self, command: Command) -> Reply:
        """Raises ``McuError``: what the room raised, or ``NoCapacity`` when its worker ended."""
        if isinstance(command, Join):
            return await self._join(command)
        answer = await self._ask(command)
        if isinstance(command, UpdateRoom):
            self.memory.spec = command.changes.applied_to(self.memory.spec)
        return answer

    async def _ask(self, command: Command) -> Reply:
        if self._moved:
            raise gone()
        if self._ended:
            raise NotFound("this room has been closed", code="no_such_room")
        try:
            answer = await self.worker.exchange(Frame("call", room=self.number, body=dump_command(command)))
        except NotFound as error:
            if error.error_code == "no_such_room":
                self._on_gone(self)
            raise
        reply = load_reply(answer.name, answer.body)
        self.memory.carried_out(command, reply)
        return reply

    async def _join(self, command: Join) -> Reply:
        """Whoever lost their place with a worker gets their id back with the token they had, and is as they were. A
        join that nobody waits for any more is carried out all the same, and then undone. Raises ``NotFound`` when the
        worker ended: the room is to be looked for again.
        """
        former = self.memory.former.get(command.resume_token or "")
        if former is not None and command.identity in (None, former):
            # They were inside: neither a lock nor a lobby nor a full server is for them.
            command = command.model_copy(update={"former": former, "passes": True, "newcomers": True})
        asking = asyncio.get_running_loop().create_task(self._take_in(command, former), name=f"join-{self.name}")
        try:
            joined = await asyncio.shield(asking)
        except asyncio.CancelledError:
            undoing = asyncio.get_running_loop().create_task(self._undo(asking), name=f"unjoin-{self.name}")
            self._abandoned.add(undoing)
            undoing.add_done_callback(self._abandoned.discard)
            raise
        except NoCapacity:
            if not self._moved:
                raise
            raise NotFound("this room goes on elsewhere: join again", code="no_such_room") from None
        if isinstance(joined, Joined):
            self.memory.tokens[joined.participant.id] = joined.resume_token
        return joined

    async def _take_in(self, command: Join, former: str | None) -> Reply:
        joined = await self._ask(command)
        if not isinstance(joined, Joined) or joined.participant.id != former:
            return joined
        was = self.memory.absent.pop(former, None)
        avatar = self.memory.avatars.get(former)
        if avatar is not None:
            self._undressed.append(avatar)
            if self._dressing is None or self._dressing.done():
                self._dressing = asyncio.get_running_loop().create_task(self._dress(), name=f"dress-{self.name}")
        letters = self.memory.letters.take(former)
        return joined if was is None else await settle(self._ask, joined, was, letters)

    async def _dress(self) -> None:
        """One after the other: a room decodes images in turn, and refuses when many wait."""
        while self._undressed:
            avatar = self._undressed.popleft()
            try:
                await self._ask(avatar)
            except McuError as error:
                log.debug("avatar_not_restored", room=self.name, participant=avatar.participant, error=error.message)

    async def _undo(self, asking: "asyncio.Task[Reply]") -> None:
        try:
            joined = await asking
            if isinstance(joined, Joined):
                await self._ask(Detach(participant=joined.participant.id, resume_token=joined.resume_token))
            elif isinstance(joined, Waiting):
                await self._ask(StopWaiting(participant=joined.waiting.id, admission=joined.admission))
        except McuError as error:
            log.debug("join_not_undone", room=self.name, code=error.error_code)

    # Called by the engine, as the worker's news come in

    def deliver(self, body: bytes) -> None:
        try:
            event = load_event(body)
        except ValidationError as error:  # one that doesn't survive the border must not take the others with it
            log.error("event_unreadable", room=self.name, error=str(error.errors(include_input=False)[0]))
            return
        self.memory.learn(event)
        if isinstance(event, RoomClosed):
            self._ended = True
        self._events.emit(event)

    def fall_behind(self) -> None:
        """Some events were lost: everybody has to ask for the whole picture again."""
        log.warning("events_lost", room=self.name, worker=self.worker.number)
        self._events.close()

    def end(self) -> None:
        """The room is closed. Idempotent."""
        if not self._ended:
            self._ended = True
            self._events.emit(RoomClosed())

    def move(self) -> None:
        """The worker is gone; the room goes on elsewhere, and its clients should join it there."""
        if not self._ended:
            self._moved = True
            self._events.emit(Moved())
            self._events.close()
