"""The canonical messages of signaling: what each type does with a session, and how the room's news look.

Shared by the adapters that carry JSON messages; the shapes are those of ``mcu.protocol.wire``.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import BaseModel

from api.errors import validated
from api.ice import IceServer
from api.session import Knock, Session
from mcu.errors import BadRequest
from mcu.protocol.access import Admit
from mcu.protocol.commands import SetLayout, UpdateParticipant
from mcu.protocol.events import Event
from mcu.protocol.wire import (
    AdmitData,
    AppData,
    CandidateData,
    ChatData,
    ChatDeleteData,
    ChatEditData,
    EventMessage,
    HandData,
    KickData,
    LayoutData,
    LockData,
    MediaStateData,
    MuteData,
    OfferData,
    PinData,
    ReactionData,
    ReadyData,
    RecordData,
    RoleData,
    ViewData,
)

Data = dict[str, Any]


def joined_data(session: Session, servers: list[IceServer]) -> Data:
    """The answer to ``join``."""
    return {
        "participant": _json(session.me),
        "room": _json(session.joined_room),
        "participants": [_json(one) for one in session.roster],
        "ice_servers": [server.model_dump(mode="json", exclude_none=True) for server in servers],
        "resume_token": session.resume_token,
        "resumed": session.resumed,
        "tiles": _json(session.first_tiles),
    }


def waiting_data(knock: Knock) -> Data:
    """The answer to a ``join`` that has to wait."""
    return {"waiting": _json(knock.info)}


def event_message(event: Event) -> EventMessage:
    """An event as clients read it: its own fields; those of a nested tile map or recording are lifted up."""
    match event.type:
        case "tiles":
            data = _json(event.tiles)
        case "recording":
            data = _json(event.recording)
        case _:
            data = event.model_dump(mode="json", exclude={"type", "to"})
    return EventMessage(type=event.type, data=data)


async def perform(session: Session, kind: str, data: Data) -> Data:
    """Carries out one message of a joined client; the data of its reply. Raises ``McuError``: ``unknown_type``,
    ``invalid`` with the field, ``forbidden``, or what the room answers.
    """
    handler = _HANDLERS.get(kind)
    if handler is None:
        raise BadRequest(f"this server has no message type {kind!r}", code="unknown_type", field="type")
    return await handler(session, data)


async def _offer(session: Session, data: Data) -> Data:
    offer = validated(OfferData, data)
    return {"sdp": await session.offer(offer.sdp, offer.connection)}


async def _candidate(session: Session, data: Data) -> Data:
    message = validated(CandidateData, data)
    await session.candidate(message.candidate, message.connection)
    return {}


async def _media_state(session: Session, data: Data) -> Data:
    state = validated(MediaStateData, data)
    return {"participant": _json(await session.media_state(state.audio, state.video, state.screen))}


async def _hand(session: Session, data: Data) -> Data:
    return {"participant": _json(await session.raise_hand(validated(HandData, data).raised))}


async def _layout(session: Session, data: Data) -> Data:
    wanted = validated(LayoutData, data)
    command = SetLayout(view=wanted.view, layout=wanted.layout, if_match=wanted.if_match)
    return _json(await session.change_layout(command))


async def _view(session: Session, data: Data) -> Data:
    return {"participant": _json(await session.watch_view(validated(ViewData, data).name))}


async def _mute(session: Session, data: Data) -> Data:
    mute = validated(MuteData, data)
    command = UpdateParticipant(
        participant=mute.participant, server_muted_audio=mute.audio, server_muted_video=mute.video
    )
    return {"participant": _json(await session.update(command))}


async def _kick(session: Session, data: Data) -> Data:
    kick = validated(KickData, data)
    await session.kick(kick.participant, kick.reason, kick.ban_s)
    return {}


async def _lock(session: Session, data: Data) -> Data:
    return {"room": _json(await session.lock(validated(LockData, data).locked))}


async def _admit(session: Session, data: Data) -> Data:
    admit = validated(AdmitData, data)
    command = Admit(participant=admit.participant, admit=admit.admit, reason=admit.reason)
    return _json(await session.admit(command))


async def _role(session: Session, data: Data) -> Data:
    wanted = validated(RoleData, data)
    command = UpdateParticipant(participant=wanted.participant, role=wanted.role)
    return {"participant": _json(await session.update(command))}


async def _record(session: Session, data: Data) -> Data:
    record = validated(RecordData, data)
    if record.action == "start":
        return _json(await session.start_recording(record.view))
    return _json(await session.stop_recording_of(record.view))


async def _pin(session: Session, data: Data) -> Data:
    pin = validated(PinData, data)
    return _json(await session.pin(pin.participant, pin.view))


async def _chat(session: Session, data: Data) -> Data:
    chat = validated(ChatData, data)
    return _json(await session.say(chat.text, chat.to, chat.channel))


async def _chat_edit(session: Session, data: Data) -> Data:
    edit = validated(ChatEditData, data)
    return {"message": _json(await session.edit_message(edit.message_id, edit.text))}


async def _chat_delete(session: Session, data: Data) -> Data:
    await session.delete_message(validated(ChatDeleteData, data).message_id)
    return {}


async def _app(session: Session, data: Data) -> Data:
    app = validated(AppData, data)
    return _json(await session.send_app(app.topic, app.payload, app.to))


async def _reaction(session: Session, data: Data) -> Data:
    await session.react(validated(ReactionData, data).reaction)
    return {}


async def _ready(session: Session, data: Data) -> Data:
    wanted = validated(ReadyData, data)
    return _json(await (session.clear_ready() if wanted.clear else session.set_ready(wanted.ready)))


_HANDLERS: dict[str, Callable[[Session, Data], Awaitable[Data]]] = {
    "offer": _offer,
    "candidate": _candidate,
    "media_state": _media_state,
    "hand": _hand,
    "layout": _layout,
    "view": _view,
    "mute": _mute,
    "kick": _kick,
    "lock": _lock,
    "admit": _admit,
    "role": _role,
    "record": _record,
    "pin": _pin,
    "chat": _chat,
    "chat_edit": _chat_edit,
    "chat_delete": _chat_delete,
    "app": _app,
    "reaction": _reaction,
    "ready": _ready,
}


def _json(model: BaseModel) -> Data:
    return model.model_dump(mode="json")
