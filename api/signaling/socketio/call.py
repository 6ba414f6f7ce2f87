"""The call dialect of teaching projects, begun by ``join_room``: a client of it expects one other person.

In: ``join_room(room)``, ``offer(description, room)``, ``answer(description, room)``, ``ice(candidate | null, room)``.
Out: the same without the room, and ``welcome()`` to who shall make an offer. Acknowledgements are empty where all is
well, and have ``{code, message}`` where it isn't. The room may be ``{room, password}``. Who has to wait in a lobby is
sent ``waiting(room)``; their ``welcome`` comes later.

In a room that is mixed here the server welcomes the newcomer and is that other person: the client's offer makes the
participant's main connection. In a mesh the messages go to the other members, as the room's app messages.
"""

from typing import Any

from pydantic import JsonValue

from api.errors import error_body, validated
from api.signaling.following import Following
from api.signaling.people import Company
from api.signaling.socketio.asking import asked_join, lobby, refusal
from api.signaling.socketio.line import NO_ANSWER, Line
from api.signaling.stay import Stay
from mcu.errors import BadRequest, Conflict, McuError, Unprocessable
from mcu.protocol.events import Event
from mcu.protocol.wire import AppData, CandidateData, OfferData

TOPIC = "call/"
RELAYED = frozenset(("offer", "answer", "ice"))


class CallDialect:
    """``Dialect`` and ``Guest``. A client is in one room at a time."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._stay: Stay | None = None
        self._following: Following | None = None
        self._company = Company(())
        self._mesh = False

    async def handle(self, event: str, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        try:
            if event == "join_room":
                return await self._join(arguments[0] if arguments else None)
            if event in RELAYED:
                await self._signal(event, arguments)
            else:
                raise BadRequest(f"there is no event {event[:64]!r} in this dialect", code="unknown_type")
        except McuError as error:
            return await refusal(self._line, error)
        return NO_ANSWER

    async def close(self) -> None:
        stay, self._stay = self._stay, None
        if self._following is not None:
            await self._following.close()
        if stay is not None:
            await stay.close()
            self._line.rooms_changed()

    async def _join(self, room: Any) -> tuple[Any, ...]:
        asked = asked_join(room)
        await self.close()
        stay = self._stay = await Stay.begin(self._line.gateway, self._line.principal, asked, self._line.source, self)
        if not stay.waits:
            await self.admitted()
        self._following = Following(stay.follow(), self._over, "socketio-news")
        return await lobby(self._line, asked.room) if stay.waits else NO_ANSWER

    async def admitted(self) -> None:
        assert self._stay is not None, "this is the stay's own news"
        session = self._stay.session
        self._company = Company(session.roster)
        self._mesh = session.joined_room.topology == "mesh"
        self._line.rooms_changed()
        if not self._mesh:
            await self._line.emit("welcome")

    async def denied(self, error: McuError) -> None:
        await self._line.emit("error", error_body(error).model_dump(exclude_none=True))

    async def _signal(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._stay is None:
            raise Conflict("join a room first")
        payload: JsonValue = arguments[0] if arguments else None
        if len(arguments) > 1 and arguments[1] != self._stay.room:
            raise Unprocessable("you are in another room", field="room")
        session = self._stay.session
        if self._mesh:
            message = validated(AppData, {"topic": TOPIC + event, "payload": payload})
            await session.send_app(message.topic, message.payload)
        elif event == "offer":
            sdp = payload.get("sdp") if isinstance(payload, dict) else None
            answer = await session.offer(validated(OfferData, {"sdp": sdp}).sdp, "main")
            await self._line.emit("answer", {"type": "answer", "sdp": answer})
        elif event == "ice":
            await session.candidate(validated(CandidateData, {"candidate": payload}).candidate, "main")
        else:
            raise Conflict("the server answers here, it makes no offers")

    async def hear(self, event: Event) -> None:
        if not self._mesh:
            return
        if event.type == "app" and event.topic.startswith(TOPIC):
            await self._line.emit(event.topic.removeprefix(TOPIC), event.payload)
        elif self._company.came(event) is not None:
            await self._line.emit("welcome")

    async def _over(self) -> None:
        denied = self._stay is not None and self._stay.waits
        await self.close()
        if not denied:
            await self._line.disconnect()
