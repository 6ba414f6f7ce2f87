"""``/rooms/{room}/recordings``: start, stop, list, download."""

from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Body, Path
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict

from api.recordings import recording_file
from api.routes.common import GatewayDep, PrincipalDep, RecordingPath, RoomDep, RoomPath, file_of, problems
from mcu.errors import Conflict, NotFound
from mcu.protocol.models import RecordingInfo
from mcu.protocol.names import ViewName

router = APIRouter(prefix="/rooms/{room}/recordings", tags=["recordings"])


FilePath = Annotated[str, Path(alias="file", description="The file's name, as the recording says it.")]


class NewRecording(BaseModel):
    model_config = ConfigDict(extra="forbid")

    view: ViewName = "main"


class RecordingSummary(BaseModel):
    recordings: tuple[RecordingInfo, ...]


@router.post("", status_code=201, operation_id="start_recording", responses=problems(400, 404, 409, 413, 415))
async def start_recording(
    room: RoomDep, recording: Annotated[NewRecording | None, Body(examples=[{"view": "main"}])] = None
) -> RecordingInfo:
    """Starts to record a view's picture and the sound of its group: of those in none, where it shows everybody."""
    return await room.start_recording((recording or NewRecording()).view)


@router.get("", operation_id="list_recordings", responses=problems(404))
async def list_recordings(room: RoomDep) -> RecordingSummary:
    """The room's recordings, running and finished."""
    return RecordingSummary(recordings=await room.recordings())


@router.get("/{recording}", operation_id="get_recording", responses=problems(404))
async def get_recording(room: RoomDep, recording: RecordingPath) -> RecordingInfo:
    """One recording."""
    return await room.recording(recording)


@router.post("/{recording}/stop", operation_id="stop_recording", responses=problems(404, 409))
async def stop_recording(room: RoomDep, recording: RecordingPath) -> RecordingInfo:
    """Stops a recording; answers once its file is complete."""
    return await room.stop_recording(recording)


@router.get(
    "/{recording}/files/{file}",
    operation_id="get_recording_file",
    response_class=FileResponse,
    responses=problems(404, 409)
    | {
        200: file_of("video/mp4", "The file.", {"Accept-Ranges": "Always `bytes`.", "ETag": "Its version."}),
        206: file_of("video/mp4", "The part that `Range` asks for.", {"Content-Range": "Which it is."}),
        416: file_of("text/plain", "`Range` asks for what lies outside the file."),
    },
)
async def get_recording_file(
    gateway: GatewayDep, principal: PrincipalDep, name: RoomPath, recording: RecordingPath, file: FilePath
) -> FileResponse:
    """A finished recording's file; honours `Range`. Of a room that is closed only a server's admin gets it, as nothing
    but the room knows which recordings are its own.
    """
    principal.require("record", name)
    if not principal.everywhere or await gateway.engine.find(name) is not None:
        info = await (await gateway.room(principal, name)).recording(recording)
        if info.file != file:
            raise NotFound("there is no such file in this recording", code="no_such_recording")
        if info.state in ("starting", "active"):
            raise Conflict("this recording is still running; stop it first")
    path = await anyio.to_thread.run_sync(recording_file, gateway.settings.recordings_dir, recording, file)
    return FileResponse(path, filename=path.name)
