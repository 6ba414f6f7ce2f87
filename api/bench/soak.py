"""A server that stands while people come and go: does its memory grow?

Two people meet in a small view, so that half an hour costs a fraction of a core. Meanwhile guests come with a camera,
are seen for a moment and leave, one after the other; others open a room of their own, are alone in it and leave, and
the room ends. A server that keeps a little of everybody who ever was there, or of every room, goes up with each.
"""

import asyncio
import itertools
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from api.bench.gathering import ended
from api.bench.light import LightPeer, joined
from api.bench.live import LiveServer
from api.bench.processes import resident_mib
from api.bench.stage import Actor, act, make_voice
from api.bench.timecode import Loop, make_loop
from mcu.clock import SystemClock
from mcu.rtc import RtcTicker

ROOM: Final = "soak"
LOOP_S: Final = 2
RESIDENTS: Final = 2
STAY_S: Final = 1.5
READ_S: Final = 1.0
WARM: Final = 0.25
"""Of the soak, not counted: pools and caches fill."""
SETTINGS: Final = {
    "MCU_WORKERS": "1",
    "MCU_MEDIA__GRACE_S": "0.5",
    "MCU_LIMITS__EMPTY_ROOM_TTL_S": "5",
    "MCU_VIEW__WIDTH": "320",
    "MCU_VIEW__HEIGHT": "180",
    "MCU_VIEW__FPS": "10",
    "MCU_VIEW__VIDEO_KBPS": "200",
}


@dataclass(slots=True)
class Soaked:
    """What was read, MiB, at which second; and how many came and went."""

    times_s: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    guests: int = 0

    @property
    def growth(self) -> float:
        """MiB a minute of the line through the values after the warm part; 0 with fewer than two."""
        kept = [(at, mib) for at, mib in zip(self.times_s, self.values, strict=True) if at >= self.times_s[-1] * WARM]
        if len(kept) < 2:
            return 0.0
        at, mib = np.array(kept).T
        return float(np.polyfit(at, mib, 1)[0]) * 60

    @property
    def added(self) -> float:
        """MiB from the beginning of what is counted to its end, by that line."""
        return self.growth * (1 - WARM) * self.times_s[-1] / 60


class Soak:
    """Everybody in it, on one event loop; they leave with the stack."""

    def __init__(self, server: LiveServer, stack: AsyncExitStack) -> None:
        self._server = server
        self._stack = stack
        self._ticker = RtcTicker(SystemClock())
        self._actors: list[Actor] = []
        self._loops: list[Loop] = [make_loop(number, LOOP_S) for number in range(RESIDENTS)]
        self._voice = make_voice(0, LOOP_S)

    async def run(self, seconds: float) -> Soaked:
        """Raises ``BenchFailed`` when somebody can't come in, or is lost."""
        self._ticker.start()
        self._stack.push_async_callback(self._ticker.close)
        acting = asyncio.create_task(act(self._actors))
        self._stack.push_async_callback(ended, acting)
        for number in range(RESIDENTS):
            peer = LightPeer(SystemClock())
            await self._stack.enter_async_context(
                joined(self._server.url, ROOM, f"Resident {number}", peer, self._ticker)
            )
            self._actors.append(Actor(peer, self._loops[number], self._voice if number == 0 else ()))
        soaked = Soaked()
        began_s = time.monotonic()
        until_s = began_s + seconds
        coming = asyncio.gather(
            self._guests(soaked, until_s, own_rooms=False), self._guests(soaked, until_s, own_rooms=True)
        )
        try:
            while not coming.done():
                soaked.times_s.append(time.monotonic() - began_s)
                soaked.values.append(await asyncio.to_thread(resident_mib, self._server.pid))
                await asyncio.sleep(READ_S)
            await coming
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
        return soaked

    async def _guests(self, soaked: Soaked, until_s: float, *, own_rooms: bool) -> None:
        for number in itertools.count():
            if time.monotonic() >= until_s:
                return
            room = f"{ROOM}-{number}" if own_rooms else ROOM
            peer = LightPeer(SystemClock())
            async with joined(self._server.url, room, f"Guest {number}", peer, self._ticker):
                actor = Actor(peer, self._loops[0])
                self._actors.append(actor)
                try:
                    await asyncio.sleep(STAY_S)
                finally:
                    self._actors.remove(actor)
            soaked.guests += 1
