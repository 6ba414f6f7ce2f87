"""What may be asked about a room's door: its settings, who waits, who may not come back."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from api.auth import Action, Principal
from api.session.asking import Asking
from mcu.bans import Ban, Bans
from mcu.errors import Forbidden, NotFound
from mcu.passwords import hash_password
from mcu.protocol.access import Admit, ListWaiting, RoomChanges, UpdateRoom, WaitingList
from mcu.protocol.commands import GetRoom, ListParticipants, ParticipantList
from mcu.protocol.models import OnOwnerLeft, RoomInfo, Topology
from mcu.protocol.names import MetadataPatch, ParticipantId

NewPassword = Field(default=None, min_length=1, max_length=128, description="asked of everybody who isn't a moderator")


class RoomPatch(BaseModel):
    """What isn't named stays as it is. Moderators may lock the room, close its door with a lobby or a password and
    note down metadata; the rest is for admins.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    locked: bool | None = None
    lobby: bool | None = Field(default=None, description="who comes waits until a moderator lets them in")
    password: SecretStr | None = NewPassword
    metadata: MetadataPatch | None = Field(default=None, description="merged (RFC 7396): null takes one away")
    capacity: int | None = Field(default=None, ge=1, le=1000)
    topology: Topology | None = Field(default=None, description="409 while anybody is in the room")
    owner: ParticipantId | None = Field(default=None, description="an identity; null: the first moderator who comes")
    on_owner_left: OnOwnerLeft | None = None

    @property
    def needs(self) -> Action:
        """The permission it takes."""
        admins = {"capacity", "topology", "owner", "on_owner_left"}
        return "administer" if self.model_fields_set & admins else "moderate"

    async def changes(self) -> RoomChanges:
        """As rooms understand it, without the password itself."""
        named: dict[str, Any] = self.model_dump(include=self.model_fields_set - {"password"})
        if "password" in self.model_fields_set:
            named["password_hash"] = await hashed(self.password)
        return RoomChanges.model_validate(named)


async def hashed(password: SecretStr | None) -> str | None:
    return None if password is None else await asyncio.to_thread(hash_password, password.get_secret_value())


async def check_ban(bans: Bans, principal: Principal, room: str) -> None:
    """Raises ``Forbidden`` for who may not come into the room, nor look into it, for now."""
    if principal.identity is None:
        return
    until = await bans.banned_until(room, principal.identity, datetime.now(UTC))
    if until is not None:
        raise Forbidden(f"you may not come into this room before {until:%Y-%m-%d %H:%M:%S} UTC", code="banned")


class DoorControl(Asking):
    """Lock, password, lobby, bans."""

    async def check_standing(self) -> None:
        """What keeps somebody out of a room keeps them from looking into it by other ways. Raises ``Forbidden`` for
        who is banned, and where the room has a lock, a password or a lobby for who is not inside. Moderators,
        recorders and hidden observers may look from outside.
        """
        await check_ban(self._bans, self.principal, self.room)
        grants = self.principal.grants
        if self.principal.may("moderate", self.room) or grants.record or grants.hidden:
            return
        room = await self._ask(GetRoom(), RoomInfo)
        if room.locked or room.lobby or room.password:
            inside = (await self._ask(ListParticipants(), ParticipantList)).participants
            if self.principal.identity not in {person.id for person in inside}:
                raise Forbidden("this room has a door: join it first, with a token that has an identity")

    async def update_room(self, patch: RoomPatch) -> RoomInfo:
        """Raises ``Unprocessable`` for a room that can't be."""
        self.principal.require(patch.needs, self.room)
        return await self._ask(UpdateRoom(changes=await patch.changes()), RoomInfo)

    async def lock(self, locked: bool) -> RoomInfo:
        """Nobody new comes into a locked room."""
        return await self.update_room(RoomPatch(locked=locked))

    async def waiting(self) -> WaitingList:
        self.principal.require("moderate", self.room)
        return await self._ask(ListWaiting(), WaitingList)

    async def admit(self, command: Admit) -> WaitingList:
        """Lets people in from the lobby, or turns them away; who still waits. Raises ``NotFound``."""
        self.principal.require("moderate", self.room)
        return await self._ask(command, WaitingList)

    async def bans(self) -> tuple[Ban, ...]:
        """Those in force, the one that ends first coming first."""
        self.principal.require("moderate", self.room)
        return tuple(await self._bans.list(self.room, datetime.now(UTC)))

    async def lift_ban(self, identity: str) -> None:
        """Raises ``NotFound``."""
        self.principal.require("moderate", self.room)
        if not await self._bans.lift(self.room, identity):
            raise NotFound(f"{identity!r} is not banned from this room", code="no_such_ban")
        await self._tell_bans()
