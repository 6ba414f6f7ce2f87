"""``/rooms/{room}/recordings``: start, pause, stop, list, download."""

from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Body, Path
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict

from api.recordings import recording_file
from api.routes.common import GatewayDep, PrincipalDep, RecordingPath, RoomDep, RoomPath, file_of, problems
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
async def list_recordings(gateway: GatewayDep, principal: PrincipalDep, name: RoomPath) -> RecordingSummary:
    """The room's recordings, running and finished; of a closed room those that it left, a thousand at most."""
    return RecordingSummary(recordings=await (await gateway.archive(principal, name)).recordings())


@router.get("/{recording}", operation_id="get_recording", responses=problems(404))
async def get_recording(
    gateway: GatewayDep, principal: PrincipalDep, name: RoomPath, recording: RecordingPath
) -> RecordingInfo:
    """One recording, of a closed room too."""
    return await (await gateway.archive(principal, name)).recording(recording)


@router.post("/{recording}/pause", operation_id="pause_recording", responses=problems(404, 409))
async def pause_recording(room: RoomDep, recording: RecordingPath) -> RecordingInfo:
    """Pauses a recording: nothing of what follows comes into its file until it is resumed, and the file has no hole.
    Pausing twice is pausing once.
    """
    return await room.pause_recording(recording)


@router.post("/{recording}/resume", operation_id="resume_recording", responses=problems(404, 409))
async def resume_recording(room: RoomDep, recording: RecordingPath) -> RecordingInfo:
    """Goes on with a paused recording, from the next keyframe on, which is asked for at once. Without effect on one
    that runs.
    """
    return await room.resume_recording(recording)


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
    """A finished recording's file, of a closed room too; honours `Range`."""
    await (await gateway.archive(principal, name)).check_file(recording, file)
    path = await anyio.to_thread.run_sync(recording_file, gateway.settings.recordings_dir, recording, file)
    return FileResponse(path, filename=path.name)
