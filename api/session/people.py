"""What may be asked about the people in a room."""

from api.session.asking import Asking
from mcu.errors import NotFound
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

    async def update(self, command: UpdateParticipant) -> ParticipantInfo:
        """Mutes on the server's side, gain, attributes."""
        self.principal.require("moderate", self.room)
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

    async def kick(self, participant: str, reason: str) -> None:
        self.principal.require("moderate", self.room)
        await self._ask(Leave(participant=participant, kicked=reason), Done)
