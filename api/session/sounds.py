"""What may be asked about a room's sound."""

from api.session.asking import Asking
from mcu.protocol.groups import GroupInfo, GroupList, GroupSpec, ListGroups, SetGroup


class SoundControl(Asking):
    """Groups."""

    async def groups(self) -> tuple[GroupInfo, ...]:
        self.principal.require("watch", self.room)
        return (await self._ask(ListGroups(), GroupList)).groups

    async def set_group(self, group: str, spec: GroupSpec) -> GroupInfo:
        self.principal.require("moderate", self.room)
        return await self._ask(SetGroup(group=group, spec=spec), GroupInfo)
