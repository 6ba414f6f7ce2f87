"""The chat dialect of teaching projects, begun by ``enter_room``, ``nickname`` or ``new_message``.

* in: ``enter_room(room, ack)``, ``new_message(text, room, ack)``, ``nickname(name)``; acknowledgements are empty;
* out: ``welcome(nick, count)``, ``bye(nick, count)``, ``new_message("nick: text")``, ``room_change([names])``.
"""

from typing import Any

from api.errors import error_body, validated
from api.signaling.following import Following
from api.signaling.people import Company
from api.signaling.socketio.line import NO_ANSWER, Line
from api.signaling.stay import Stay
from mcu.errors import BadRequest, Conflict, McuError, Unprocessable
from mcu.protocol.events import Event
from mcu.protocol.wire import ChatData, JoinData, NameData

NOBODY = "Anon"
"""What somebody is called who hasn't said their name."""


class ChatDialect:
    """``Dialect``. A client is in one room at a time."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._nick = NOBODY
        self._stay: Stay | None = None
        self._following: Following | None = None
        self._company = Company(())

    async def handle(self, event: str, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        try:
            await self._handle(event, arguments)
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

    async def _handle(self, event: str, arguments: tuple[Any, ...]) -> None:
        first = arguments[0] if arguments else None
        match event:
            case "enter_room":
                await self._enter(first)
            case "nickname":
                await self._rename(first)
            case "new_message":
                await self._say(first, arguments[1] if len(arguments) > 1 else None)
            case _:
                raise BadRequest(f"there is no event {event[:64]!r} in this dialect", code="unknown_type")

    async def _enter(self, room: Any) -> None:
        asked = validated(JoinData, {"room": room, "name": self._nick})
        if self._stay is not None and self._stay.session.room == asked.room:
            return
        await self.close()
        stay = await Stay.begin(self._line.gateway, self._line.principal, asked, self._line.source, self._hear)
        self._stay, self._company = stay, Company(stay.session.roster)
        self._following = Following(stay.follow(), self._over, "socketio-news")
        self._line.rooms_changed()

    async def _rename(self, name: Any) -> None:
        nick = validated(NameData, {"name": name}).name
        if self._stay is not None:
            await self._stay.session.rename(nick)
        self._nick = nick

    async def _say(self, text: Any, room: Any) -> None:
        if self._stay is None:
            raise Conflict("enter a room first")
        if room is not None and room != self._stay.session.room:
            raise Unprocessable("you are in another room", field="room")
        await self._stay.session.say(validated(ChatData, {"text": text}).text)

    async def _hear(self, event: Event) -> None:
        if event.type == "chat":
            await self._line.emit("new_message", f"{event.message.name}: {event.message.text}")
        elif (nick := self._company.came(event)) is not None:
            await self._line.emit("welcome", nick, len(self._company))
        elif (nick := self._company.left(event)) is not None:
            await self._line.emit("bye", nick, len(self._company))

    async def _over(self) -> None:
        await self.close()
        await self._line.disconnect()
