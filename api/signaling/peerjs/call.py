"""A peer's call to ``mcu:<room>``: a participant's stay, and its main connection."""

import contextlib
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


PACKINGS: dict[str, Callable[[], Packing]] = {"json": lambda: Json(octets=True), "raw": Text, "none": Text}
"""How PeerJS names the ways to pack data; every other name is one of BinaryPack's."""

CONNECTIONS: dict[Literal["media", "data"], Literal["main", "data"]] = {"media": "main", "data": "data"}


class _HungUp(Exception):
    """The peer closed its last connection."""


class Call:
    """One peer in one room: its call, and its connection for data, which carries the chat. A second offer of a kind is
    a new connection of the same participant. ``deliver`` sends to the peer; a call that can't be made is told it as
    ``EXPIRE``, its end as ``LEAVE``.
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
        self._deliver = deliver
        self._stay: Stay | None = None
        self._following: Following | None = None
        self._open: dict[Connection, str] = {}
        """By kind, what the peer calls those of its connections that were answered and didn't end."""

    @property
    def alive(self) -> bool:
        return self._stay is not None

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
        connection = CONNECTIONS[offer.type]
        stay = self._stay or await self._begin(offer)
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

    async def _begin(self, offer: CallOffer) -> Stay:
        about = offer.metadata if isinstance(offer.metadata, dict) else {}
        asked = validated(
            JoinData, {"room": self._room, "name": about.get("name") or self._peer, "password": about.get("password")}
        )
        self._open.clear()
        stay = self._stay = await Stay.begin(self._gateway, self._principal, asked, self._source, self._hear)
        self._following = Following(self._follow(stay), self._over, "peerjs-news")
        return stay

    async def _candidate(self, candidate: CallCandidate) -> None:
        if self._stay is None:
            raise Conflict("make an offer first")
        for connection, identifier in list(self._open.items()):
            if identifier == candidate.connectionId:
                await self._stay.session.candidate(candidate.candidate, connection)

    async def _follow(self, stay: Stay) -> None:
        with contextlib.suppress(_HungUp):
            await stay.follow()

    async def _hear(self, event: Event) -> None:
        """A peer hears and sees the room, and chats on its channel; that it closed a connection is all it ever says."""
        if event.type == "error":
            self._open.pop(event.connection, None)
            if not self._open:
                raise _HungUp

    async def _over(self) -> None:
        await self.close()
        self._say("LEAVE")

    def _say(self, kind: str, payload: object = None) -> None:
        self._deliver(packed(kind, src=PREFIX + self._room, dst=self._peer, payload=payload))
