"""``/rooms/{room}/lobby`` and ``/bans``: who waits to come in, and who may not come back."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Body
from pydantic import BaseModel, ConfigDict, Field

from api.routes.common import ParticipantPath, RoomDep, problems
from mcu.bans import Ban
from mcu.protocol.access import Admit, BanSeconds, Reason, WaitingList
from mcu.protocol.names import ParticipantId

router = APIRouter(prefix="/rooms/{room}", tags=["access"])

BANNED_BY_API = "banned by a moderator"
DENIED_BY_API = "a moderator did not let you in"


class Decision(BaseModel):
    model_config = ConfigDict(extra="forbid")

    admit: bool
    reason: Reason = DENIED_BY_API


class NewBan(BaseModel):
    model_config = ConfigDict(extra="forbid")

    ban_s: BanSeconds = Field(description="keeps them out for so many seconds")
    reason: Reason = Field(default=BANNED_BY_API, description="who is inside is told")


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
    return BanList(bans=tuple(map(_info, await room.bans())))


@router.put("/bans/{participant}", operation_id="set_ban", responses=problems(400, 404, 413, 415))
async def set_ban(
    room: RoomDep, identity: ParticipantPath, ban: Annotated[NewBan, Body(examples=[{"ban_s": 3600}])]
) -> BanInfo:
    """Keeps an identity out from now on, instead of an earlier ban; who is inside is removed."""
    return _info(await room.ban(identity, ban.ban_s, ban.reason))


@router.delete("/bans/{participant}", status_code=204, operation_id="lift_ban", responses=problems(404))
async def lift_ban(room: RoomDep, identity: ParticipantPath) -> None:
    """Lets somebody come back before their time."""
    await room.lift_ban(identity)


def _info(ban: Ban) -> BanInfo:
    return BanInfo(identity=ban.identity, until=ban.until, reason=ban.reason)
