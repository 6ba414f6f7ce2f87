"""``crowd``: many people in one room of a whole server, of whom a few are seen and heard and the others listen.

The room grows from one size to the next and is measured at each; ``--case '100 people'`` measures at one. Sixteen
people fill the canvas with pictures of their tile's size, three of them speak. Everybody else connects as a browser
does, watches and counts. Two decode what they got, once the measuring is over: every tile must show the right picture,
and their sound hold all voices but their own.

What the people themselves cost is another process, and in no figure but its own. On a machine that is busy with other
things, pictures and sound come as late as the server's threads had to wait for a processor, which is told as well: as
long as they waited for next to nothing, gaps are the server's.
"""

import asyncio
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

import numpy as np

from api.bench.audience import Viewer
from api.bench.gathering import SPEAKING, Gathering, ended
from api.bench.harness import Baseline, Bench, BenchFailed, Case, Effort, once
from api.bench.live import LiveServer
from api.bench.processes import ThreadTimes, cpu_s, family, threads
from api.bench.stage import LONGEST_NS
from api.bench.timecode import FPS
from api.server import loop_factory
from mcu.clock import NS_PER_MS
from mcu.engine.threads import role_of
from mcu.frames import AudioPacket

ROOM: Final = "crowd"
SIZES: Final = (16, 100, 250)
SECONDS: Final = 8
QUICK_S: Final = 3
SETTLING_S: Final = 2.0
WATCH_S: Final = 0.01
SETTINGS: Final = {
    "MCU_WORKERS": "1",
    "MCU_LIMITS__MAX_PARTICIPANTS": "1000",
    "MCU_VIEW__WIDTH": "1280",
    "MCU_VIEW__HEIGHT": "720",
    "MCU_VIEW__FPS": str(FPS),
}
LOUDER: Final = 4
"""Than one's own, which should not be there at all."""

CORES: Final = {100: 0.5, 250: 0.7}
PROCESSOR: Final = {size: Baseline(f"{share:g} of a core", 1.0) for size, share in CORES.items()}
SMOOTH: Final = Baseline("24 a second", 1.0, at_least=True)
GAP: Final = Baseline("60 ms", 1.0)
ROLES: Final = ("loop", "decoder", "picture", "encoder", "sound", "other", "gateway")
"""The threads of the room's process (what the encoder's and the sound's send is in them; ``other`` has those of a
library), and the process before them that has the sockets of signaling.
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """A room of one size. ``cores``: of one core, ``by_role`` where it went. ``waited``: how much of the time the
    server's threads were ready and had no processor, all together. ``late_ms``: the longest that the clients' own loop
    was late, which what they saw and heard can't be better than; ``clients`` of a core is what they took.
    """

    cores: float
    by_role: Mapping[str, float]
    waited: float
    fps: float
    gap_ms: float
    delay_ms: float
    heard: float
    lost: int
    late_ms: float
    clients: float
    join_s: float
    repeated: int


@dataclass(frozen=True, slots=True)
class Spent:
    """Processor time of a server so far, by role; ``clients_s`` is that of this process."""

    at_s: float
    total_s: float
    by_role_s: Mapping[str, float]
    waited_s: float
    clients_s: float

    @classmethod
    def by(cls, server: LiveServer) -> "Spent":
        by_role_s = dict.fromkeys(ROLES, 0.0)
        total_s = waited_s = 0.0
        for pid in family(server.pid):
            total_s += cpu_s(pid)
            for thread in threads(pid):
                by_role_s["gateway" if pid == server.pid else role_in(thread)] += thread.cpu_s
                waited_s += thread.waited_s
        return cls(time.monotonic(), total_s, by_role_s, waited_s, cpu_s(os.getpid()))


def role_in(thread: ThreadTimes) -> str:
    """What a worker's thread does, one of ``ROLES``."""
    role = "loop" if thread.main else role_of(thread.name)
    return role if role in ROLES else "other"


class Counts(Protocol):
    """What everybody knows who watches, closely or not."""

    @property
    def pictures(self) -> int: ...

    @property
    def longest_gap_ns(self) -> int: ...


async def lateness(longest_ms: list[float]) -> None:
    """Keeps the longest that this loop was late in the list's only place, until it is cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        due_s = loop.time() + WATCH_S
        await asyncio.sleep(WATCH_S)
        longest_ms[0] = max(longest_ms[0], (loop.time() - due_s) * 1000)


async def measured(server: LiveServer, room: Gathering, seconds: float) -> Measured:
    longest_ms = [0.0]
    before = Spent.by(server)
    room.reset()
    watching = asyncio.create_task(lateness(longest_ms))
    await asyncio.sleep(seconds)
    await ended(watching)
    everybody: list[Counts] = [*room.viewers.values(), *room.onlookers, *(extra.arrived for extra in room.extras)]
    pictures = [one.pictures for one in everybody]
    gaps_ns = [one.longest_gap_ns for one in everybody]
    after = Spent.by(server)
    took_s = after.at_s - before.at_s
    delays_ms, heard = await asyncio.to_thread(judged, room)
    for viewer in room.viewers.values():
        viewer.rest()
    return Measured(
        cores=(after.total_s - before.total_s) / took_s,
        by_role={role: (after.by_role_s[role] - before.by_role_s[role]) / took_s for role in ROLES},
        waited=(after.waited_s - before.waited_s) / took_s,
        fps=min(pictures) / seconds,
        gap_ms=max(gaps_ns) / NS_PER_MS,
        delay_ms=float(np.percentile(delays_ms, 95)),
        heard=heard,
        lost=sum(extra.arrived.lost for extra in room.extras),
        late_ms=longest_ms[0],
        clients=(after.clients_s - before.clients_s) / took_s,
        join_s=max(room.joins_s),
        repeated=room.repeated,
    )


def judged(room: Gathering) -> tuple[list[float], float]:
    """What two of the viewers saw and heard: how old pictures were, two seconds where none could be followed, and how
    much of the least audible voice was there, of what it said. Raises ``BenchFailed`` when they saw somebody else in a
    tile, or heard themselves.
    """
    delays: list[float] = []
    quietest = 1.0
    said = [said_by(actor.voice)[number] for number, actor in enumerate(room.actors[:SPEAKING])]
    sent = {actor.peer.id: actor.sent for actor in room.actors}
    for number, viewer in room.viewers.items():
        delays += viewer.delays_ms(sent)
        levels = [level / whole for level, whole in zip(viewer.levels(SPEAKING), said, strict=True)]
        own = levels.pop(number) if number < SPEAKING else 0.0
        if max(levels) < LOUDER * own:
            raise BenchFailed(f"speaker {number} hears the others at {levels} of what they said, itself at {own}")
        quietest = min(quietest, *levels)
    return delays or [LONGEST_NS / NS_PER_MS], quietest


def said_by(voice: Sequence[bytes]) -> list[float]:
    viewer = Viewer()
    viewer.sounds += [AudioPacket(payload, number, 0, 0, 0) for number, payload in enumerate(voice)]
    return viewer.levels(SPEAKING)


async def grown(server: LiveServer, sizes: Sequence[int], seconds: float) -> dict[int, Measured]:
    """The room at each of these sizes, the smallest first."""
    found = {}
    async with AsyncExitStack() as stack:
        room = Gathering(server.url, ROOM, stack)
        await room.start()
        for size in sizes:
            await room.grow(size)
            await room.fill_the_canvas()
            await asyncio.sleep(SETTLING_S)
            found[size] = await measured(server, room, seconds)
    return found


def prepare(stack: ExitStack, effort: Effort) -> list[Case]:
    server = LiveServer(stack, SETTINGS)
    sizes = [size for size in SIZES if any(effort.wants(name) for name in names_of(size))]

    def run() -> dict[int, Measured]:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            return runner.run(grown(server, sizes, QUICK_S if effort.quick else SECONDS))

    ask = once(run)

    def of(size: int) -> Measured:
        return ask()[size]

    return [case for size in SIZES for case in cases_of(size, partial(of, size))]


def cases_of(size: int, ask: Callable[[], Measured]) -> list[Case]:
    case = partial(Case, warm=False, once=True)
    names = iter(names_of(size))
    processor = {PROCESSOR[size]: lambda: CORES[size]} if size in CORES else {}
    return [
        case(next(names), "cores", lambda: ask().cores, processor),
        case(next(names), "1/s", lambda: ask().fps, {SMOOTH: lambda: 24.0}),
        case(next(names), "ms", lambda: ask().gap_ms, {GAP: lambda: 60.0}),
        case(next(names), "ms", lambda: ask().delay_ms),
        case(next(names), "of 1", lambda: ask().heard),
        case(next(names), "packets", lambda: float(ask().lost)),
        case(next(names), "s", lambda: ask().join_s),
        case(next(names), "times", lambda: float(ask().repeated)),
        case(next(names), "ms", lambda: ask().late_ms),
        case(next(names), "cores", lambda: ask().clients),
        case(next(names), "cores", lambda: ask().waited),
        *(case(next(names), "cores", partial(lambda role: ask().by_role[role], role)) for role in ROLES),
    ]


def names_of(size: int) -> tuple[str, ...]:
    facts = (
        "processor",
        "pictures at the viewer who got fewest",
        "longest gap in anybody's sound",
        "a picture's way to a viewer, p95",
        "the least audible voice, of what it said",
        "packets lost on the way",
        "somebody's way in, longest",
        "somebody had to try again",
        "the clients' own lateness, longest",
        "the clients' own processor",
        "waiting for a processor, all the server's threads",
        *(f"processor, {role}" for role in ROLES),
    )
    return tuple(f"{size} people, {fact}" for fact in facts)


BENCH: Final = Bench(
    name="crowd",
    work="one room of 1280×720@25 with 16 people seen, 3 speaking, the rest listening",
    cases=tuple(name for size in SIZES for name in names_of(size)),
    baselines=(*PROCESSOR.values(), SMOOTH, GAP),
    prepare=prepare,
)
