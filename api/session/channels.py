"""The room's chat on a participant's data channels.

Whoever sends words is sent words, ``name: text``; whoever sends objects, or opens the channel with the protocol
``json``, is spoken to as on the WebSocket: ``{"type": "chat", "data": …}``, with a reply where there was an ``id``.
Nobody hears themselves.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from pydantic import JsonValue, ValidationError

from api.errors import error_body, validated
from api.session.packing import Json, Packing, Text
from mcu.errors import BadRequest, McuError, TooLarge
from mcu.protocol.events import ChannelNews, ChatDeleted, ChatEdited, ChatPosted
from mcu.protocol.models import Connection
from mcu.protocol.talk import Said
from mcu.protocol.wire import ChatData, Request

log = structlog.get_logger()

JSON = "json"
"""The protocol of a channel whose client speaks in objects from the start."""

MAX_CHANNELS = 32
"""Of one participant; the connections have a bound of their own, which is below this."""

Address = tuple[Connection, int]


class Speaking(Protocol):
    """What a session does with words. Both raise ``McuError``."""

    async def say(self, text: str, to: tuple[str, ...] | None = None, channel: str | None = None) -> Said: ...

    async def speak(self, connection: Connection, number: int, words: str, *, octets: bool) -> None: ...


@dataclass(slots=True)
class _Channel:
    packing: Packing
    objects: bool


class ChannelChat:
    """For one session. Hears what its channels say, and tells them what the room says."""

    def __init__(self, speaking: Speaking) -> None:
        self._speaking = speaking
        self._packings: dict[Connection, Packing] = {}
        self._channels: dict[Address, _Channel] = {}

    def pack(self, connection: Connection, packing: Packing) -> None:
        """How messages stand in the channels of a connection that are opened from now on."""
        self._packings[connection] = packing

    async def hear(self, news: ChannelNews) -> None:
        address = news.connection, news.number
        if news.state == "open" and len(self._channels) < MAX_CHANNELS:
            objects = news.protocol == JSON
            plain: Packing = Json(octets=False) if objects else Text()
            self._channels[address] = _Channel(self._packings.get(news.connection, plain), objects)
        elif news.state == "closed":
            self._channels.pop(address, None)
        elif news.state == "said" and address in self._channels:
            await self._said(address, self._channels[address], news)

    async def tell(self, event: ChatPosted | ChatEdited | ChatDeleted) -> None:
        """Somebody else said something; that they changed it is for those who speak in objects."""
        for address, channel in list(self._channels.items()):
            if channel.objects:
                data = event.model_dump(mode="json", exclude={"type", "to"})
                await self._send(address, channel, {"type": event.type, "data": data})
            elif isinstance(event, ChatPosted):
                await self._send(address, channel, f"{event.message.name}: {event.message.text}")

    async def _said(self, address: Address, channel: _Channel, news: ChannelNews) -> None:
        number: int | None = None
        try:
            if news.words is None:
                raise TooLarge("this message is too long for a data channel")
            value = channel.packing.read(news.words, octets=news.octets)
            if not isinstance(value, Mapping):
                await self._say({"text": value})
                return
            channel.objects = True
            number = _number(value)
            said = await self._say(_chat(value))
        except McuError as error:
            await self._refuse(address, channel, number, error)
            return
        if number is not None:
            await self._send(address, channel, {"reply_to": number, "ok": True, "data": said})

    async def _say(self, data: Any) -> dict[str, Any]:
        chat = validated(ChatData, data)
        return (await self._speaking.say(chat.text, chat.to, chat.channel)).model_dump(mode="json")

    async def _refuse(self, address: Address, channel: _Channel, number: int | None, error: McuError) -> None:
        body = error_body(error).model_dump(exclude_none=True)
        if not channel.objects:
            await self._send(address, channel, f"mosaic-mcu: {error.message}")
        elif number is None:
            await self._send(address, channel, {"type": "error", "data": body})
        else:
            await self._send(address, channel, {"reply_to": number, "ok": False, "error": body})

    async def _send(self, address: Address, channel: _Channel, value: JsonValue) -> None:
        words, octets = channel.packing.write(value)
        try:
            await self._speaking.speak(*address, words, octets=octets)
        except McuError as error:
            log.debug("channel_refused", code=error.error_code)  # the room or the participant went first


def _number(value: Mapping[str, JsonValue]) -> int | None:
    """The id to answer to."""
    number = value.get("id")
    return number if isinstance(number, int) and not isinstance(number, bool) and 0 <= number <= 2**53 else None


def _chat(value: Mapping[str, JsonValue]) -> Any:
    """The data of a ``chat`` request. Raises ``BadRequest``."""
    try:
        request = Request.model_validate({"id": 0, **value})
    except ValidationError:
        raise BadRequest('send {"type": "chat", "data": {"text": …}}') from None
    if request.type != "chat":
        raise BadRequest("a data channel is for the chat", code="unknown_type", field="type")
    return request.data
