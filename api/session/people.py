"""What may be asked about the people in a room."""

import contextlib
from datetime import UTC, datetime, timedelta

from api.session.asking import Asking
from mcu.bans import Ban
from mcu.errors import Forbidden, NotFound, Unprocessable
from mcu.protocol.commands import (
    Done,
    Leave,
    ListParticipants,
    ParticipantList,
    SetHand,
    UpdateParticipant,
    WatchView,
)
from mcu.protocol.models import ParticipantInfo
from mcu.protocol.quality import GetQuality, Quality, SetQuality, TierChoice
from mcu.protocol.sound import GetSoundHealth, ParticipantDetail, SoundHealth


class PeopleControl(Asking):
    """The roster, and what moderators do about those on it."""

    async def participants(self) -> tuple[ParticipantInfo, ...]:
        self.principal.require("watch", self.room)
        return (await self._ask(ListParticipants(), ParticipantList)).participants

    async def participant(self, participant: str) -> ParticipantInfo:
        found = next((one for one in await self.participants() if one.id == participant), None)
        if found is None:
            raise NotFound(f"there is no participant {participant!r} in this room", code="no_such_participant")
        return found

    async def participant_detail(self, participant: str) -> ParticipantDetail:
        """Somebody, and for moderators how they are heard: it tells how people are connected."""
        info = await self.participant(participant)
        sound = None
        if self.principal.may("moderate", self.room):
            sound = await self._ask(GetSoundHealth(participant=participant), SoundHealth)
        return ParticipantDetail(**dict(info), sound=sound)

    async def update(self, command: UpdateParticipant) -> ParticipantInfo:
        """Mutes on the server's side, gain, group, attributes, role. Only admins make admins, or unmake them."""
        self.principal.require("moderate", self.room)
        if command.role is not None and not self.principal.grants.admin:
            before = await self.participant(command.participant)
            if "admin" in (command.role, before.role):
                raise Forbidden("only an admin may make somebody an admin, or take that from them")
        return await self._ask(command, ParticipantInfo)

    async def assign_view(self, participant: str, view: str) -> ParticipantInfo:
        """Shows somebody another view, beginning with a keyframe. Raises ``NotFound``."""
        self.principal.require("moderate", self.room)
        return await self._ask(WatchView(participant=participant, view=view), ParticipantInfo)

    async def quality(self, participant: str) -> Quality:
        """What somebody gets, and why; for moderators, since it tells how people are connected. Raises ``NotFound``."""
        self.principal.require("moderate", self.room)
        return await self._ask(GetQuality(participant=participant), Quality)

    async def limit_quality(self, participant: str, choice: TierChoice) -> Quality:
        """Raises ``NotFound``."""
        self.principal.require("moderate", self.room)
        return await self._ask(SetQuality(participant=participant, choice=choice), Quality)

    async def lower_hand(self, participant: str) -> ParticipantInfo:
        self.principal.require("moderate", self.room)
        return await self._ask(SetHand(participant=participant, raised=False), ParticipantInfo)

    async def kick(self, participant: str, reason: str, ban_s: int | None = None) -> None:
        """Removes somebody, and keeps them out for ``ban_s`` seconds. Raises ``Unprocessable``, and removes nobody,
        when they have no identity to know them by; ``Forbidden`` when a moderator would remove an admin.
        """
        self.principal.require("moderate", self.room)
        if not self.principal.grants.admin:
            await self._require_seen(participant)
            await self._spare_admins(participant)
        if ban_s is not None:
            if not (await self.participant(participant)).identified:
                raise Unprocessable("they came without an identity, nothing would keep them out", field="ban_s")
            await self._bans.ban(self.room, participant, datetime.now(UTC) + timedelta(seconds=ban_s), reason)
            await self._tell_bans()
        await self._ask(Leave(participant=participant, kicked=reason), Done)

    async def ban(self, identity: str, ban_s: int, reason: str) -> Ban:
        """Keeps an identity out for so long, here or not; who is here goes. Raises ``Unprocessable`` for somebody who
        came without one, and ``Forbidden`` as ``kick``.
        """
        self.principal.require("moderate", self.room)
        if not self.principal.grants.admin:
            await self._spare_admins(identity)
        ban = Ban(self.room, identity, datetime.now(UTC) + timedelta(seconds=ban_s), reason)
        seen = {one.id: one for one in await self.participants()}
        if identity in seen and not seen[identity].identified:
            raise Unprocessable("they came without an identity, nothing would keep them out", field="participant")
        await self._bans.ban(ban.room, ban.identity, ban.until, ban.reason)
        await self._tell_bans()
        if identity in seen or self.principal.grants.admin:  # a moderator removes nobody who is hidden
            with contextlib.suppress(NotFound):
                await self._ask(Leave(participant=identity, kicked=reason), Done)
        return ban

    async def _spare_admins(self, participant: str) -> None:
        people = (await self._ask(ListParticipants(), ParticipantList)).participants
        if any(one.id == participant and one.role == "admin" for one in people):
            raise Forbidden("only an admin may remove an admin")

    async def _require_seen(self, participant: str) -> None:
        """Nobody but an admin knows who is hidden."""
        people = (await self._ask(ListParticipants(), ParticipantList)).participants
        if all(one.id != participant for one in people):
            raise NotFound("nobody here has this id: list the participants to see them", code="no_such_participant")
