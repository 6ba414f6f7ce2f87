"""``/rooms/{room}/lobby`` and ``/bans``: who waits to come in, and who may not come back."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Body
from pydantic import BaseModel, ConfigDict

from api.routes.common import ParticipantPath, RoomDep, problems
from mcu.protocol.access import Admit, Reason, WaitingList
from mcu.protocol.names import ParticipantId

router = APIRouter(prefix="/rooms/{room}", tags=["access"])

DENIED_BY_API = "a moderator did not let you in"


class Decision(BaseModel):
    model_config = ConfigDict(extra="forbid")

    admit: bool
    reason: Reason = DENIED_BY_API


class BanInfo(BaseModel):
    identity: ParticipantId
    until: datetime
    reason: str


class BanList(BaseModel):
    bans: tuple[BanInfo, ...]


@router.get("/lobby", operation_id="list_waiting", responses=problems(404))
async def list_waiting(room: RoomDep) -> WaitingList:
    """Who waits before the door, who came first first."""
    return await room.waiting()


@router.post("/lobby/{participant}", operation_id="decide_waiting", responses=problems(400, 404, 413, 415))
async def decide_waiting(
    room: RoomDep, participant: ParticipantPath, decision: Annotated[Decision, Body(examples=[{"admit": True}])]
) -> WaitingList:
    """Lets somebody in from the lobby, or turns them away; answers who still waits."""
    return await room.admit(Admit(participant=participant, admit=decision.admit, reason=decision.reason))


@router.get("/bans", operation_id="list_bans", responses=problems(404))
async def list_bans(room: RoomDep) -> BanList:
    """Who may not come back, the ban that ends first coming first."""
    bans = await room.bans()
    return BanList(bans=tuple(BanInfo(identity=ban.identity, until=ban.until, reason=ban.reason) for ban in bans))


@router.delete("/bans/{participant}", status_code=204, operation_id="lift_ban", responses=problems(404))
async def lift_ban(room: RoomDep, identity: ParticipantPath) -> None:
    """Lets somebody come back before their time."""
    await room.lift_ban(identity)
