"""Groups in a room: whom people hear, and what may be asked about it."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from mcu.protocol.models import Frozen
from mcu.protocol.names import GroupName, ParticipantId

MAX_GROUPS = 16
"""Of one room, with that of those who are in none: each is a mix to make and an encoder to feed."""

HearsDb = Annotated[
    dict[GroupName, Annotated[float, Field(ge=-60.0, le=12.0)]],
    Field(max_length=MAX_GROUPS, description="other groups that this one listens in on, and how loud, in dB"),
]


class GroupSpec(Frozen):
    """How a group is, beside who is in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hears: HearsDb = Field(default_factory=dict)


class GroupInfo(Frozen):
    name: GroupName = Field(description="empty: those who are in none")
    members: tuple[ParticipantId, ...]
    hears: HearsDb


class ListGroups(Frozen):
    """→ ``GroupList``"""

    type: Literal["list_groups"] = "list_groups"


class GroupList(Frozen):
    groups: tuple[GroupInfo, ...]


class SetGroup(Frozen):
    """→ ``GroupInfo``. One with nothing special is there for as long as somebody is in it. Raises ``Conflict``
    (``too_many_groups``).
    """

    type: Literal["set_group"] = "set_group"
    group: GroupName
    spec: GroupSpec
