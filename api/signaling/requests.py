"""What each request of a joined client does with its session."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel

from api.errors import validated
from api.session import Session
from mcu.errors import BadRequest, Unprocessable
from mcu.protocol.access import Admit
from mcu.protocol.commands import SetLayout, UpdateParticipant
from mcu.protocol.wire import (
    AdmitData,
    AppData,
    CandidateData,
    ChatData,
    ChatDeleteData,
    ChatEditData,
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
ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class _Request:
    model: type[BaseModel]
    perform: Callable[[Session, Data], Awaitable[Data]]


def _request(model: type[ModelT], run: Callable[[Session, ModelT], Awaitable[Data]]) -> _Request:
    async def perform(session: Session, data: Data) -> Data:
        return await run(session, validated(model, data))

    return _Request(model, perform)


async def perform(session: Session, kind: str, data: Data) -> Data:
    """Carries out one message of a joined client; the data of its reply. Raises ``McuError``: ``unknown_type``,
    ``invalid`` with the field, ``forbidden``, or what the room answers.
    """
    request = _REQUESTS.get(kind)
    if request is None:
        raise BadRequest(f"this server has no message type {kind!r}", code="unknown_type", field="type")
    return await request.perform(session, data)


async def _offer(session: Session, offer: OfferData) -> Data:
    return {"sdp": await session.offer(offer.sdp, offer.connection)}


async def _candidate(session: Session, message: CandidateData) -> Data:
    await session.candidate(message.candidate, message.connection)
    return {}


async def _media_state(session: Session, state: MediaStateData) -> Data:
    return {"participant": _json(await session.media_state(state.audio, state.video, state.screen))}


async def _hand(session: Session, wanted: HandData) -> Data:
    return {"participant": _json(await session.raise_hand(wanted.raised))}


async def _layout(session: Session, wanted: LayoutData) -> Data:
    command = SetLayout(view=wanted.view, layout=wanted.layout, if_match=wanted.if_match)
    return _json(await session.change_layout(command))


async def _view(session: Session, wanted: ViewData) -> Data:
    if wanted.name is None and wanted.tier is None:
        raise Unprocessable("say which view to watch, or at most which tier", field="name")
    quality = await (session.choose_quality(wanted.tier) if wanted.tier is not None else session.own_quality())
    me = await session.watch_view(wanted.name) if wanted.name is not None else session.me
    return {"participant": _json(me), "quality": _json(quality)}


async def _mute(session: Session, mute: MuteData) -> Data:
    command = UpdateParticipant(
        participant=mute.participant, server_muted_audio=mute.audio, server_muted_video=mute.video
    )
    return {"participant": _json(await session.update(command))}


async def _kick(session: Session, kick: KickData) -> Data:
    await session.kick(kick.participant, kick.reason, kick.ban_s)
    return {}


async def _lock(session: Session, wanted: LockData) -> Data:
    return {"room": _json(await session.lock(wanted.locked))}


async def _admit(session: Session, admit: AdmitData) -> Data:
    command = Admit(participant=admit.participant, admit=admit.admit, reason=admit.reason)
    return _json(await session.admit(command))


async def _role(session: Session, wanted: RoleData) -> Data:
    command = UpdateParticipant(participant=wanted.participant, role=wanted.role)
    return {"participant": _json(await session.update(command))}


async def _record(session: Session, record: RecordData) -> Data:
    if record.action == "start":
        return _json(await session.start_recording(record.view))
    running = (await session.running_recording(record.view)).id
    match record.action:
        case "pause":
            return _json(await session.pause_recording(running))
        case "resume":
            return _json(await session.resume_recording(running))
        case "stop":
            return _json(await session.stop_recording(running))


async def _pin(session: Session, pin: PinData) -> Data:
    return _json(await session.pin(pin.participant, pin.view))


async def _chat(session: Session, chat: ChatData) -> Data:
    return _json(await session.say(chat.text, chat.to, chat.channel))


async def _chat_edit(session: Session, edit: ChatEditData) -> Data:
    return {"message": _json(await session.edit_message(edit.message_id, edit.text))}


async def _chat_delete(session: Session, wanted: ChatDeleteData) -> Data:
    await session.delete_message(wanted.message_id)
    return {}


async def _app(session: Session, app: AppData) -> Data:
    return _json(await session.send_app(app.topic, app.payload, app.to))


async def _reaction(session: Session, wanted: ReactionData) -> Data:
    await session.react(wanted.reaction)
    return {}


async def _ready(session: Session, wanted: ReadyData) -> Data:
    return _json(await (session.clear_ready() if wanted.clear else session.set_ready(wanted.ready)))


def _json(model: BaseModel) -> Data:
    return model.model_dump(mode="json")


_REQUESTS = {
    "offer": _request(OfferData, _offer),
    "candidate": _request(CandidateData, _candidate),
    "media_state": _request(MediaStateData, _media_state),
    "hand": _request(HandData, _hand),
    "layout": _request(LayoutData, _layout),
    "view": _request(ViewData, _view),
    "mute": _request(MuteData, _mute),
    "kick": _request(KickData, _kick),
    "lock": _request(LockData, _lock),
    "admit": _request(AdmitData, _admit),
    "role": _request(RoleData, _role),
    "record": _request(RecordData, _record),
    "pin": _request(PinData, _pin),
    "chat": _request(ChatData, _chat),
    "chat_edit": _request(ChatEditData, _chat_edit),
    "chat_delete": _request(ChatDeleteData, _chat_delete),
    "app": _request(AppData, _app),
    "reaction": _request(ReactionData, _reaction),
    "ready": _request(ReadyData, _ready),
}

REQUESTS: dict[str, type[BaseModel]] = {kind: request.model for kind, request in _REQUESTS.items()}
"""The data of each request, by type."""
