"""Whom people hear: groups and announcements."""

from collections.abc import Mapping

from client.admin.calls import Calls, below
from mcu.protocol.announcements import AnnouncementInfo, Tone
from mcu.protocol.groups import GroupInfo


class SoundAdmin:
    """``room.sound``. Every request raises an AdminRefused or ConnectionLost."""

    def __init__(self, calls: Calls, room: str) -> None:
        self._calls = calls
        self._room = room

    async def groups(self) -> tuple[GroupInfo, ...]:
        """That of those who are in none has an empty name and comes first."""
        return await self._calls.many(GroupInfo, below("rooms", self._room, "groups"), "groups")

    async def set_group(self, group: str, hears: Mapping[str, float]) -> GroupInfo:
        """Which other groups this one listens in on, in dB; "" is that of those who are in none. Raises Clash
        (``too_many_groups``).
        """
        return await self._calls.one(GroupInfo, "PUT", self._group(group), json={"hears": dict(hears)})

    async def delete_group(self, group: str) -> None:
        """It listens in on nobody any more; whoever is in it stays."""
        await self._calls.answer("DELETE", self._group(group))

    async def announce(
        self, sound: bytes, content_type: str, *, group: str | None = None, duck_db: float = -15.0
    ) -> AnnouncementInfo:
        """Plays an Ogg, WAV, FLAC or MP3 file. Raises Clash (``too_many_announcements``), or InvalidRequest for a
        file that can't be used.
        """
        params: dict[str, str | float] = {"duck_db": duck_db}
        if group is not None:
            params["group"] = group
        headers = {"Content-Type": content_type}
        path = self._announcements()
        return await self._calls.one(AnnouncementInfo, "POST", path, content=sound, params=params, headers=headers)

    async def announce_tone(self, tone: Tone, *, group: str | None = None, duck_db: float = -15.0) -> AnnouncementInfo:
        body = {"tone": tone.model_dump(), "group": group, "duck_db": duck_db}
        return await self._calls.one(AnnouncementInfo, "POST", self._announcements(), json=body)

    async def announcements(self) -> tuple[AnnouncementInfo, ...]:
        """Those that play now."""
        return await self._calls.many(AnnouncementInfo, self._announcements(), "announcements")

    async def announcement(self, announcement: str) -> AnnouncementInfo:
        """Raises NotThere for one that plays no more."""
        return await self._calls.one(AnnouncementInfo, "GET", self._announcements(announcement))

    async def stop_announcement(self, announcement: str) -> None:
        """Fades it out."""
        await self._calls.answer("DELETE", self._announcements(announcement))

    def _group(self, group: str) -> str:
        return below("rooms", self._room, "groups", group or "~")

    def _announcements(self, *steps: str) -> str:
        return below("rooms", self._room, "announcements", *steps)
