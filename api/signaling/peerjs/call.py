"""A peer's call to ``mcu:<room>``: a participant's stay, and its main connection."""

import contextlib
from collections.abc import Callable

import structlog

from api.auth import Principal
from api.errors import validated
from api.gateway import Gateway
from api.signaling.following import Following
from api.signaling.peerjs.messages import CallCandidate, CallOffer, Message, packed
from api.signaling.stay import Stay
from mcu.errors import Conflict, McuError
from mcu.protocol.events import Event
from mcu.protocol.wire import JoinData

log = structlog.get_logger()

PREFIX = "mcu:"


class _HungUp(Exception):
    """The peer closed its connection."""


class Call:
    """One peer in one room. A second offer from it is a new connection of the same participant. ``deliver`` sends to
    the peer; a call that can't be made is told it as ``EXPIRE``, its end as ``LEAVE``.
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
        self._connection = ""

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
        if self._stay is None:
            name = offer.metadata.get("name") if isinstance(offer.metadata, dict) else None
            asked = validated(JoinData, {"room": self._room, "name": name or self._peer})
            self._stay = await Stay.begin(self._gateway, self._principal, asked, self._source, self._hear)
            self._following = Following(self._follow(self._stay), self._over, "peerjs-news")
        try:
            answer = await self._stay.session.offer(offer.sdp.sdp, "main")
        except McuError:
            if not self._connection:
                await self.close()  # nobody stays in the room for a call that was never made
            raise
        self._connection = offer.connectionId
        self._say(
            "ANSWER",
            {"sdp": {"type": "answer", "sdp": answer}, "type": "media", "connectionId": offer.connectionId},
        )

    async def _candidate(self, candidate: CallCandidate) -> None:
        if self._stay is None:
            raise Conflict("make an offer first")
        if candidate.connectionId == self._connection:
            await self._stay.session.candidate(candidate.candidate, "main")

    async def _follow(self, stay: Stay) -> None:
        with contextlib.suppress(_HungUp):
            await stay.follow()

    async def _hear(self, event: Event) -> None:
        """A peer hears and sees the room, and nothing else of it; that it closed its connection is all it ever says."""
        if event.type == "error" and event.connection == "main":
            raise _HungUp

    async def _over(self) -> None:
        await self.close()
        self._say("LEAVE")

    def _say(self, kind: str, payload: object = None) -> None:
        self._deliver(packed(kind, src=PREFIX + self._room, dst=self._peer, payload=payload))
