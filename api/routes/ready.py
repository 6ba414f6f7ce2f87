"""``/rooms/{room}/ready``: who is ready for what comes next. To be ready is said over the WebSocket."""

from fastapi import APIRouter

from api.routes.common import RoomDep, problems
from mcu.protocol.talk import ReadySet

router = APIRouter(prefix="/rooms/{room}/ready", tags=["chat"])


@router.get("", operation_id="get_ready", responses=problems(404))
async def get_ready(room: RoomDep) -> ReadySet:
    """Who is ready, and who isn't."""
    return await room.ready()


@router.delete("", operation_id="clear_ready", responses=problems(404))
async def clear_ready(room: RoomDep) -> ReadySet:
    """Nobody is ready any more: the next round begins. Everybody is told."""
    return await room.clear_ready()
