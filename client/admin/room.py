"""One room as who governs it sees it."""

from typing import Unpack

from client.admin.calls import Calls, below
from client.admin.chat import ChatAdmin
from client.admin.door import DoorAdmin
from client.admin.models import JoinPass, RoomPatch
from client.admin.outputs import OutputsAdmin
from client.admin.people import PeopleAdmin
from client.admin.playback import PlaybackAdmin
from client.admin.recordings import RecordingsAdmin
from client.admin.sound import SoundAdmin
from client.admin.view import ViewAdmin
from mcu.protocol.models import RoomInfo, ViewSpec


class RoomAdmin:
    """Made by ``Admin.room``. Every request raises an AdminRefused, NotThere (``no_such_room``) among them, or
    ConnectionLost.
    """

    def __init__(self, calls: Calls, name: str) -> None:
        self.name = name
        self.people = PeopleAdmin(calls, name)
        self.door = DoorAdmin(calls, name)
        self.chat = ChatAdmin(calls, name)
        self.sound = SoundAdmin(calls, name)
        self.playback = PlaybackAdmin(calls, name)
        self.recordings = RecordingsAdmin(calls, name)
        self.outputs = OutputsAdmin(calls, name)
        self._calls = calls
        self._path = below("rooms", name)

    async def info(self) -> RoomInfo:
        return await self._calls.one(RoomInfo, "GET", self._path)

    async def update(self, **changes: Unpack[RoomPatch]) -> RoomInfo:
        return await self._calls.one(RoomInfo, "PATCH", self._path, json=changes)

    async def close(self) -> None:
        """Everybody is told, and recordings are finished."""
        await self._calls.answer("DELETE", self._path)

    async def join_pass(self, token: str | None = None) -> JoinPass:
        """A short-lived address to open the signaling connection at, for ``token`` or else the key's own."""
        return await self._calls.one(JoinPass, "POST", f"{self._path}/join", json={"token": token} if token else {})

    def view(self, name: str = "main") -> ViewAdmin:
        """A view by its name; nothing is asked yet."""
        return ViewAdmin(self._calls, self.name, name)

    async def views(self) -> tuple[ViewSpec, ...]:
        return await self._calls.many(ViewSpec, f"{self._path}/views", "views")

    async def create_view(self, spec: ViewSpec) -> ViewSpec:
        """Raises Clash (``view_exists``, ``too_many_views``)."""
        return await self._calls.one(ViewSpec, "POST", f"{self._path}/views", json=spec.model_dump(mode="json"))
