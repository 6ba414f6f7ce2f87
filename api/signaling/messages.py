"""The canonical messages of signaling: how joins are answered, and how the room's news look.

Shared by the adapters that carry JSON messages; the shapes are those of ``mcu.protocol.wire``.
"""

from typing import Any

from pydantic import BaseModel

from api.ice import IceServer
from api.session import Knock, Session
from mcu.protocol.events import Event
from mcu.protocol.models import ParticipantInfo, RoomInfo, TileMap, Uplink
from mcu.protocol.quality import Quality
from mcu.protocol.wire import EventMessage

Data = dict[str, Any]


LIFTED = {"tiles": "tiles", "recording": "recording"}
"""By the type of an event: the field whose own fields are the event's data."""


class JoinedData(BaseModel):
    """The answer to ``join``, and the event ``joined`` after a wait in the lobby."""

    participant: ParticipantInfo
    room: RoomInfo
    participants: tuple[ParticipantInfo, ...]
    ice_servers: tuple[IceServer, ...]
    resume_token: str
    resumed: bool
    tiles: TileMap
    uplink: Uplink | None
    quality: Quality | None


def joined_data(session: Session, servers: list[IceServer]) -> Data:
    """``JoinedData`` as it is sent."""
    joined = JoinedData(
        participant=session.me,
        room=session.joined_room,
        participants=session.roster,
        ice_servers=tuple(servers),
        resume_token=session.resume_token,
        resumed=session.resumed,
        tiles=session.first_tiles,
        uplink=session.first_uplink,
        quality=session.first_quality,
    )
    # A browser takes no null for a user name.
    return _json(joined) | {"ice_servers": [server.model_dump(mode="json", exclude_none=True) for server in servers]}


def waiting_data(knock: Knock) -> Data:
    """The answer to a ``join`` that has to wait."""
    return {"waiting": _json(knock.info)}


def event_message(event: Event) -> EventMessage:
    """An event as clients read it: its own fields; those of a nested tile map or recording are lifted up."""
    lifted = LIFTED.get(event.type)
    data = event.model_dump(mode="json", exclude={"type", "to"})
    if lifted is not None:
        data = data[lifted]
    return EventMessage(type=event.type, data=data)


def _json(model: BaseModel) -> Data:
    return model.model_dump(mode="json")
