"""A peer's calls to ``mcu:<room>``: a participant's stay, and its connections."""

import contextlib
from collections import deque
from collections.abc import Callable
from typing import Literal

import structlog

from api.auth import Principal
from api.errors import validated
from api.gateway import Gateway
from api.session.packing import Json, Packing, Text
from api.signaling.following import Following
from api.signaling.peerjs.binarypack import BinaryPack
from api.signaling.peerjs.messages import CallCandidate, CallOffer, Message, packed
from api.signaling.stay import Stay
from mcu.errors import Conflict, McuError
from mcu.protocol.events import Event
from mcu.protocol.models import Connection
from mcu.protocol.wire import JoinData

log = structlog.get_logger()

PREFIX = "mcu:"

MAX_EARLY = 64
"""Candidates that wait for the answer of their connection."""

PACKINGS: dict[str, Callable[[], Packing]] = {"json": lambda: Json(octets=True), "raw": Text, "none": Text}
"""How PeerJS names the ways to pack data; every other name is one of BinaryPack's."""

CONNECTIONS: dict[Literal["media", "data"], Literal["main", "data"]] = {"media": "main", "data": "data"}


class _HungUp(Exception):
    """The peer closed its last connection."""


class Call:
    """``Guest``. One peer in one room: its call, and its connection for data, which carries the chat. A second offer of
    a kind is a new connection of the same participant. Who has to wait in a lobby is answered once they are let in.
    ``deliver`` sends to the peer, and may change when the peer has another socket; a call that can't be made is told it
    as ``EXPIRE``, its end as ``LEAVE``.
    """

    def __init__(
        self,
        gateway: Gateway,
        principal: Principal,
        room: str,
        peer: str,
        source: str | None,
        deliver: Callable[[str], None],
    ) -> None:
        self._gateway = gateway
        self._principal = principal
        self._room = room
        self._peer = peer
        self._source = source
        self.deliver = deliver
        self._stay: Stay | None = None
        self._following: Following | None = None
        self._open: dict[Connection, str] = {}
        """By kind, what the peer calls those of its connections that were answered and didn't end."""
        self._kept: dict[Connection, CallOffer] = {}
        """What is answered once they are let in."""
        self._early: deque[CallCandidate] = deque(maxlen=MAX_EARLY)
        """Candidates of connections that are not answered yet."""

    @property
    def alive(self) -> bool:
        return self._stay is not None

    @property
    def connected(self) -> bool:
        """It needs no socket to go on: some connection was answered and didn't end."""
        return self._stay is not None and bool(self._open)

    async def handle(self, message: Message) -> None:
        """Never raises ``McuError``."""
        try:
            if message.type == "OFFER":
                await self._offer(validated(CallOffer, message.payload))
            elif message.type == "CANDIDATE":
                await self._candidate(validated(CallCandidate, message.payload))
            elif message.type == "LEAVE":
                await self.close()
        except McuError as error:
            log.info("call_refused", room=self._room, code=error.error_code)
            self._say("EXPIRE")

    async def close(self) -> None:
        """The peer leaves the room. Idempotent."""
        stay, self._stay = self._stay, None
        if self._following is not None:
            await self._following.close()
        if stay is not None:
            await stay.close()

    async def _offer(self, offer: CallOffer) -> None:
        stay = self._stay or await self._begin(offer)
        if stay.waits:
            self._kept[CONNECTIONS[offer.type]] = offer
        else:
            await self._answer(stay, offer)

    async def _answer(self, stay: Stay, offer: CallOffer) -> None:
        connection = CONNECTIONS[offer.type]
        stay.session.channels.pack("data", PACKINGS.get(offer.serialization, BinaryPack)())
        try:
            answer = await stay.session.offer(offer.sdp.sdp, connection)
        except McuError:
            if not self._open:
                await self.close()  # nobody stays in the room for a call that was never made
            raise
        self._open[connection] = offer.connectionId
        self._say(
            "ANSWER",
            {"sdp": {"type": "answer", "sdp": answer}, "type": offer.type, "connectionId": offer.connectionId},
        )
        early, self._early = self._early, deque(maxlen=MAX_EARLY)
        for candidate in early:
            await self._candidate(candidate)

    async def _begin(self, offer: CallOffer) -> Stay:
        about = offer.metadata if isinstance(offer.metadata, dict) else {}
        asked = validated(
            JoinData, {"room": self._room, "name": about.get("name") or self._peer, "password": about.get("password")}
        )
        self._open.clear()
        self._kept.clear()
        self._early.clear()
        stay = self._stay = await Stay.begin(self._gateway, self._principal, asked, self._source, self)
        self._following = Following(self._follow(stay), self._over, "peerjs-news")
        return stay

    async def _candidate(self, candidate: CallCandidate) -> None:
        if self._stay is None:
            raise Conflict("make an offer first")
        known = {identifier: connection for connection, identifier in self._open.items()}
        if candidate.connectionId in known:
            await self._stay.session.candidate(candidate.candidate, known[candidate.connectionId])
        else:
            self._early.append(candidate)

    async def _follow(self, stay: Stay) -> None:
        with contextlib.suppress(_HungUp):
            await stay.follow()

    async def admitted(self) -> None:
        assert self._stay is not None, "this is the stay's own news"
        kept, self._kept = self._kept, {}
        for offer in kept.values():
            try:
                await self._answer(self._stay, offer)
            except McuError as error:
                log.info("call_refused", room=self._room, code=error.error_code)
                self._say("EXPIRE")

    async def denied(self, error: McuError) -> None:
        self._say("EXPIRE")

    async def hear(self, event: Event) -> None:
        """A peer hears and sees the room, and chats on its channel; that it closed a connection is all it ever says."""
        if event.type == "error":
            self._open.pop(event.connection, None)
            if not self._open:
                raise _HungUp

    async def _over(self) -> None:
        denied = self._stay is not None and self._stay.waits
        await self.close()
        if not denied:
            self._say("LEAVE")

    def _say(self, kind: str, payload: object = None) -> None:
        self.deliver(packed(kind, src=PREFIX + self._room, dst=self._peer, payload=payload))
