"""The chat dialect of teaching projects, begun by ``enter_room``, ``nickname`` or ``new_message``.

* in: ``enter_room(room, ack)``, ``new_message(text, room, ack)``, ``nickname(name)``;
* out: ``welcome(nick, count)``, ``bye(nick, count)``, ``new_message("nick: text")``, ``room_change([names])``.

Acknowledgements are empty where all is well, and have ``{code, message}`` where it isn't. The room may be
``{room, password}``. Who has to wait in a lobby is sent ``waiting(room)``, and their own ``welcome`` once they are in.
"""

from typing import Any

from api.errors import error_body, validated
from api.signaling.following import Following
from api.signaling.people import Company
from api.signaling.socketio.asking import asked_join, lobby, refusal
from api.signaling.socketio.line import NO_ANSWER, Line
from api.signaling.stay import Stay
from mcu.errors import BadRequest, Conflict, McuError, Unprocessable
from mcu.protocol.events import Event
from mcu.protocol.wire import ChatData, NameData

NOBODY = "Anon"
"""What somebody is called who hasn't said their name."""


class ChatDialect:
    """``Dialect`` and ``Guest``. A client is in one room at a time."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._nick = NOBODY
        self._stay: Stay | None = None
        self._following: Following | None = None
        self._company = Company(())

    async def handle(self, event: str, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        try:
            return await self._handle(event, arguments)
        except McuError as error:
            return await refusal(self._line, error)

    async def close(self) -> None:
        stay, self._stay = self._stay, None
        if self._following is not None:
            await self._following.close()
        if stay is not None:
            await stay.close()
            self._line.rooms_changed()

    async def _handle(self, event: str, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        first = arguments[0] if arguments else None
        match event:
            case "enter_room":
                return await self._enter(first)
            case "nickname":
                await self._rename(first)
            case "new_message":
                await self._say(first, arguments[1] if len(arguments) > 1 else None)
            case _:
                raise BadRequest(f"there is no event {event[:64]!r} in this dialect", code="unknown_type")
        return NO_ANSWER

    async def _enter(self, room: Any) -> tuple[Any, ...]:
        asked = asked_join(room, name=self._nick)
        if self._stay is None or self._stay.room != asked.room:
            await self.close()
            self._stay = await Stay.begin(self._line.gateway, self._line.principal, asked, self._line.source, self)
            if not self._stay.waits:
                self._company = Company(self._stay.session.roster)
                self._line.rooms_changed()
            self._following = Following(self._stay.follow(), self._over, "socketio-news")
        return await lobby(self._line, asked.room) if self._stay.waits else NO_ANSWER

    async def admitted(self) -> None:
        assert self._stay is not None, "this is the stay's own news"
        session = self._stay.session
        if session.principal.name is None and session.me.name != self._nick:
            await session.rename(self._nick)
        self._company = Company(session.roster)
        self._line.rooms_changed()
        await self._line.emit("welcome", session.me.name, len(self._company))

    async def denied(self, error: McuError) -> None:
        await self._line.emit("error", error_body(error).model_dump(exclude_none=True))

    async def _rename(self, name: Any) -> None:
        nick = validated(NameData, {"name": name}).name
        if self._stay is not None and not self._stay.waits:
            await self._stay.session.rename(nick)
        self._nick = nick

    async def _say(self, text: Any, room: Any) -> None:
        if self._stay is None:
            raise Conflict("enter a room first")
        if room is not None and room != self._stay.room:
            raise Unprocessable("you are in another room", field="room")
        await self._stay.session.say(validated(ChatData, {"text": text}).text)

    async def hear(self, event: Event) -> None:
        if event.type == "chat":
            await self._line.emit("new_message", f"{event.message.name}: {event.message.text}")
        elif (nick := self._company.came(event)) is not None:
            await self._line.emit("welcome", nick, len(self._company))
        elif (nick := self._company.left(event)) is not None:
            await self._line.emit("bye", nick, len(self._company))

    async def _over(self) -> None:
        denied = self._stay is not None and self._stay.waits
        await self.close()
        if not denied:
            await self._line.disconnect()
