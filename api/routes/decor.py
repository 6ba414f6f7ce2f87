"""``/rooms/{room}/views/{view}``: what a view wears besides its people."""

from typing import Annotated

from fastapi import APIRouter, Body

from api.routes.common import RoomDep, ViewPath, problems
from mcu.protocol.decor import Banner

router = APIRouter(prefix="/rooms/{room}", tags=["decor"])

BANNERS = [{"text": "Back after the break", "countdown_to": "2026-12-24T18:00:00Z"}]


@router.get("/views/{view}/banner", operation_id="get_banner", responses=problems(404))
async def get_banner(room: RoomDep, view: ViewPath) -> Banner:
    """The banner of a view; both parts are null where it has none."""
    return await room.banner(view)


@router.put("/views/{view}/banner", operation_id="set_banner", responses=problems(400, 404, 413, 415))
async def set_banner(room: RoomDep, view: ViewPath, banner: Annotated[Banner, Body(examples=BANNERS)]) -> Banner:
    """A line of text and a countdown above everything else. At 0:00 a countdown stays for five seconds."""
    return await room.set_banner(view, banner)


@router.delete("/views/{view}/banner", status_code=204, operation_id="delete_banner", responses=problems(404))
async def delete_banner(room: RoomDep, view: ViewPath) -> None:
    """Takes banner and countdown away."""
    await room.set_banner(view, Banner())
