"""Calls whose peer has lost its socket: they go on for a while, for PeerJS reconnects the socket and nothing else."""

import asyncio
from collections.abc import Iterable

from api.signaling.peerjs.call import Call
from mcu.chores import Chores

Owner = tuple[tuple[str | None, str], str]
"""A peer's address (``realm.Address``) and its token: nobody else takes its calls over."""


class Lingering:
    """On the event loop. A call is ended when its peer is not back after ``grace_s``."""

    def __init__(self, grace_s: float) -> None:
        self._grace_s = grace_s
        self._kept: dict[Owner, dict[str, Call]] = {}
        self._timers: dict[Owner, asyncio.TimerHandle] = {}
        self._chores = Chores("peerjs")

    def keep(self, owner: Owner, calls: dict[str, Call]) -> None:
        """By their rooms."""
        self._kept[owner] = self.take(owner) | calls
        self._timers[owner] = asyncio.get_running_loop().call_later(self._grace_s, self._expire, owner)

    def take(self, owner: Owner) -> dict[str, Call]:
        """They have a socket again."""
        if (timer := self._timers.pop(owner, None)) is not None:
            timer.cancel()
        return self._kept.pop(owner, {})

    async def close(self) -> None:
        """Ends them all. Idempotent."""
        for owner in tuple(self._kept):
            self._expire(owner)
        await self._chores.close()

    def _expire(self, owner: Owner) -> None:
        self._chores.start(_hang_up(self.take(owner).values()))


async def _hang_up(calls: Iterable[Call]) -> None:
    for call in calls:
        await call.close()
