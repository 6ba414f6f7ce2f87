"""Who is in the room and where they are on the picture, as the server's events tell it."""

from typing import Any

from pydantic import TypeAdapter, ValidationError

from mcu.protocol.access import WaitingInfo
from mcu.protocol.events import (
    Event,
    LobbyChanged,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantUpdated,
    QualityChanged,
    RoomUpdated,
    Speakers,
    Tiles,
    UplinkChanged,
)
from mcu.protocol.models import ParticipantInfo, RoomInfo, TileMap, Uplink
from mcu.protocol.quality import Quality
from mcu.protocol.wire import EventMessage

_EVENT: TypeAdapter[Event] = TypeAdapter(Event)


def read_event(message: EventMessage) -> Event | None:
    """The event of a message; None for one this client doesn't know (a newer server's).

    On the wire the fields of a tile map or a recording stand in the message itself.
    """
    nested = {message.type: message.data} if message.type in ("tiles", "recording") else message.data
    try:
        return _EVENT.validate_python({**nested, "type": message.type})
    except ValidationError:
        return None


class Roster:
    """One writer: the room's socket. ``apply`` each event once, in order."""

    def __init__(self, joined: dict[str, Any]) -> None:
        """From the data of a ``join`` reply. Raises ValidationError."""
        self.me = ParticipantInfo.model_validate(joined["participant"]).id
        self.room = RoomInfo.model_validate(joined["room"])
        self.tiles = TileMap.model_validate(joined["tiles"])
        self.uplink = Uplink.model_validate(joined["uplink"]) if joined.get("uplink") is not None else None
        self.quality = Quality.model_validate(joined["quality"]) if joined.get("quality") is not None else None
        everybody = [ParticipantInfo.model_validate(entry) for entry in joined["participants"]]
        self.participants = {participant.id: participant for participant in everybody}
        self.participants.setdefault(self.me, ParticipantInfo.model_validate(joined["participant"]))
        self.speaking: Speakers = Speakers(active=(), dominant=None)
        self.waiting: tuple[WaitingInfo, ...] = ()

    def apply(self, event: Event) -> None:
        match event:
            case ParticipantJoined() | ParticipantUpdated():
                self.participants[event.participant.id] = event.participant
            case ParticipantLeft():
                if event.id != self.me:
                    self.participants.pop(event.id, None)
            case Tiles():
                self.tiles = event.tiles
            case QualityChanged():
                self.quality = Quality(participant=self.me, choice=event.choice, tier=event.tier, reason=event.reason)
            case UplinkChanged():
                self.uplink = Uplink(video=event.video, screen=event.screen)
            case Speakers():
                self.speaking = event
            case RoomUpdated():
                self.room = event.room
            case LobbyChanged():
                self.waiting = event.waiting
            case _:
                pass
