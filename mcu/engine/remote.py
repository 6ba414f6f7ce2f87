"""A room of a worker process as the gateway holds it, and what is remembered of it in case the worker dies."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import structlog
from pydantic import ValidationError

from mcu.engine.frames import Frame, dump_command, load_event, load_reply
from mcu.engine.placement import Losses
from mcu.engine.process import WorkerProcess, gone
from mcu.errors import McuError, NoCapacity, NotFound
from mcu.protocol.access import StopWaiting, UpdateRoom, Waiting
from mcu.protocol.commands import Command, Detach, Join, Joined, Reply, SetBackgroundImage, SetLogo
from mcu.protocol.decor import Banner
from mcu.protocol.events import (
    BannerChanged,
    Event,
    LayoutChangedEvent,
    Moved,
    ParticipantLeft,
    RecordingChanged,
    RoomClosed,
    RoomUpdated,
)
from mcu.protocol.layout import Layout
from mcu.protocol.models import RecordingInfo, RoomSpec, ViewSpec
from mcu.room.events import Events, Subscription

log = structlog.get_logger()

MAX_FORMER: Final = 2000


@dataclass(slots=True)
class Memory:
    """What it takes to open a room again as it was: its views, their layouts, banners and images (the commands that set
    them), the recordings that run (id to view), and who holds which resume token. ``former``: the tokens of people
    whose worker died.
    """

    spec: RoomSpec
    views: tuple[ViewSpec, ...] = ()
    layouts: dict[str, Layout] = field(default_factory=dict)
    banners: dict[str, Banner] = field(default_factory=dict)
    images: dict[tuple[str, str], SetBackgroundImage | SetLogo] = field(default_factory=dict)
    recordings: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    former: dict[str, str] = field(default_factory=dict)
    losses: Losses = field(default_factory=Losses)

    def learn(self, event: Event) -> None:
        match event:
            case RoomUpdated():
                self.views = event.room.views
                names = {view.name for view in self.views}
                self.layouts = {view: layout for view, layout in self.layouts.items() if view in names}
                self.banners = {view: banner for view, banner in self.banners.items() if view in names}
                self.images = {key: image for key, image in self.images.items() if image.view in names}
            case LayoutChangedEvent():
                self.layouts[event.view] = event.state.layout
            case BannerChanged():
                self.banners[event.view] = event.banner
            case RecordingChanged():
                self._learn_recording(event.recording)
            case ParticipantLeft():
                self.tokens.pop(event.id, None)
            case _:
                pass

    def carried_out(self, command: Command) -> None:
        """Images are said in no event. At most two of each view, of a size that the protocol bounds."""
        if isinstance(command, SetBackgroundImage | SetLogo):
            self.images.pop((command.view, command.type), None)
            if command.image is not None:
                self.images[command.view, command.type] = command

    def _learn_recording(self, recording: RecordingInfo) -> None:
        if recording.state in ("starting", "active"):
            self.recordings[recording.id] = recording.view
        else:
            self.recordings.pop(recording.id, None)

    def survive(self) -> "Memory":
        """For the room that follows: nobody is in it yet, and those who were may come back as who they were."""
        former = {**self.former, **{token: who for who, token in self.tokens.items()}}
        kept = dict(list(former.items())[-MAX_FORMER:])
        main = next((view for view in self.views if view.name == "main"), self.spec.view)
        return Memory(
            spec=self.spec.model_copy(update={"view": main}),
            views=self.views,
            layouts=self.layouts,
            banners=self.banners,
            images=self.images,
            former=kept,
            losses=self.losses,
        )


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
        self.memory.carried_out(command)
        return load_reply(answer.name, answer.body)

    async def _join(self, command: Join) -> Reply:
        """Whoever lost their place with a worker gets their id back with the token they had. A join that nobody waits
        for any more is carried out all the same, and then undone. Raises ``NotFound`` when the worker ended: the room
        is to be looked for again.
        """
        former = self.memory.former.get(command.resume_token or "")
        if former is not None and command.identity in (None, former):
            # They were inside: neither a lock nor a lobby is for them.
            command = command.model_copy(update={"identity": former, "passes": True})
        asking = asyncio.get_running_loop().create_task(self._ask(command), name=f"join-{self.name}")
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
