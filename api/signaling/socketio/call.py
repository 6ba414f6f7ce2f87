"""The call dialect of teaching projects, begun by ``join_room``: a client of it expects one other person.

In: ``join_room(room)``, ``offer(description, room)``, ``answer(description, room)``, ``ice(candidate | null, room)``.
Out: the same without the room, and ``welcome()`` to who shall make an offer.

In a room that is mixed here the server welcomes the newcomer and is that other person: the client's offer makes the
participant's main connection. In a mesh the messages go to the other members, as the room's app messages.
"""

from typing import Any

from pydantic import JsonValue

from api.errors import error_body, validated
from api.signaling.following import Following
from api.signaling.people import Company
from api.signaling.socketio.line import NO_ANSWER, Line
from api.signaling.stay import Stay
from mcu.errors import BadRequest, Conflict, McuError, Unprocessable
from mcu.protocol.events import Event
from mcu.protocol.wire import AppData, CandidateData, JoinData, OfferData

TOPIC = "call/"
RELAYED = frozenset(("offer", "answer", "ice"))


class CallDialect:
    """``Dialect``. A client is in one room at a time."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._stay: Stay | None = None
        self._following: Following | None = None
        self._company = Company(())
        self._mesh = False

    async def handle(self, event: str, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        try:
            if event == "join_room":
                await self._join(arguments[0] if arguments else None)
            elif event in RELAYED:
                await self._signal(event, arguments)
            else:
                raise BadRequest(f"there is no event {event[:64]!r} in this dialect", code="unknown_type")
        except McuError as error:
            await self._line.emit("error", error_body(error).model_dump(exclude_none=True))
        return NO_ANSWER

    async def close(self) -> None:
        stay, self._stay = self._stay, None
        if self._following is not None:
            await self._following.close()
        if stay is not None:
            await stay.close()
            self._line.rooms_changed()

    async def _join(self, room: Any) -> None:
        asked = validated(JoinData, {"room": room})
        await self.close()
        stay = await Stay.begin(self._line.gateway, self._line.principal, asked, self._line.source, self._hear)
        self._stay, self._company = stay, Company(stay.session.roster)
        self._mesh = stay.session.joined_room.topology == "mesh"
        self._following = Following(stay.follow(), self._over, "socketio-news")
        self._line.rooms_changed()
        if not self._mesh:
            await self._line.emit("welcome")

    async def _signal(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._stay is None:
            raise Conflict("join a room first")
        payload: JsonValue = arguments[0] if arguments else None
        if len(arguments) > 1 and arguments[1] != self._stay.session.room:
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

    async def _hear(self, event: Event) -> None:
        if not self._mesh:
            return
        if event.type == "app" and event.topic.startswith(TOPIC):
            await self._line.emit(event.topic.removeprefix(TOPIC), event.payload)
        elif self._company.came(event) is not None:
            await self._line.emit("welcome")

    async def _over(self) -> None:
        await self.close()
        await self._line.disconnect()
