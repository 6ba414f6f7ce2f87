"""From a room's news to the JSON that webhooks carry."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, Literal, get_args

from pydantic import BaseModel

from mcu.engine.news import Knocked, News, RoomEnded, RoomOpened
from mcu.protocol import events as e
from mcu.protocol.models import Frozen, ParticipantInfo, RecordingInfo
from mcu.protocol.names import RoomName
from mcu.protocol.outputs import OutputState

WebhookEvent = Literal[
    "room_opened",
    "room_updated",
    "room_closed",
    "participant_waiting",
    "participant_joined",
    "participant_updated",
    "participant_left",
    "recording_started",
    "recording_paused",
    "recording_resumed",
    "recording_stopped",
    "output_started",
    "output_interrupted",
    "output_finished",
    "output_failed",
    "playback_changed",
    "layout_changed",
    "speaker_changed",
    "quality_changed",
    "load_changed",
    "connection_failed",
]

DEFAULT_EVENTS: Final[tuple[WebhookEvent, ...]] = (
    "room_opened",
    "room_updated",
    "room_closed",
    "participant_waiting",
    "participant_joined",
    "participant_left",
    "recording_started",
    "recording_paused",
    "recording_resumed",
    "recording_stopped",
    "output_started",
    "output_finished",
    "output_failed",
)
"""The others tell of quality and of what changes often: an endpoint has to ask for them."""

ALL_EVENTS: Final[tuple[WebhookEvent, ...]] = get_args(WebhookEvent)


_OF_OUTPUTS: Final[dict[OutputState, WebhookEvent]] = {
    "active": "output_started",
    "retrying": "output_interrupted",
    "ended": "output_finished",
    "failed": "output_failed",
}


class WebhookBody(Frozen):
    """What is posted. ``id`` is the same at every attempt and endpoint: who saw it already may ignore it."""

    id: str
    type: WebhookEvent
    room: RoomName
    at: datetime
    data: dict[str, Any]


def body_of(
    room: str,
    news: News,
    person: ParticipantInfo | None,
    new_id: Callable[[], str],
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> WebhookBody | None:
    """None for what no webhook tells: pictures, levels, and what was said to one person."""
    said = _said(news, person)
    if said is None:
        return None
    kind, data = said
    return WebhookBody(id=new_id(), type=kind, room=room, at=now(), data=data)


def _said(news: News, person: ParticipantInfo | None) -> tuple[WebhookEvent, dict[str, Any]] | None:
    match news:
        case RoomOpened():
            return "room_opened", {"room": _plain(news.room)}
        case e.RoomUpdated():
            return "room_updated", {"room": _plain(news.room)}
        case RoomEnded():
            return "room_closed", {"reason": news.reason}
        case Knocked():
            return "participant_waiting", {"participant": _plain(news.waiting)}
        case e.ParticipantJoined():
            return "participant_joined", {"participant": _plain(news.participant)}
        case e.ParticipantUpdated():
            return "participant_updated", {"participant": _plain(news.participant)}
        case e.ParticipantLeft():
            return "participant_left", {"participant": _person(news.id, person), "reason": news.reason}
        case e.RecordingChanged():
            kind = _said_of(news.recording)
            return None if kind is None else (kind, {"recording": _plain(news.recording)})
        case e.OutputChanged():
            about = _OF_OUTPUTS.get(news.output.state)
            return None if about is None else (about, {"output": _plain(news.output)})
        case e.PlaybackChanged():
            return "playback_changed", {"playback": _plain(news.playback)}
        case e.LayoutChangedEvent():
            return "layout_changed", {"view": news.view, "etag": news.state.etag, "by": news.by}
        case e.Speakers():
            dominant = news.dominant
            return "speaker_changed", {"participant": None if dominant is None else _person(dominant, person)}
        case e.QualityChanged():
            told = {"participant": _person(news.to or "", person), "tier": news.tier, "reason": news.reason}
            return "quality_changed", told | {"choice": news.choice}
        case e.LoadChanged():
            return "load_changed", {"level": news.level, "step": news.step, "reason": news.reason}
        case e.PeerFailed():
            who = None if news.to is None else _person(news.to, person)
            return "connection_failed", {"participant": who, "connection": news.connection}
        case _:
            return None


def _said_of(recording: RecordingInfo) -> WebhookEvent | None:
    match recording.state:
        case "starting":
            return None
        case "active":
            return "recording_resumed" if recording.pauses else "recording_started"
        case "paused":
            return "recording_paused"
        case "finished" | "failed":
            return "recording_stopped"


def _person(identifier: str, person: ParticipantInfo | None) -> dict[str, Any]:
    return {"id": identifier} if person is None else _plain(person)


def _plain(model: BaseModel) -> dict[str, Any]:
    return model.model_dump(mode="json")
