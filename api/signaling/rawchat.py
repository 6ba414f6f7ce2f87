"""A WebSocket at ``/``: the chat that teaching projects begin with, before they know rooms.

In: ``{"type": "nickname" | "new_message", "payload": …}``. Out: the plain text ``nick: text``, to the sender too; what
the server itself has to say begins with ``mosaic-mcu:``. The address may name the room (``/?room=…``) and its password
(``password=…``), and where keys are set it must have a token (``token=…``).
"""

from fastapi import APIRouter, WebSocket

from api.auth import Principal
from api.errors import problem_response, validated
from api.gateway import Gateway
from api.session import LOBBY
from api.signaling.conversation import DENIED, POLICY_VIOLATION, ROOM_CLOSED, Closing
from api.signaling.stay import Stay
from api.signaling.textsocket import TextSocket, object_of
from api.source import source_of
from mcu.errors import BadRequest, McuError
from mcu.protocol.events import Event
from mcu.protocol.wire import ChatData, JoinData, NameData

router = APIRouter()

ROOM = "chat"
"""Where those meet who name no room."""

NOBODY = "Anon"


@router.websocket("/")
async def rawchat(
    websocket: WebSocket, room: str = ROOM, token: str | None = None, password: str | None = None
) -> None:
    """A bad token is refused with 401 before the socket opens."""
    gateway: Gateway = websocket.app.state.gateway
    try:
        principal = gateway.authority.authenticate(token)
        asked = validated(JoinData, {"room": room, "name": principal.name or NOBODY, "password": password})
        await gateway.can_join(principal, asked.room)
    except McuError as error:
        await websocket.send_denial_response(problem_response(error))
        return
    await websocket.accept()
    await RawChat(websocket, gateway).serve(principal, asked)


class RawChat:
    """One WebSocket, in one room from its beginning to its end. ``Guest``."""

    def __init__(self, websocket: WebSocket, gateway: Gateway) -> None:
        self._socket = TextSocket(websocket)
        self._gateway = gateway
        self._source = source_of(websocket)
        self._stay: Stay | None = None

    async def serve(self, principal: Principal, asked: JoinData) -> None:
        async def read() -> None:
            try:
                self._stay = await Stay.begin(self._gateway, principal, asked, self._source, self)
            except McuError as error:
                raise Closing(POLICY_VIOLATION, error.message) from None
            if self._stay.waits:
                self._tell(LOBBY)
            self._socket.tasks.create_task(self._follow(self._stay), name="rawchat-news")
            while True:
                await self._answer(self._stay, await self._socket.receive())

        await self._socket.serve(read, self._gone)

    async def _answer(self, stay: Stay, text: str) -> None:
        """What can't be done is said in the one way that this dialect has."""
        try:
            await self._perform(stay, text)
        except McuError as error:
            self._tell(error.message)

    def _tell(self, text: str) -> None:
        self._socket.send(f"mosaic-mcu: {text}")

    async def _perform(self, stay: Stay, text: str) -> None:
        message = object_of(text)
        match message.get("type"):
            case "nickname":
                await stay.session.rename(validated(NameData, {"name": message.get("payload")}).name)
            case "new_message":
                said = validated(ChatData, {"text": message.get("payload")}).text
                await stay.session.say(said)
                self._socket.send(f"{stay.session.me.name}: {said}")
            case _:
                raise BadRequest("a message is a nickname or a new_message", code="unknown_type")

    async def admitted(self) -> None:
        self._tell("come in")

    async def denied(self, error: McuError) -> None:
        raise Closing(DENIED, error.message)

    async def hear(self, event: Event) -> None:
        if event.type == "chat":
            self._socket.send(f"{event.message.name}: {event.message.text}")

    async def _follow(self, stay: Stay) -> None:
        await stay.follow()
        raise Closing(ROOM_CLOSED, "the room ended this")

    async def _gone(self) -> None:
        if self._stay is not None:
            await self._stay.close()
