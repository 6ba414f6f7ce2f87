"""``/rooms/{room}/groups``: whom people hear who are in a group."""

from typing import Annotated

from fastapi import APIRouter, Body, Path
from pydantic import AfterValidator, BaseModel, StringConstraints

from api.routes.common import RoomDep, problems
from mcu.protocol.groups import GroupInfo, GroupSpec

router = APIRouter(prefix="/rooms/{room}/groups", tags=["groups"])

SPECS = [{"hears": {"": -12.0}}]

UNNAMED = "~"
"""In a path, where an empty name can't be said; no group can be called so."""

GroupPath = Annotated[
    str,
    StringConstraints(pattern=r"^(~|[A-Za-z0-9_\-]{1,32})$"),
    AfterValidator(lambda name: "" if name == UNNAMED else name),
    Path(alias="group", description="Its name; `~` is that of those who are in none.", examples=["interpreter-fr"]),
]


class GroupRoster(BaseModel):
    groups: tuple[GroupInfo, ...]


@router.get("", operation_id="list_groups", responses=problems(404))
async def list_groups(room: RoomDep) -> GroupRoster:
    """The groups there are, and who is in each. That of those who are in none has an empty name and comes first."""
    return GroupRoster(groups=await room.groups())


@router.put("/{group}", operation_id="set_group", responses=problems(400, 404, 409, 413, 415))
async def set_group(room: RoomDep, group: GroupPath, spec: Annotated[GroupSpec, Body(examples=SPECS)]) -> GroupInfo:
    """Which other groups this one listens in on, and how loud: an interpreter's listeners hear the room behind them."""
    return await room.set_group(group, spec)


@router.delete("/{group}", status_code=204, operation_id="delete_group", responses=problems(404))
async def delete_group(room: RoomDep, group: GroupPath) -> None:
    """Lets the group listen in on nobody. Whoever is in it stays: move people to move them."""
    await room.set_group(group, GroupSpec())
