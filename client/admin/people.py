"""Those in a room."""

from typing import Unpack

from client.admin.calls import Calls, below
from client.admin.models import ParticipantPatch
from mcu.protocol.models import ParticipantInfo
from mcu.protocol.quality import Quality, TierChoice
from mcu.protocol.sound import ParticipantDetail


class PeopleAdmin:
    """``room.people``. Every request raises an AdminRefused or ConnectionLost."""

    def __init__(self, calls: Calls, room: str) -> None:
        self._calls = calls
        self._room = room

    async def list(self) -> tuple[ParticipantInfo, ...]:
        return await self._calls.many(ParticipantInfo, below("rooms", self._room, "participants"), "participants")

    async def get(self, participant: str) -> ParticipantDetail:
        """Somebody, and for moderators how their sound arrives."""
        return await self._calls.one(ParticipantDetail, "GET", self._path(participant))

    async def update(self, participant: str, **changes: Unpack[ParticipantPatch]) -> ParticipantInfo:
        """Mutes, gain, role, group, attributes, the view they watch."""
        return await self._calls.one(ParticipantInfo, "PATCH", self._path(participant), json=changes)

    async def kick(self, participant: str, reason: str | None = None, ban_s: int | None = None) -> None:
        """Removes somebody; for ``ban_s`` seconds their identity can't come back."""
        given = {"reason": reason, "ban_s": ban_s}
        params = {key: value for key, value in given.items() if value is not None}
        await self._calls.answer("DELETE", self._path(participant), params=params)

    async def quality(self, participant: str) -> Quality:
        """Which tier of their view somebody gets, and why."""
        return await self._calls.one(Quality, "GET", self._path(participant, "quality"))

    async def limit_quality(self, participant: str, choice: TierChoice) -> Quality:
        """At most this tier; ``auto`` ends that."""
        return await self._calls.one(Quality, "PUT", self._path(participant, "quality"), json={"choice": choice})

    async def set_avatar(self, participant: str, image: bytes, content_type: str) -> ParticipantInfo:
        """A JPEG, PNG or WebP file that stands in for a camera that is off."""
        path, headers = self._path(participant, "avatar"), {"Content-Type": content_type}
        return await self._calls.one(ParticipantInfo, "PUT", path, content=image, headers=headers)

    async def delete_avatar(self, participant: str) -> None:
        await self._calls.answer("DELETE", self._path(participant, "avatar"))

    def _path(self, participant: str, *steps: str) -> str:
        return below("rooms", self._room, "participants", participant, *steps)
