"""One client's canonical requests and news, whatever carries them."""

from collections.abc import Awaitable, Callable
from contextlib import aclosing

from api.auth import Principal
from api.errors import error_body, validated
from api.gateway import Gateway
from api.session import Knock, Session
from api.signaling.messages import Data, event_message, joined_data, waiting_data
from api.signaling.requests import perform
from mcu.errors import Conflict, McuError, ServerFault
from mcu.protocol.wire import EventMessage, JoinData

POLICY_VIOLATION = 1008
TOO_LONG = 1009
INTERNAL_ERROR = 1011
SERVICE_RESTART = 1012
FLOOD = 1013
KICKED = 4001
ROOM_CLOSED = 4002
DENIED = 4003


class Closing(Exception):
    """The connection ends. ``code`` is that of a WebSocket, which other doors put in their own words; None when the
    client is gone already.
    """

    def __init__(self, code: int | None, reason: str = "") -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Conversation:
    """From the first request to the end of the stay. Requests come one after the other; after a ``join`` that went
    well the door runs ``follow()`` once beside them. ``close()`` ends it all.

    ``holder`` is whose credential was checked before; None: that of the join message counts.
    """

    def __init__(
        self,
        gateway: Gateway,
        holder: Principal | None,
        say: Callable[[EventMessage], Awaitable[None]],
        source: str | None,
    ) -> None:
        """``source``: where the client comes from (``api.source``)."""
        self._gateway = gateway
        self._holder = holder
        self._say = say
        self._source = source
        self._session: Session | None = None
        self._knock: Knock | None = None

    @property
    def begun(self) -> bool:
        """They have joined, or wait in the lobby."""
        return self._session is not None or self._knock is not None

    async def perform(self, kind: str, data: Data) -> Data:
        """The data of the reply. Raises ``McuError``."""
        if kind == "ping":
            return {}
        if kind == "join":
            return await self._join(validated(JoinData, data))
        if kind == "leave" and self._knock is not None and self._session is None:
            return {}
        if self._session is None:
            raise Conflict("join a room first" if self._knock is None else "wait until you are let in")
        if kind == "leave":
            await self._session.leave()
            return {}
        return await perform(self._session, kind, data)

    async def follow(self) -> None:
        """Tells what happens, from the lobby on. Ends with ``Closing``, unless the client left."""
        if self._session is None and self._knock is not None:
            self._session = await self._admitted(self._knock)
            await self._say(EventMessage(type="joined", data=self._joined(self._session)))
        if self._session is not None:
            await self._pump(self._session)

    async def close(self) -> None:
        """The client is gone; it may come back with its resume token. Idempotent."""
        if self._session is not None:
            await self._session.detach()
        elif self._knock is not None:
            await self._knock.stop()

    async def _join(self, join: JoinData) -> Data:
        if self.begun:
            raise Conflict("this connection has joined already")
        principal = self._holder or self._gateway.authority.authenticate(join.token)
        entered = await self._gateway.join(principal, join, self._source)
        if isinstance(entered, Knock):
            self._knock = entered
            return waiting_data(entered)
        self._session = entered
        return self._joined(entered)

    def _joined(self, session: Session) -> Data:
        return joined_data(session, self._gateway.ice_servers(session.me.id))

    async def _admitted(self, knock: Knock) -> Session:
        try:
            return await knock.admitted()
        except ServerFault:
            raise Closing(SERVICE_RESTART, "the room goes on elsewhere: join again") from None
        except McuError as refused:
            error = error_body(refused)
            await self._say(EventMessage(type="denied", data=error.model_dump(exclude_none=True)))
            raise Closing(DENIED, error.message) from None

    async def _pump(self, session: Session) -> None:
        async with aclosing(session.events()) as events:
            async for event in events:
                await self._say(event_message(event))
                if event.type == "kicked":
                    raise Closing(KICKED, event.reason)
                if event.type == "room_closed":
                    raise Closing(ROOM_CLOSED, "the room was closed")
                if event.type == "moved":
                    raise Closing(SERVICE_RESTART, "the room goes on elsewhere: join again")
        if not session.ended:
            raise Closing(FLOOD, "too far behind the room's events")
