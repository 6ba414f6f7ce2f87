"""``/rooms/{room}/playback``: files played into a room by a participant of their own: pause, seek, loop."""

import json
from pathlib import Path as FilePath
from typing import Annotated, Any
from urllib.parse import quote

import anyio.to_thread
from fastapi import APIRouter, Body, Path, Query, Request, Response
from pydantic import BaseModel

from api.bodies import bounded_body, content_type
from api.errors import validated
from api.films import film_in, spooled
from api.promises import Newcomers
from api.recordings import recording_file
from api.routes.common import GatewayDep, RoomDep, problems
from api.session import RoomControl
from api.settings import Settings
from mcu.errors import BadRequest, Conflict, UnsupportedMedia
from mcu.protocol.names import DisplayName, GroupName
from mcu.protocol.playback import (
    PlaybackChanges,
    PlaybackId,
    PlaybackInfo,
    PlaybackOptions,
    PlaybackRequest,
    Position,
    StartPlayback,
)

router = APIRouter(prefix="/rooms/{room}/playback", tags=["playback"])

FILM_TYPES = (
    "video/mp4",
    "video/quicktime",
    "video/webm",
    "video/x-matroska",
    "video/ogg",
    "audio/mp4",
    "audio/aac",
    "audio/mpeg",
    "audio/ogg",
    "audio/webm",
    "audio/wav",
    "audio/x-wav",
    "audio/flac",
)
DEFAULT_NAME = "Playback"
MAX_JSON_BYTES = 16 * 1024
REQUEST_SCHEMA = PlaybackRequest.model_json_schema() | {"examples": [{"file": "intro.mp4", "loop": True}]}
REQUEST: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            **{kind: {"schema": {"type": "string", "format": "binary"}} for kind in FILM_TYPES},
            "application/json": {"schema": REQUEST_SCHEMA},
        },
    }
}
NameQuery = Annotated[DisplayName | None, Query(description="What the tile of a file that is sent says.")]
GroupQuery = Annotated[GroupName, Query(description="Who hears a file that is sent; those in no group if it's empty.")]
LoopQuery = Annotated[bool, Query(description="Whether a file that is sent begins anew at its end.")]
StartQuery = Annotated[Position, Query(description="Where a file that is sent begins, in seconds.")]
PausedQuery = Annotated[bool, Query(description="Whether a file that is sent waits at its first picture.")]
PlaybackPath = Annotated[PlaybackId, Path(alias="playback", description="The playback's id.")]


class PlaybackRoster(BaseModel):
    playbacks: tuple[PlaybackInfo, ...]


@router.post(
    "",
    status_code=201,
    operation_id="start_playback",
    responses=problems(400, 404, 409, 413, 415),
    openapi_extra=REQUEST,
)
async def start_playback(
    room: RoomDep,
    gateway: GatewayDep,
    request: Request,
    response: Response,
    name: NameQuery = None,
    group: GroupQuery = "",
    loop: LoopQuery = False,
    start_s: StartQuery = 0.0,
    paused: PausedQuery = False,
) -> PlaybackInfo:
    """Plays a file that is sent (MP4, MOV, WebM, Matroska, Ogg, WAV, FLAC, MP3 or AAC), or as JSON one that the server
    has: `file` of its folder, or a finished `recording` of the room, which needs the grant `record` as well. JSON says
    its own options. A participant comes for it, with a tile and a voice, and leaves when it is over.
    """
    room.may_play()
    kind = content_type(request)
    if kind != "application/json" and kind not in FILM_TYPES:
        raise UnsupportedMedia(f"send JSON, or a file with a Content-Type of {', '.join(FILM_TYPES)}")
    settings = gateway.settings
    newcomer = Newcomers(room=room.room, joining=True)
    if kind == "application/json":
        wanted = validated(PlaybackRequest, _json(await bounded_body(request, MAX_JSON_BYTES)))
        path, default = await _found(room, settings, wanted)
        options = PlaybackOptions(**wanted.model_dump(exclude={"file", "recording"}))
        command = StartPlayback(path=str(path), name=wanted.name or default, options=options)
        async with gateway.admission.admitted(newcomer):
            info = await room.play(command)
    else:
        options = PlaybackOptions(name=name, group=group, loop=loop, start_s=start_s, paused=paused)
        async with spooled(request, settings.recordings_dir, settings.playback.max_bytes) as film:
            command = StartPlayback(path=str(film), temporary=True, name=name or DEFAULT_NAME, options=options)
            async with gateway.admission.admitted(newcomer):
                info = await room.play(command)
    response.headers["Location"] = f"/api/v1/rooms/{quote(room.room, safe='')}/playback/{info.id}"
    return info


@router.get("", operation_id="list_playbacks", responses=problems(404))
async def list_playbacks(room: RoomDep) -> PlaybackRoster:
    """Those that play or are paused."""
    return PlaybackRoster(playbacks=await room.playbacks())


@router.get("/{playback}", operation_id="get_playback", responses=problems(404))
async def get_playback(room: RoomDep, playback: PlaybackPath) -> PlaybackInfo:
    """One of them, and where it is now."""
    return await room.playback(playback)


@router.patch("/{playback}", operation_id="update_playback", responses=problems(400, 404, 413, 415))
async def update_playback(
    room: RoomDep,
    playback: PlaybackPath,
    changes: Annotated[PlaybackChanges, Body(examples=[{"paused": True, "position_s": 12.5}])],
) -> PlaybackInfo:
    """Pauses it, lets it go on, goes to another position, or says whether it loops. Answers once the picture at a new
    position is there, also while it is paused.
    """
    return await room.update_playback(playback, changes)


@router.delete("/{playback}", status_code=204, operation_id="stop_playback", responses=problems(404))
async def stop_playback(room: RoomDep, playback: PlaybackPath) -> None:
    """Ends it; its participant leaves."""
    await room.stop_playback(playback)


async def _found(room: RoomControl, settings: Settings, wanted: PlaybackRequest) -> tuple[FilePath, str]:
    """Where the file lies, and what it is called."""
    if wanted.file is not None:
        path = await anyio.to_thread.run_sync(film_in, settings.playback.dir, wanted.file)
        return path, path.stem[:64]
    recording = await room.recording(wanted.recording or "")
    if recording.state not in ("finished", "failed"):
        raise Conflict("this recording is still running; stop it first")
    path = await anyio.to_thread.run_sync(recording_file, settings.recordings_dir, recording.id, recording.file)
    return path, "Recording"


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise BadRequest("the body is not valid JSON") from None
