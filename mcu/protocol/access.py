"""Who may come in: what a room's door is told, and what it says of those before it."""

from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    model_serializer,
)

from mcu.protocol.models import Frozen, OnOwnerLeft, PasswordHash, RoomSpec, Topology
from mcu.protocol.names import Attributes, DisplayName, MetadataPatch, ParticipantId

MAX_WAITING = 100
MAX_BAN_S = 365 * 86_400

Password = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Admission = Annotated[str, StringConstraints(max_length=128)]
Reason = Annotated[str, StringConstraints(max_length=256)]
BanSeconds = Annotated[int, Field(ge=1, le=MAX_BAN_S)]


class RoomChanges(Frozen):
    """What of a room may change while it runs. What isn't named stays; ``password_hash`` and ``owner`` None, where
    they are named, take theirs away; ``metadata`` is a merge patch.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    topology: Topology | None = Field(default=None, description="only while nobody is in the room")
    capacity: int | None = Field(default=None, ge=1, le=1000)
    locked: bool | None = None
    lobby: bool | None = None
    password_hash: PasswordHash | None = Field(default=None, repr=False)
    owner: ParticipantId | None = None
    on_owner_left: OnOwnerLeft | None = None
    metadata: MetadataPatch | None = None

    @model_serializer(mode="wrap")
    def _named(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Only what was named: a null of its own would mean something after the next border."""
        return {name: value for name, value in handler(self).items() if name in self.model_fields_set}

    def applied_to(self, spec: RoomSpec) -> RoomSpec:
        """Raises ValidationError for a room that can't be: too much metadata, or a permanent one that would close."""
        changes = {k: v for k, v in self.model_dump().items() if v is not None or k in ("password_hash", "owner")}
        if self.metadata is not None:
            merged = spec.metadata | self.metadata
            changes["metadata"] = {key: value for key, value in merged.items() if value is not None}
        return RoomSpec.model_validate(spec.model_dump() | changes)


class UpdateRoom(Frozen):
    """→ ``RoomInfo``. Who waits is let in when the lobby is closed down. Raises Unprocessable."""

    type: Literal["update_room"] = "update_room"
    changes: RoomChanges


class WaitingInfo(Frozen):
    """Somebody in the lobby. Once they are in, ``id`` is their participant's."""

    id: ParticipantId
    name: DisplayName
    attributes: Attributes = Field(default_factory=dict)
    since: AwareDatetime


class TellBans(Frozen):
    """→ ``Done``. Bans are kept apart from rooms: who changed one has the room's moderators told."""

    type: Literal["tell_bans"] = "tell_bans"


class Waiting(Frozen):
    """The reply to a ``Join`` that has to wait: join again with ``admission`` after the event ``admitted``, and
    whenever that event may have been missed.
    """

    waiting: WaitingInfo
    admission: Admission = Field(repr=False)


class ListWaiting(Frozen):
    """→ ``WaitingList``"""

    type: Literal["list_waiting"] = "list_waiting"


class WaitingList(Frozen):
    """Who came first comes first."""

    waiting: tuple[WaitingInfo, ...] = Field(max_length=MAX_WAITING)


class Admit(Frozen):
    """→ ``WaitingList`` of those who still wait. ``participant`` None: all of them. ``admit`` False: they may not come
    in, for ``reason``. Raises NotFound.
    """

    type: Literal["admit"] = "admit"
    participant: ParticipantId | None
    admit: bool = True
    reason: Reason = "a moderator did not let you in"


class Waiter(Frozen):
    """Somebody in the lobby, as the room has them. ``admitted``: they may come in and have not yet."""

    waiting: WaitingInfo
    admission: Admission = Field(repr=False)
    admitted: bool = False


class RestoreLobby(Frozen):
    """→ ``Done``. Who waited in an earlier life of the room, who came first coming first: they wait on."""

    type: Literal["restore_lobby"] = "restore_lobby"
    waiters: tuple[Waiter, ...] = Field(max_length=MAX_WAITING)


class StopWaiting(Frozen):
    """→ ``Done``. Somebody in the lobby went away; ``admission`` says that it is they."""

    type: Literal["stop_waiting"] = "stop_waiting"
    participant: ParticipantId
    admission: Admission = Field(repr=False)
