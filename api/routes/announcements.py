"""``/rooms/{room}/announcements``: sounds played into a room while its people are turned down."""

import json
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel

from api.bodies import bounded_body, content_type
from api.errors import validated
from api.routes.common import RoomDep, problems
from mcu.errors import BadRequest, UnsupportedMedia
from mcu.protocol.announcements import (
    MAX_SOUND_BYTES,
    Announce,
    AnnouncementId,
    AnnouncementInfo,
    DuckDb,
    ToneAnnouncement,
)
from mcu.protocol.names import GroupName

router = APIRouter(prefix="/rooms/{room}/announcements", tags=["announcements"])

SOUND_TYPES = ("audio/ogg", "audio/wav", "audio/x-wav", "audio/flac", "audio/mpeg", "application/ogg")
TONES = [{"tone": {"hz": 880, "duration_ms": 300}, "duck_db": -20}]
TONE_SCHEMA = ToneAnnouncement.model_json_schema() | {"examples": TONES}
# In a document of many schemas, one that stands in the midst of it must not refer to itself as to the whole.
TONE_SCHEMA["properties"]["tone"] = TONE_SCHEMA.pop("$defs")["Tone"]
REQUEST: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            **{kind: {"schema": {"type": "string", "format": "binary"}} for kind in SOUND_TYPES},
            "application/json": {"schema": TONE_SCHEMA},
        },
    }
}
GroupQuery = Annotated[GroupName | None, Query(description="Who hears a file; everybody when it isn't said.")]
DuckQuery = Annotated[DuckDb, Query(description="How far a file turns people down, in dB.")]
AnnouncementPath = Annotated[AnnouncementId, Path(alias="announcement", description="The announcement's id.")]


class AnnouncementRoster(BaseModel):
    announcements: tuple[AnnouncementInfo, ...]


@router.post(
    "", status_code=201, operation_id="announce", responses=problems(400, 404, 409, 413, 415), openapi_extra=REQUEST
)
async def announce(
    room: RoomDep, request: Request, response: Response, group: GroupQuery = None, duck_db: DuckQuery = -15.0
) -> AnnouncementInfo:
    """Plays a sound: an Ogg, WAV, FLAC or MP3 file of at most two minutes and 4 MiB, or as JSON a tone, which says its
    own `group` and `duck_db`. Everybody hears it and recordings hold it; people are turned down while it plays.
    """
    room.may_announce()
    body, kind = await bounded_body(request, MAX_SOUND_BYTES), content_type(request)
    if kind != "application/json" and kind not in SOUND_TYPES:
        raise UnsupportedMedia(f"send a tone as JSON, or a file with a Content-Type of {', '.join(SOUND_TYPES)}")
    if kind == "application/json":
        wanted = validated(ToneAnnouncement, _json(body))
        command = Announce(tone=wanted.tone, group=wanted.group, duck_db=wanted.duck_db)
    else:
        command = Announce(sound=body, group=group, duck_db=duck_db)
    info = await room.announce(command)
    response.headers["Location"] = f"/api/v1/rooms/{quote(room.room, safe='')}/announcements/{info.id}"
    return info


@router.get("", operation_id="list_announcements", responses=problems(404))
async def list_announcements(room: RoomDep) -> AnnouncementRoster:
    """Those that play now."""
    return AnnouncementRoster(announcements=await room.announcements())


@router.get("/{announcement}", operation_id="get_announcement", responses=problems(404))
async def get_announcement(room: RoomDep, announcement: AnnouncementPath) -> AnnouncementInfo:
    """One that plays now."""
    return await room.announcement(announcement)


@router.delete("/{announcement}", status_code=204, operation_id="stop_announcement", responses=problems(404))
async def stop_announcement(room: RoomDep, announcement: AnnouncementPath) -> None:
    """Fades it out and lets people come back."""
    await room.stop_announcement(announcement)


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise BadRequest("the body is not valid JSON") from None
