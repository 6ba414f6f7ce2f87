"""The data of each reply, by the request it answers: what ``/asyncapi.json`` says of them."""

from typing import Final

from pydantic import BaseModel, RootModel

from api.signaling.messages import JoinedData
from mcu.protocol.access import WaitingInfo, WaitingList
from mcu.protocol.layout import LayoutState
from mcu.protocol.models import ParticipantInfo, RecordingInfo, RoomInfo
from mcu.protocol.quality import Quality
from mcu.protocol.talk import ChatMessage, Delivered, ReadySet, Said
from mcu.protocol.versions import ScheduledLayout


class Nothing(BaseModel):
    """No data."""


class WaitingReply(BaseModel):
    """In the lobby: ``joined`` or ``denied`` follows as an event."""

    waiting: WaitingInfo


class JoinReply(RootModel[JoinedData | WaitingReply]):
    """In the room, or in its lobby."""


class OfferReply(BaseModel):
    """The answer's SDP."""

    sdp: str


class ParticipantReply(BaseModel):
    participant: ParticipantInfo


class ViewReply(BaseModel):
    participant: ParticipantInfo
    quality: Quality


class RoomReply(BaseModel):
    room: RoomInfo


class MessageReply(BaseModel):
    message: ChatMessage


class LayoutReply(RootModel[LayoutState | ScheduledLayout]):
    """The layout as it is now, or the change that waits for its time."""


REPLIES: Final[dict[str, type[BaseModel]]] = {
    "join": JoinReply,
    "offer": OfferReply,
    "candidate": Nothing,
    "media_state": ParticipantReply,
    "hand": ParticipantReply,
    "layout": LayoutReply,
    "view": ViewReply,
    "mute": ParticipantReply,
    "kick": Nothing,
    "lock": RoomReply,
    "admit": WaitingList,
    "role": ParticipantReply,
    "record": RecordingInfo,
    "pin": LayoutState,
    "chat": Said,
    "chat_edit": MessageReply,
    "chat_delete": Nothing,
    "app": Delivered,
    "reaction": Nothing,
    "ready": ReadySet,
    "leave": Nothing,
    "ping": Nothing,
}
