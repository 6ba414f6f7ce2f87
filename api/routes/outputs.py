"""``/rooms/{room}/outputs``: live outputs of a view: RTMP, SRT, WHIP, and HLS, which is fetched here."""

from typing import Annotated
from urllib.parse import quote

import anyio.to_thread
from fastapi import APIRouter, Body, Path, Response
from fastapi.responses import FileResponse

from api.outputs import PLAYLIST_TYPE, SEGMENT_TYPE, hls_file
from api.routes.common import GatewayDep, RoomDep, file_of, problems
from mcu.protocol.outputs import NewOutput, OutputId, OutputInfo, OutputList

router = APIRouter(prefix="/rooms/{room}/outputs", tags=["outputs"])

OutputPath = Annotated[OutputId, Path(alias="output", description="The output's id.")]
HlsPath = Annotated[str, Path(alias="file", description="`index.m3u8`, or a segment that stands in it.")]
EXAMPLES = [
    {"url": "rtmp://live.example.org/app/key", "view": "main"},
    {"url": "srt://live.example.org:9000?streamid=publish:team&passphrase=correct-horse"},
    {"url": "https://live.example.org/whip", "token": "secret"},
    {"kind": "hls"},
]


@router.post("", status_code=201, operation_id="start_output", responses=problems(400, 404, 409, 413, 415))
async def start_output(
    room: RoomDep, output: Annotated[NewOutput, Body(examples=EXAMPLES)], response: Response
) -> OutputInfo:
    """Sends a view's picture and the sound of its group to an address, or as HLS keeps it here to be fetched. Answers
    at once: `state` tells when it has arrived. A destination that is away is tried again for some minutes.
    """
    info = await room.start_output(output)
    response.headers["Location"] = f"/api/v1/rooms/{quote(room.room, safe='')}/outputs/{info.id}"
    return info


@router.get("", operation_id="list_outputs", responses=problems(404))
async def list_outputs(room: RoomDep) -> OutputList:
    """Those that run, and before them the last that ended. What is secret in an address is left out."""
    return OutputList(outputs=await room.outputs())


@router.get("/{output}", operation_id="get_output", responses=problems(404))
async def get_output(room: RoomDep, output: OutputPath) -> OutputInfo:
    """One output: how it fares, and how much it has sent."""
    return await room.output(output)


@router.delete("/{output}", status_code=204, operation_id="stop_output", responses=problems(404))
async def stop_output(room: RoomDep, output: OutputPath) -> None:
    """Ends an output; what HLS kept is removed."""
    await room.stop_output(output)


@router.get(
    "/{output}/hls/{file}",
    operation_id="get_hls_file",
    response_class=FileResponse,
    responses=problems(404)
    | {
        200: file_of(PLAYLIST_TYPE, "The playlist.")
        | {"content": {kind: {} for kind in (PLAYLIST_TYPE, SEGMENT_TYPE)}},
        206: file_of(SEGMENT_TYPE, "The part that `Range` asks for."),
        416: file_of("text/plain", "`Range` asks for what lies outside the file."),
    },
)
async def get_hls_file(gateway: GatewayDep, room: RoomDep, output: OutputPath, file: HlsPath) -> FileResponse:
    """The playlist of an HLS output, and the segments that it names: the last twelve seconds. For whoever may watch the
    room, like a snapshot.
    """
    await room.check_hls(output)
    path, kind = await anyio.to_thread.run_sync(hls_file, gateway.settings.outputs_place, output, file)
    caching = "no-cache" if kind == PLAYLIST_TYPE else "private, max-age=60"
    return FileResponse(path, media_type=kind, headers={"Cache-Control": caching})
