"""``/rooms/{room}/views``: views, their tile maps and snapshots."""

from typing import Any, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from api.routes.common import RoomDep, ViewPath, problems
from api.session import RoomControl
from mcu.errors import NotFound
from mcu.protocol.commands import TakeSnapshot
from mcu.protocol.models import TileMap, ViewSpec

router = APIRouter(prefix="/rooms/{room}/views", tags=["views"])

PICTURES: dict[int | str, dict[str, Any]] = {200: {"content": {"image/jpeg": {}, "image/png": {}}}}


class ViewList(BaseModel):
    views: tuple[ViewSpec, ...]


@router.get("", operation_id="list_views", responses=problems(404))
async def list_views(room: RoomDep) -> ViewList:
    """The room's views. Every room has the view `main`."""
    return ViewList(views=(await room.info()).views)


@router.get("/{view}", operation_id="get_view", responses=problems(404))
async def get_view(room: RoomDep, view: ViewPath) -> ViewSpec:
    """One view: canvas, rate and bitrates."""
    found = next((one for one in (await room.info()).views if one.name == view), None)
    if found is None:
        raise NotFound(f"there is no view {view!r} in this room", code="no_such_view")
    return found


@router.get("/{view}/tiles", operation_id="get_tiles", responses=problems(404))
async def get_tiles(room: RoomDep, view: ViewPath) -> TileMap:
    """Where everybody stands on the canvas now."""
    return await room.tiles(view)


@router.get("/{view}/snapshot.jpg", operation_id="get_snapshot_jpg", responses=problems(404) | PICTURES)
async def get_snapshot_jpg(room: RoomDep, view: ViewPath) -> Response:
    """One picture of the composite as JPEG."""
    return await _snapshot(room, view, "jpg")


@router.get("/{view}/snapshot.png", operation_id="get_snapshot_png", responses=problems(404) | PICTURES)
async def get_snapshot_png(room: RoomDep, view: ViewPath) -> Response:
    """One picture of the composite as PNG."""
    return await _snapshot(room, view, "png")


async def _snapshot(room: RoomControl, view: str, kind: Literal["jpg", "png"]) -> Response:
    picture = await room.snapshot(TakeSnapshot(view=view, format=kind))
    return Response(picture.data, media_type=picture.content_type)
