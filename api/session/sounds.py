"""What may be asked about a room's sound."""

from api.session.asking import Asking
from mcu.errors import NotFound
from mcu.protocol.announcements import (
    Announce,
    AnnouncementInfo,
    AnnouncementList,
    ListAnnouncements,
    StopAnnouncement,
)
from mcu.protocol.groups import GroupInfo, GroupList, GroupSpec, ListGroups, SetGroup


class SoundControl(Asking):
    """Groups, and announcements."""

    async def groups(self) -> tuple[GroupInfo, ...]:
        self.principal.require("watch", self.room)
        return (await self._ask(ListGroups(), GroupList)).groups

    async def set_group(self, group: str, spec: GroupSpec) -> GroupInfo:
        self.principal.require("moderate", self.room)
        return await self._ask(SetGroup(group=group, spec=spec), GroupInfo)

    def may_announce(self) -> None:
        """Asked before a file is taken in."""
        self.principal.require("moderate", self.room)

    async def announce(self, command: Announce) -> AnnouncementInfo:
        """Raises ``Unprocessable`` for a sound that can't be used, ``Conflict`` when too many play."""
        self.may_announce()
        return await self._ask(command, AnnouncementInfo)

    async def announcements(self) -> tuple[AnnouncementInfo, ...]:
        self.principal.require("watch", self.room)
        return (await self._ask(ListAnnouncements(), AnnouncementList)).announcements

    async def announcement(self, identifier: str) -> AnnouncementInfo:
        found = next((one for one in await self.announcements() if one.id == identifier), None)
        if found is None:
            raise NotFound(f"no announcement {identifier!r} plays in this room", code="no_such_announcement")
        return found

    async def stop_announcement(self, identifier: str) -> AnnouncementInfo:
        self.principal.require("moderate", self.room)
        return await self._ask(StopAnnouncement(id=identifier), AnnouncementInfo)
