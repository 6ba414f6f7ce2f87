"""What a moderator may do to a room and those in it."""

from typing import Any

from client.chat import Request
from mcu.protocol.models import Role


class Moderation:
    """``room.moderation``. Every request raises RequestRefused, ``forbidden`` for who is no moderator, or
    ConnectionLost.
    """

    def __init__(self, request: Request) -> None:
        """For the room."""
        self._request = request

    async def mute(self, participant: str, *, audio: bool | None = None, video: bool | None = None) -> None:
        """True silences or blinds somebody at the server, False takes it back, None leaves it."""
        await self._request("mute", {"participant": participant, "audio": audio, "video": video})

    async def kick(self, participant: str, reason: str | None = None, ban_s: int | None = None) -> None:
        """Removes somebody; for ``ban_s`` seconds they can't come back."""
        data: dict[str, Any] = {"participant": participant, "ban_s": ban_s}
        await self._request("kick", data if reason is None else data | {"reason": reason})

    async def pin(self, participant: str | None, view: str = "main") -> None:
        """Gives somebody the first place for everybody; None takes it back."""
        await self._request("pin", {"participant": participant, "view": view})

    async def set_role(self, participant: str, role: Role) -> None:
        await self._request("role", {"participant": participant, "role": role})

    async def lock(self, locked: bool = True) -> None:
        """Nobody new comes into a locked room."""
        await self._request("lock", {"locked": locked})

    async def admit(self, participant: str | None = None) -> None:
        """Lets somebody in from the lobby, or all who wait."""
        await self._request("admit", {"participant": participant})

    async def deny(self, participant: str | None = None, reason: str | None = None) -> None:
        """Turns somebody in the lobby away, or all who wait."""
        data: dict[str, Any] = {"participant": participant, "admit": False}
        await self._request("admit", data if reason is None else data | {"reason": reason})

    async def clear_ready(self) -> None:
        """Nobody is ready any more."""
        await self._request("ready", {"clear": True})
