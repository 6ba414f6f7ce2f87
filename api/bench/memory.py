"""``memory``: what a participant takes of a server's memory, and whether it stays where it is as people come and go.

Resident memory of the server and its workers. First a room grows, by people who are seen and by people who look on;
then it stands while guests come and go, and the line through what is read meanwhile says how fast memory grows. A
server that keeps a little of everybody who ever was there goes up by that with each of them.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from api.bench.extras import Extra
from api.bench.gathering import SEEN, Gathering
from api.bench.harness import Baseline, Bench, Case, Effort, once
from api.bench.light import joined
from api.bench.live import LiveServer
from api.bench.processes import resident_mib
from api.server import loop_factory
from mcu.clock import SystemClock
from mcu.rtc import RtcTicker

ROOM: Final = "memory"
FIRST: Final = 4
"""So many are there before anything is counted: what a room has of its own they have brought about."""
LISTENERS: Final = 40
FULL_S: Final = 1800
USUAL_S: Final = 40
QUICK_S: Final = 12
SETTLING_S: Final = 3.0
READ_S: Final = 1.0
WARM: Final = 0.25
"""Of the soak, not counted: pools and caches fill."""
GUESTS: Final = 3
"""Who come and go at once, one after the other each."""
STAY_S: Final = 1.0
SETTINGS: Final = {"MCU_WORKERS": "1", "MCU_LIMITS__MAX_PARTICIPANTS": "1000", "MCU_MEDIA__GRACE_S": "0.5"}

PERSON: Final = Baseline("6 MiB", 1.0)
FLAT: Final = Baseline("a MiB a minute", 1.0)
CASES: Final = (
    "one more who is seen",
    "one more who looks on",
    "growth while guests come and go",
    "guests who came and went",
    "the whole server with everybody in it",
)


@dataclass(frozen=True, slots=True)
class Measured:
    """In MiB; ``growth`` a minute."""

    seen: float
    listener: float
    growth: float
    guests: int
    whole: float


def slope(times_s: list[float], values: list[float]) -> float:
    """Of the line through the values after the warm part, a minute; 0 with fewer than two."""
    kept = [(at, value) for at, value in zip(times_s, values, strict=True) if at >= times_s[-1] * WARM]
    if len(kept) < 2:
        return 0.0
    at, value = np.array(kept).T
    return float(np.polyfit(at, value, 1)[0]) * 60


async def soak(server: LiveServer, seconds: float) -> tuple[float, int]:
    """MiB a minute, and how many guests there were."""
    ticker = RtcTicker(SystemClock())
    ticker.start()
    began_s, guests = time.monotonic(), 0

    async def come_and_go(line: int) -> None:
        nonlocal guests
        while time.monotonic() - began_s < seconds:
            async with joined(server.url, ROOM, f"Guest {line}", Extra(), ticker, audio=False, video=False):
                await asyncio.sleep(STAY_S)
            guests += 1

    times_s: list[float] = []
    values: list[float] = []
    coming = asyncio.gather(*(come_and_go(line) for line in range(GUESTS)))
    try:
        while not coming.done():
            times_s.append(time.monotonic() - began_s)
            values.append(await asyncio.to_thread(resident_mib, server.pid))
            await asyncio.sleep(READ_S)
        await coming
    finally:
        coming.cancel()
        await ticker.close()
    return slope(times_s, values), guests


async def measured(server: LiveServer, seconds: float) -> Measured:
    async def settled() -> float:
        await asyncio.sleep(SETTLING_S)
        return resident_mib(server.pid)

    async with AsyncExitStack() as stack:
        room = Gathering(server.url, ROOM, stack)
        await room.start()
        await room.grow(FIRST)
        few = await settled()
        await room.grow(SEEN)
        seen = await settled()
        await room.grow(SEEN + LISTENERS)
        whole = await settled()
        growth, guests = await soak(server, seconds)
        return Measured((seen - few) / (SEEN - FIRST), (whole - seen) / LISTENERS, growth, guests, whole)


def prepare(stack: ExitStack, effort: Effort) -> list[Case]:
    server = LiveServer(stack, SETTINGS)
    seconds = FULL_S if effort.full else QUICK_S if effort.quick else USUAL_S

    def run() -> Measured:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            return runner.run(measured(server, seconds))

    ask: Callable[[], Measured] = once(run)
    case = partial(Case, warm=False, once=True)
    return [
        case(CASES[0], "MiB", lambda: ask().seen, {PERSON: lambda: 6.0}),
        case(CASES[1], "MiB", lambda: ask().listener, {PERSON: lambda: 6.0}),
        case(CASES[2], "MiB/min", lambda: ask().growth, {FLAT: lambda: 1.0}),
        case(CASES[3], "people", lambda: float(ask().guests)),
        case(CASES[4], "MiB", lambda: ask().whole),
    ]


BENCH: Final = Bench(
    name="memory",
    work="resident memory of a whole server: one more participant, and a soak with joins and leaves",
    cases=CASES,
    baselines=(PERSON, FLAT),
    prepare=prepare,
)
