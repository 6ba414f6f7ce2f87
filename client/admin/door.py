"""Who waits before a room, and who may not come back."""

from client.admin.calls import Calls, below
from client.admin.models import Ban
from mcu.protocol.access import WaitingInfo, WaitingList


class DoorAdmin:
    """``room.door``; lock, lobby and password are set with ``room.update``. Every request raises an AdminRefused or
    ConnectionLost.
    """

    def __init__(self, calls: Calls, room: str) -> None:
        self._calls = calls
        self._room = room

    async def waiting(self) -> tuple[WaitingInfo, ...]:
        """Who came first comes first."""
        return await self._calls.many(WaitingInfo, below("rooms", self._room, "lobby"), "waiting")

    async def admit(self, participant: str) -> tuple[WaitingInfo, ...]:
        """Lets somebody in; who still waits."""
        return await self._decide(participant, {"admit": True})

    async def deny(self, participant: str, reason: str | None = None) -> tuple[WaitingInfo, ...]:
        """Turns somebody away; who still waits."""
        decision: dict[str, object] = {"admit": False}
        return await self._decide(participant, decision if reason is None else decision | {"reason": reason})

    async def bans(self) -> tuple[Ban, ...]:
        """The one that ends first comes first."""
        return await self._calls.many(Ban, below("rooms", self._room, "bans"), "bans")

    async def ban(self, identity: str, ban_s: int, reason: str | None = None) -> Ban:
        """Keeps an identity out for so many seconds; who is inside is removed. Raises InvalidRequest for somebody who
        came without one.
        """
        body: dict[str, object] = {"ban_s": ban_s} | ({"reason": reason} if reason is not None else {})
        return await self._calls.one(Ban, "PUT", below("rooms", self._room, "bans", identity), json=body)

    async def lift_ban(self, identity: str) -> None:
        """Lets somebody come back before their time. Raises NotThere."""
        await self._calls.answer("DELETE", below("rooms", self._room, "bans", identity))

    async def _decide(self, participant: str, decision: dict[str, object]) -> tuple[WaitingInfo, ...]:
        path = below("rooms", self._room, "lobby", participant)
        return (await self._calls.one(WaitingList, "POST", path, json=decision)).waiting
