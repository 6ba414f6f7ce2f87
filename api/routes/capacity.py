"""``/capacity``: can the server take so many more?"""

from typing import Annotated

from fastapi import APIRouter, Query

from api.routes.common import GatewayDep, PrincipalDep, problems
from mcu.protocol.load import Capacity

router = APIRouter(tags=["health"])


@router.get("/capacity", operation_id="get_capacity", responses=problems(503))
async def get_capacity(
    gateway: GatewayDep,
    principal: PrincipalDep,
    participants: Annotated[int, Query(ge=1, le=10_000, description="how many more")] = 1,
    height: Annotated[
        int | None, Query(ge=64, le=2160, description="of their view; null: as rooms are by default")
    ] = None,
    fps: Annotated[int | None, Query(ge=1, le=60)] = None,
    joining: Annotated[bool, Query(description="they join a room that is open, instead of one of their own")] = False,
) -> Capacity:
    """Whether so many more people would fit, and why. With keys set this needs an admin key or token."""
    principal.require_everywhere()
    return await gateway.admission.capacity(participants, height=height, fps=fps, joining=joining)
