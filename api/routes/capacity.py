"""``/capacity``: can the server take so many more?"""

from typing import Annotated

from fastapi import APIRouter, Query

from api.promises import Newcomers
from api.routes.common import GatewayDep, PrincipalDep, problems
from mcu.protocol.load import Capacity
from mcu.protocol.names import RoomName

router = APIRouter(tags=["health"])


@router.get("/capacity", operation_id="get_capacity", responses=problems(503))
async def get_capacity(
    gateway: GatewayDep,
    principal: PrincipalDep,
    participants: Annotated[int, Query(ge=1, le=10_000, description="how many more")] = 1,
    height: Annotated[
        int | None, Query(ge=64, le=2160, description="of their view; null: as rooms are by default")
    ] = None,
    fps: Annotated[int | None, Query(ge=1, le=60, description="of their view; null: as rooms are by default")] = None,
    joining: Annotated[bool, Query(description="they join a room that is open, instead of one of their own")] = False,
    room: Annotated[RoomName | None, Query(description="they join this very room, if it is open")] = None,
) -> Capacity:
    """Whether so many more people would fit, and why: on the machine, and in the one process that has the room, or for
    a room of their own in the one with the most left. With keys set this needs an admin key or token."""
    principal.require_everywhere()
    return await gateway.admission.capacity(
        Newcomers(participants, room=room, joining=joining or room is not None, height=height, fps=fps)
    )
