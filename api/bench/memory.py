"""``memory``: what a participant takes of a server's memory, and whether it stays where it is as people come and go.

Resident memory of the server and its workers. First a room grows, by people who are seen and by people who look on.
Then guests and rooms come and go on a second server (``soak.py``), and the line through what is read meanwhile says
how fast memory grows. In less than the half hour that its target names, pools and caches still fill: what is found
then only informs.
"""

import asyncio
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Final

from api.bench.gathering import SEEN, Gathering
from api.bench.harness import Baseline, Bench, Case, Effort, once
from api.bench.live import LiveServer
from api.bench.priority import raised
from api.bench.processes import resident_mib
from api.bench.soak import SETTINGS as SOAK_SETTINGS
from api.bench.soak import Soak, Soaked
from api.server import loop_factory

ROOM: Final = "memory"
FIRST: Final = 4
"""So many are there before anything is counted: what a room has of its own they have brought about."""
LISTENERS: Final = 40
FULL_S: Final = 1800
USUAL_S: Final = 30
QUICK_S: Final = 12
SETTLING_S: Final = 3.0
SETTINGS: Final = {"MCU_WORKERS": "1", "MCU_LIMITS__MAX_PARTICIPANTS": "1000", "MCU_MEDIA__GRACE_S": "0.5"}

PERSON: Final = Baseline("6 MiB", 1.0)
FLAT: Final = Baseline("a MiB in ten minutes", 1.0)
CASES: Final = (
    "one more who is seen",
    "one more who looks on",
    "growth while guests and rooms come and go",
    "guests who came and went",
    "the whole server with everybody in it",
)


@dataclass(frozen=True, slots=True)
class Grown:
    """MiB: what one more takes, and the server with everybody in it."""

    seen: float
    listener: float
    whole: float


async def grown(server: LiveServer) -> Grown:
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
        return Grown((seen - few) / (SEEN - FIRST), (whole - seen) / LISTENERS, whole)


async def soaked(server: LiveServer, seconds: float) -> Soaked:
    async with AsyncExitStack() as stack:
        return await Soak(server, stack).run(seconds)


def prepare(stack: ExitStack, effort: Effort) -> list[Case]:
    raised(stack)
    seconds = FULL_S if effort.full else QUICK_S if effort.quick else USUAL_S

    @once
    def room() -> Grown:
        with ExitStack() as here, asyncio.Runner(loop_factory=loop_factory()) as runner:
            return runner.run(grown(LiveServer(here, SETTINGS)))

    @once
    def soak() -> Soaked:
        with ExitStack() as here, asyncio.Runner(loop_factory=loop_factory()) as runner:
            return runner.run(soaked(LiveServer(here, SOAK_SETTINGS), seconds))

    case = partial(Case, warm=False, once=True)
    flat = {FLAT: lambda: 0.1} if effort.full else {}
    return [
        case(CASES[0], "MiB", lambda: room().seen, {PERSON: lambda: 6.0}),
        case(CASES[1], "MiB", lambda: room().listener, {PERSON: lambda: 6.0}),
        case(CASES[2], "MiB/min", lambda: soak().growth, flat),
        case(CASES[3], "people", lambda: float(soak().guests)),
        case(CASES[4], "MiB", lambda: room().whole),
    ]


BENCH: Final = Bench(
    name="memory",
    work="resident memory of a whole server: one more participant, and a soak with joins and leaves",
    cases=CASES,
    baselines=(PERSON, FLAT),
    prepare=prepare,
)
