"""``/rooms/{room}/views``: views, their tile maps, their health, and snapshots."""

from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Body, Response
from pydantic import ConfigDict

from api.routes.common import RoomDep, ViewPath, file_of, problems
from api.session import RoomControl
from mcu.protocol.commands import TakeSnapshot, TileHealthList, ViewList
from mcu.protocol.models import TileMap, ViewChanges, ViewSpec
from mcu.protocol.names import ViewName

router = APIRouter(prefix="/rooms/{room}/views", tags=["views"])


class NewView(ViewSpec):
    """A view to add; what isn't said is as usual."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: ViewName


@router.get("", operation_id="list_views", responses=problems(404))
async def list_views(room: RoomDep) -> ViewList:
    """The room's views. Every room has the view `main`."""
    return ViewList(views=await room.views())


@router.post("", status_code=201, operation_id="create_view", responses=problems(400, 404, 409, 413, 415))
async def create_view(
    room: RoomDep,
    view: Annotated[NewView, Body(examples=[{"name": "portrait", "width": 720, "height": 1280, "fps": 15}])],
    response: Response,
) -> ViewSpec:
    """Adds a view, with a canvas, a rate and a layout of its own."""
    created = await room.create_view(ViewSpec.model_validate(view.model_dump()))
    response.headers["Location"] = f"/api/v1/rooms/{quote(room.room, safe='')}/views/{created.name}"
    return created


@router.get("/{view}", operation_id="get_view", responses=problems(404))
async def get_view(room: RoomDep, view: ViewPath) -> ViewSpec:
    """One view: canvas, rate and bitrates."""
    return await room.view(view)


@router.patch("/{view}", operation_id="update_view", responses=problems(400, 404, 409, 413, 415))
async def update_view(
    room: RoomDep,
    view: ViewPath,
    changes: Annotated[ViewChanges, Body(examples=[{"width": 1920, "height": 1080}, {"fps": 15}])],
) -> ViewSpec:
    """Changes a view under its viewers; what isn't named stays. Not while the view is being recorded."""
    return await room.update_view(view, changes)


@router.delete("/{view}", status_code=204, operation_id="delete_view", responses=problems(404, 409))
async def delete_view(room: RoomDep, view: ViewPath) -> None:
    """Removes a view; whoever watches it sees `main` from then on."""
    await room.delete_view(view)


@router.get("/{view}/tiles", operation_id="get_tiles", responses=problems(404))
async def get_tiles(room: RoomDep, view: ViewPath) -> TileMap:
    """Where everybody stands on the canvas now."""
    return await room.tiles(view)


@router.get("/{view}/tiles/health", operation_id="get_tile_health", responses=problems(404))
async def get_tile_health(room: RoomDep, view: ViewPath) -> TileHealthList:
    """Why each tile is black or an avatar: every source of the room, with a tile here or not."""
    return await room.tile_health(view)


@router.get(
    "/{view}/snapshot.jpg",
    operation_id="get_snapshot_jpg",
    response_class=Response,
    responses=problems(404, 409) | {200: file_of("image/jpeg", "The picture.")},
)
async def get_snapshot_jpg(room: RoomDep, view: ViewPath) -> Response:
    """One picture of the composite as JPEG."""
    return await _snapshot(room, view, "jpg")


@router.get(
    "/{view}/snapshot.png",
    operation_id="get_snapshot_png",
    response_class=Response,
    responses=problems(404, 409) | {200: file_of("image/png", "The picture.")},
)
async def get_snapshot_png(room: RoomDep, view: ViewPath) -> Response:
    """One picture of the composite as PNG."""
    return await _snapshot(room, view, "png")


async def _snapshot(room: RoomControl, view: str, kind: Literal["jpg", "png"]) -> Response:
    picture = await room.snapshot(TakeSnapshot(view=view, format=kind))
    return Response(picture.data, media_type=picture.content_type)
