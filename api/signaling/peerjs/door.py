"""The PeerServer's addresses, for clients with ``path: "/"`` or ``path: "/peerjs"``.

Where keys are set, the option ``token`` of ``Peer`` is a join token, or else ``key`` is.
"""

import secrets
from typing import Annotated

from fastapi import APIRouter, Query, WebSocket
from fastapi.responses import PlainTextResponse
from pydantic import TypeAdapter, ValidationError

from api.auth import MAX_TOKEN_CHARS, Authority, Principal
from api.gateway import Gateway
from api.routes.common import GatewayDep
from api.signaling.conversation import POLICY_VIOLATION, Closing
from api.signaling.peerjs.call import PREFIX, Call
from api.signaling.peerjs.lingering import Lingering
from api.signaling.peerjs.messages import Message, PeerId, error, packed, parse
from api.signaling.peerjs.realm import Realm
from api.signaling.textsocket import TextSocket
from api.source import source_of
from mcu.errors import BadRequest, Unauthorised

router = APIRouter(tags=["peerjs"])

KEY = "peerjs"
"""What ``peerjs`` sends as its key when nobody has chosen one."""

MAX_CALLS = 4
"""Rooms that one peer may call at once."""

_PEER_ID: TypeAdapter[str] = TypeAdapter(PeerId)


@router.get("/peerjs/id", operation_id="new_peer_id", response_class=PlainTextResponse)
@router.get("/peerjs/{key}/id", operation_id="new_peer_id_of_key", include_in_schema=False)
async def new_id() -> PlainTextResponse:
    """An id that no peer has."""
    return PlainTextResponse(secrets.token_hex(16))


@router.get("/peerjs/peers", include_in_schema=False)
@router.get("/peerjs/{key}/peers", include_in_schema=False)
async def peers(gateway: GatewayDep) -> None:
    """Who is there is nobody's business."""
    raise Unauthorised("peers are not listed here")


Word = Annotated[str, Query(max_length=MAX_TOKEN_CHARS)]


@router.websocket("/peerjs")
@router.websocket("/peerjs/peerjs")
async def peer(websocket: WebSocket, id: Word = "", token: Word = "", key: Word = KEY) -> None:  # noqa: A002 - PeerJS's name
    """Refusals are messages of the type ``ERROR``: a socket that never opened tells a page nothing."""
    await websocket.accept()
    gateway: Gateway = websocket.app.state.gateway
    state = websocket.app.state
    await PeerSocket(websocket, gateway, state.peers, state.lingering, id, token).serve(key)


class PeerSocket:
    """``Post``: one peer's WebSocket."""

    def __init__(
        self, websocket: WebSocket, gateway: Gateway, realm: Realm, lingering: Lingering, identifier: str, token: str
    ) -> None:
        self.token = token
        self._id = identifier
        self._gateway = gateway
        self._source = source_of(websocket)
        self._realm = realm
        self._lingering = lingering
        self._socket = TextSocket(websocket)
        self._calls: dict[str, Call] = {}
        self._principal: Principal
        self._entered = False
        self._ending: Closing | None = None

    async def serve(self, key: str) -> None:
        async def read() -> None:
            self._enter(key)
            while True:
                await self._handle(await self._socket.receive())

        await self._socket.serve(read, self._gone)

    def deliver(self, text: str) -> None:
        try:
            self._socket.send(text)
        except Closing as closing:
            self._end(closing)

    def replaced(self) -> None:
        self._end(Closing(POLICY_VIOLATION, "replaced by another connection of this peer"))

    def _enter(self, key: str) -> None:
        try:
            _PEER_ID.validate_python(self._id)
            self._principal = _authenticated(self._gateway.authority, self.token, key)
        except ValidationError:
            raise self._refused("No id, token, or key supplied to websocket server") from None
        except Unauthorised:
            raise self._refused("Invalid key provided") from None
        if not self._realm.enter(self._address, self):
            self._socket.send(packed("ID-TAKEN", payload={"msg": "ID is taken"}))
            raise Closing(POLICY_VIOLATION, "id is taken")
        self._entered = True
        self._socket.send(packed("OPEN"))
        self._adopt(self._lingering.take((self._address, self.token)))
        self._realm.deliver_waiting(self._address)

    @property
    def _address(self) -> tuple[str | None, str]:
        return self._principal.grants.room, self._id

    async def _handle(self, text: str) -> None:
        try:
            message = parse(text)
        except BadRequest as wrong:
            raise self._refused(wrong.message) from None
        if message.dst is None:
            return  # a heartbeat
        if message.dst.startswith(PREFIX):
            await self._call(message.dst.removeprefix(PREFIX), message)
        else:
            self._realm.send(self._principal.grants.room, self._id, message)

    async def _call(self, room: str, message: Message) -> None:
        self._calls = {name: call for name, call in self._calls.items() if call.alive}
        call = self._calls.get(room)
        if call is None and len(self._calls) >= MAX_CALLS:
            self._socket.send(packed("EXPIRE", src=PREFIX + room, dst=self._id))
            return
        if call is None:
            call = self._calls[room] = Call(self._gateway, self._principal, room, self._id, self._source, self.deliver)
        await call.handle(message)

    async def _gone(self) -> None:
        if self._entered:
            self._realm.leave(self._address, self)
        calls = {room: call for room, call in self._calls.items() if call.connected}
        for call in calls.values():
            call.deliver = _to_nobody
        for call in self._calls.values():
            if call.alive and not call.connected:
                await call.close()
        if not calls:
            return
        now = self._realm.post(self._address)
        if isinstance(now, PeerSocket) and now.token == self.token:
            now._adopt(calls)
        else:
            self._lingering.keep((self._address, self.token), calls)

    def _adopt(self, calls: dict[str, Call]) -> None:
        """The calls of this peer's earlier socket go on with this one, but where it has made another since."""
        for room, call in calls.items():
            since = self._calls.get(room)
            if since is not None and since.alive:
                self._socket.tasks.create_task(call.close(), name="peerjs-call-end")
            else:
                call.deliver = self.deliver
                self._calls[room] = call

    def _refused(self, text: str) -> Closing:
        self._socket.send(error(text))
        return Closing(POLICY_VIOLATION, text)

    def _end(self, closing: Closing) -> None:
        """From outside its own tasks."""
        if self._ending is None:
            self._ending = closing
            self._socket.tasks.create_task(self._raise(closing), name="peerjs-end")

    async def _raise(self, closing: Closing) -> None:
        raise closing


def _to_nobody(_: str) -> None:
    """Who has no socket is told nothing."""


def _authenticated(authority: Authority, token: str, key: str) -> Principal:
    """On an open server ``token`` is no credential: ``peerjs`` makes one up to be known by when it comes again."""
    if authority.open:
        return authority.authenticate(None)
    if key not in ("", KEY):
        return authority.authenticate(key)
    return authority.authenticate(token or None)
