"""``/rooms/{room}/participants``: the roster; mute, gain, group, attributes, the view somebody watches; kick."""

from typing import Annotated, Literal

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, ConfigDict, Field

from api.routes.common import ParticipantPath, RoomDep, problems
from mcu.protocol.access import BanSeconds, Reason
from mcu.protocol.commands import UpdateParticipant
from mcu.protocol.models import ParticipantInfo, Role
from mcu.protocol.names import AttributesPatch, GroupName, ViewName
from mcu.protocol.quality import Quality, TierChoice
from mcu.protocol.sound import ParticipantDetail

router = APIRouter(prefix="/rooms/{room}/participants", tags=["participants"])

KICKED_BY_API = "removed by a moderator"


class ParticipantPatch(BaseModel):
    """What isn't named stays as it is."""

    model_config = ConfigDict(extra="forbid")

    server_muted_audio: bool | None = None
    server_muted_video: bool | None = None
    gain: float | None = Field(default=None, ge=0.0, le=4.0, description="1 leaves the voice as it comes")
    role: Role | None = None
    group: GroupName | None = Field(default=None, description="hears, and is heard by, it alone; null: in none")
    attributes: AttributesPatch = Field(default_factory=dict, description="merged (RFC 7396): null takes one away")
    view: ViewName | None = Field(default=None, description="the view they watch from now on")
    hand: Literal[False] | None = Field(default=None, description="false lowers their hand; to raise it is theirs")


class QualityChoice(BaseModel):
    """At most this tier."""

    model_config = ConfigDict(extra="forbid")

    choice: TierChoice


class ParticipantRoster(BaseModel):
    participants: tuple[ParticipantInfo, ...]


@router.get("", operation_id="list_participants", responses=problems(404))
async def list_participants(room: RoomDep) -> ParticipantRoster:
    """Everybody in the room."""
    return ParticipantRoster(participants=await room.participants())


@router.get("/{participant}", operation_id="get_participant", responses=problems(404))
async def get_participant(room: RoomDep, participant: ParticipantPath) -> ParticipantDetail:
    """One participant, and for moderators how their sound arrives."""
    return await room.participant_detail(participant)


@router.patch("/{participant}", operation_id="update_participant", responses=problems(400, 404, 413, 415))
async def update_participant(
    room: RoomDep,
    participant: ParticipantPath,
    patch: Annotated[ParticipantPatch, Body(examples=[{"server_muted_audio": True}])],
) -> ParticipantInfo:
    """Mutes somebody's voice or picture on the server's side, sets their gain, moves them to a group or out of it,
    changes their attributes or role, shows them another view, or lowers their hand.
    """
    changes = patch.model_dump(exclude={"view", "hand"})
    if "group" in patch.model_fields_set:
        changes["group"] = patch.group or ""
    if patch.view is not None:
        await room.assign_view(participant, patch.view)
    if patch.hand is False:
        await room.lower_hand(participant)
    return await room.update(UpdateParticipant(participant=participant, **changes))


@router.get("/{participant}/quality", operation_id="get_quality", responses=problems(404))
async def get_quality(room: RoomDep, participant: ParticipantPath) -> Quality:
    """Which tier of their view somebody gets, why, and what is known of the path to them."""
    return await room.quality(participant)


@router.put("/{participant}/quality", operation_id="set_quality", responses=problems(400, 404, 413, 415))
async def set_quality(
    room: RoomDep, participant: ParticipantPath, wanted: Annotated[QualityChoice, Body(examples=[{"choice": "low"}])]
) -> Quality:
    """Bounds the tier that somebody gets; `auto` ends that."""
    return await room.limit_quality(participant, wanted.choice)


@router.delete("/{participant}", status_code=204, operation_id="kick_participant", responses=problems(404))
async def kick_participant(
    room: RoomDep,
    participant: ParticipantPath,
    reason: Annotated[Reason, Query(description="they are told")] = KICKED_BY_API,
    ban_s: Annotated[BanSeconds | None, Query(description="keeps their identity out for so many seconds")] = None,
) -> None:
    """Removes somebody from the room, for a while if need be."""
    await room.kick(participant, reason, ban_s)
