"""A participant's standing in a room: socket, identity and peer connections, and how they come back after a loss."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import Callable
from typing import Any, Literal, Protocol

import structlog
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from pydantic import ValidationError

from client.admission import Admission, Invitation
from client.connections import Connections, Sending
from client.ending import end_task
from client.errors import ClientError, ConnectionLost, JoinRefused, Removed, RequestRefused
from client.pace import Timeline
from client.peer import Peer, ice_servers_from
from client.roster import Roster, read_event
from client.signaling import Signaling
from mcu.protocol.events import Event, Kicked, PeerFailed, RoomClosed, StreamsChanged, UplinkChanged
from mcu.protocol.models import Connection
from mcu.protocol.wire import EventMessage

log = structlog.get_logger()

BACKOFF_S = (0.0, 0.3, 1.2, 2.7, 4.8)
WORTH_WAITING = frozenset({"no_capacity", "too_many_requests", "internal"})
LEAVE_TIMEOUT_S = 1.0
SILENCE_S = 2.0
"""So long without a packet, and the socket is asked whether the server is still there."""

State = Literal["joining", "waiting", "joined", "reconnecting", "left"]


class Receiver(Protocol):
    """Who is told what arrives; called on the event loop, must not raise."""

    def on_event(self, event: Event) -> None: ...

    def on_end(self, error: ClientError | None) -> None:
        """Once; ``error`` None after ``leave``."""
        ...


class Session:
    """``open()`` it, use it, ``leave()`` it. In between it repairs itself: a dropped socket is resumed with new peer
    connections, a failed peer connection is offered anew, and one that falls silent makes it look after the socket.
    """

    def __init__(
        self,
        invitation: Invitation,
        sending: Sending,
        timeline: Timeline,
        receiver: Receiver,
        on_picture: Callable[[VideoFrame], None] | None,
        on_sound: Callable[[AudioFrame], None] | None,
    ) -> None:
        self._invitation = invitation
        self._receiver = receiver
        self._socket: Signaling | None = None
        self._roster: Roster | None = None
        self._resume_token: str | None = None
        self._trouble = asyncio.Event()
        self._supervisor: asyncio.Task[None] | None = None
        self._listener: asyncio.Task[None] | None = None
        self._removed: Removed | None = None
        self._over = False
        self._admission: Admission | None = None
        self._connections = Connections(sending, timeline, self.request, self._trouble.set, on_picture, on_sound)
        self.forwarded = self._connections.forwarded
        self.sending = sending
        self.state: State = "joining"
        self.reconnects = 0

    @property
    def roster(self) -> Roster:
        """Raises ConnectionLost before the first join."""
        if self._roster is None:
            raise ConnectionLost("this room was never joined")
        return self._roster

    def peer(self, connection: Connection) -> Peer | None:
        return self._connections.get(connection)

    @property
    def offers(self) -> int:
        """Agreed upon so far."""
        return self._connections.offers

    async def negotiate(self, connection: Connection) -> None:
        """A new peer connection. Raises RequestRefused or ConnectionLost."""
        await self._connections.negotiate(connection)

    async def hang_up(self, connection: Connection) -> None:
        await self._connections.hang_up(connection)

    async def open(self) -> None:
        """Raises JoinRefused, RequestRefused or ConnectionLost; ``leave()`` also then."""
        await self._join()
        await self._connect()
        self._supervisor = asyncio.create_task(self._supervise())
        self._listener = asyncio.create_task(self._listen())

    async def request(self, kind: str, data: dict[str, Any]) -> dict[str, Any]:
        """The reply's data. Raises RequestRefused or ConnectionLost."""
        if self._socket is None or self.state == "left":
            raise ConnectionLost("this room was left")
        return await self._socket.request(kind, data)

    async def leave(self) -> None:
        """Says goodbye and frees everything. Idempotent; bounded even when the server is gone."""
        for task in (self._supervisor, self._listener):
            if task is not None:
                await end_task(task)
        self._supervisor = self._listener = None
        if self._socket is not None and not self._socket.gone.is_set():
            with contextlib.suppress(ClientError, TimeoutError):
                async with asyncio.timeout(LEAVE_TIMEOUT_S):
                    await self._socket.request("leave")
        await self._end(None)

    async def _join(self) -> None:
        """A new socket, and on it the same participant where the server still knows it."""
        if self._socket is not None:
            await self._socket.close()
        self._socket = await Signaling.open(self._invitation.url, self._on_message, self._trouble.set)
        self._admission = Admission(self._invitation, self._waits)
        try:
            joined = await self._admission.ask(self._socket, self._resume_token)
            self._roster = Roster(joined)
            self._resume_token = str(joined["resume_token"])
        except RequestRefused as refused:
            raise JoinRefused(refused.code, refused.reason, refused.field) from refused
        except (KeyError, ValidationError) as error:
            raise JoinRefused("internal", f"the server's answer can't be understood: {error}") from error
        self._connections.asked = self._roster.uplink
        self._connections.ice_servers = ice_servers_from(joined.get("ice_servers"))
        await self._socket.request("media_state", dict(self.sending.media_state()))
        self.state = "joined"

    async def _connect(self) -> None:
        if self.roster.room.topology == "forward":
            self.forwarded.expect(len(self.roster.participants) - 1)
        if self._connections.wanted:
            await self.negotiate("main")

    def _waits(self) -> None:
        self.state = "waiting"

    def _on_message(self, message: EventMessage) -> None:
        if message.type in ("joined", "denied"):
            if self._admission is not None:
                self._admission.decided(message)
            return
        event = read_event(message)
        if event is None:
            log.debug("event_not_known", type=message.type)
            return
        if self._roster is not None:
            self._roster.apply(event)
        match event:
            case PeerFailed():
                self._connections.fail(event.connection)
            case UplinkChanged():
                self._connections.heed(self._roster.uplink if self._roster is not None else None)
            case StreamsChanged():
                if self.forwarded.told(event.streams) and self.peer("main") is not None:
                    self._connections.fail("main")
            case Kicked():
                self._removed = Removed(f"removed from the room: {event.reason}")
                self._trouble.set()
            case RoomClosed():
                self._removed = Removed("the room was closed")
                self._trouble.set()
            case _:
                pass
        self._receiver.on_event(event)

    async def _supervise(self) -> None:
        """Repairs what breaks; ends the session with the reason when it can't."""
        try:
            while True:
                await self._trouble.wait()
                self._trouble.clear()
                if self._removed is not None:
                    break
                if self._socket is None or self._socket.gone.is_set():
                    await self._come_back()
                for connection in tuple(self._connections.failed):
                    await self._renew(connection)
            await self._end(self._removed)
        except ClientError as error:
            await self._end(error)
        except Exception as error:  # the boundary of one session: its streams must end, not hang
            log.exception("session_failed")
            await self._end(ConnectionLost(f"the connection can't be repaired: {error!r}"))

    async def _listen(self) -> None:
        """When sound and picture stop, the network may have changed under both them and the socket."""
        while not self._over:
            await asyncio.sleep(SILENCE_S / 2)
            peer, socket = self.peer("main"), self._socket
            if self.state == "joined" and peer is not None and socket is not None and peer.silent_s > SILENCE_S:
                await socket.check()

    async def _come_back(self) -> None:
        """Raises what made it give up."""
        self.state = "reconnecting"
        lost_at = time.monotonic()
        for attempt in itertools.count():
            await asyncio.sleep(BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)])
            try:
                await self._join()
                await self._connect()
                if self.sending.screen is not None:
                    await self.negotiate("screen")
            except (RequestRefused, ConnectionLost) as error:
                if isinstance(error, JoinRefused) and error.code not in WORTH_WAITING:
                    if self._resume_token is None:
                        raise
                    # A server that was restarted doesn't know the token: come back as a newcomer.
                    self._resume_token = None
                log.debug("not_back_yet", attempt=attempt, error=error.message)
                patience_s = self._invitation.give_up_s
                if patience_s is not None and time.monotonic() - lost_at > patience_s:
                    raise ConnectionLost(f"gave up after {patience_s:.0f} s: {error.message}") from error
            else:
                self.reconnects += 1
                return

    async def _renew(self, connection: Connection) -> None:
        """A new offer for a connection that failed; raises ConnectionLost when the server keeps refusing."""
        if connection == "screen" and self.sending.screen is None:
            self._connections.failed.discard(connection)
            return
        for delay_s in BACKOFF_S:
            await asyncio.sleep(delay_s)
            try:
                await self.negotiate(connection)
            except ConnectionLost:
                self._trouble.set()  # the socket goes with it; whichever is noticed first, try again
                return
            except RequestRefused as refused:
                log.warning("offer_refused", connection=connection, code=refused.code)
            else:
                return
        raise ConnectionLost("the server refuses our media")

    async def _end(self, error: ClientError | None) -> None:
        """May be cut short by ``leave``, which then runs it again."""
        self.state = "left"
        if not self._over:
            self._over = True
            self._receiver.on_end(error)
        if self._socket is not None:
            await self._socket.close()
        await self._connections.close()
