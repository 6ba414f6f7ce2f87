"""``crowd``: many people in one room of a whole server, of whom a few are seen and heard and the others listen.

The room grows from one size to the next and is measured at each. Sixteen people fill the canvas with pictures of their
tile's size, three of them speak. Everybody else connects as a browser does, watches and counts. Two decode what they
got, once the measuring is over: every tile must show the right picture, and their sound hold all voices but their own.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Final

import httpx
import numpy as np

from api.bench.audience import Viewer
from api.bench.gathering import SPEAKING, Gathering, ended
from api.bench.harness import Baseline, Bench, BenchFailed, Case, Effort, once
from api.bench.live import LiveServer
from api.bench.processes import cpu_s, family
from api.bench.timecode import FPS
from api.server import loop_factory
from mcu.clock import NS_PER_MS
from mcu.engine.exposition import samples_of
from mcu.frames import AudioPacket

ROOM: Final = "crowd"
SIZES: Final = (16, 100, 250)
SECONDS: Final = 15
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
ROLES: Final = ("loop", "decoder", "picture", "encoder", "sound", "gateway")
"""The room's threads (what the encoder's sends is in it), and the process before them that has the sockets of
signaling.
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """A room of one size. ``cores``: of one core, ``by_role`` where it went. ``late_ms``: the longest that the clients'
    own loop was late, which what they saw and heard can't be better than.
    """

    cores: float
    by_role: Mapping[str, float]
    fps: float
    gap_ms: float
    delay_ms: float
    heard: float
    lost: int
    late_ms: float


@dataclass(frozen=True, slots=True)
class Spent:
    """Processor time of a server so far, by role."""

    at_s: float
    total_s: float
    by_role_s: Mapping[str, float]

    @classmethod
    async def by(cls, server: LiveServer) -> "Spent":
        async with httpx.AsyncClient() as http:
            page = samples_of((await http.get(f"{server.url}/metrics")).text)
        gateway_s = cpu_s(server.pid)
        by_role_s = {role: page.get(f'mcu_thread_cpu_seconds_total{{thread="{role}"}}', 0.0) for role in ROLES}
        total_s = sum(cpu_s(pid) for pid in family(server.pid))
        return cls(time.monotonic(), total_s, by_role_s | {"gateway": gateway_s})


async def lateness(longest_ms: list[float]) -> None:
    """Keeps the longest that this loop was late in the list's only place, until it is cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        due_s = loop.time() + WATCH_S
        await asyncio.sleep(WATCH_S)
        longest_ms[0] = max(longest_ms[0], (loop.time() - due_s) * 1000)


async def measured(server: LiveServer, room: Gathering, seconds: float) -> Measured:
    longest_ms = [0.0]
    before = await Spent.by(server)
    room.reset()
    watching = asyncio.create_task(lateness(longest_ms))
    await asyncio.sleep(seconds)
    await ended(watching)
    pictures = [viewer.pictures for viewer in room.viewers] + [extra.arrived.frames for extra in room.extras]
    gaps_ns = [viewer.longest_gap_ns for viewer in room.viewers] + [
        extra.arrived.longest_gap_ns for extra in room.extras
    ]
    after = await Spent.by(server)
    took_s = after.at_s - before.at_s
    delays_ms, heard = await asyncio.to_thread(judged, room)
    return Measured(
        cores=(after.total_s - before.total_s) / took_s,
        by_role={role: (spent_s - before.by_role_s[role]) / took_s for role, spent_s in after.by_role_s.items()},
        fps=min(pictures) / seconds,
        gap_ms=max(gaps_ns) / NS_PER_MS,
        delay_ms=float(np.percentile(delays_ms, 95)),
        heard=heard,
        lost=sum(extra.arrived.lost for extra in room.extras),
        late_ms=longest_ms[0],
    )


def judged(room: Gathering) -> tuple[list[float], float]:
    """What two of the viewers saw and heard: how old pictures were, and how much of the least audible voice was there,
    of what it said. Raises ``BenchFailed`` when they saw somebody else in a tile, or heard themselves.
    """
    delays: list[float] = []
    quietest = 1.0
    said = [said_by(actor.voice)[number] for number, actor in enumerate(room.actors[:SPEAKING])]
    sent = {actor.peer.id: actor.sent for actor in room.actors}
    for number in (0, len(room.viewers) - 1):
        viewer = room.viewers[number]
        delays += viewer.delays_ms(sent)
        levels = [level / whole for level, whole in zip(viewer.levels(SPEAKING), said, strict=True)]
        own = levels.pop(number) if number < SPEAKING else 0.0
        if min(levels) < LOUDER * own:
            raise BenchFailed(f"speaker {number} hears the others at {levels} of what they said, itself at {own}")
        quietest = min(quietest, *levels)
    if not delays:
        raise BenchFailed("no picture could be followed on its way")
    return delays, quietest


def said_by(voice: Sequence[bytes]) -> list[float]:
    viewer = Viewer()
    viewer.sounds += [AudioPacket(payload, number, 0, 0, 0) for number, payload in enumerate(voice)]
    return viewer.levels(SPEAKING)


async def grown(server: LiveServer, seconds: float) -> dict[int, Measured]:
    """The room at each of its sizes."""
    found = {}
    async with AsyncExitStack() as stack:
        room = Gathering(server.url, ROOM, stack)
        await room.start()
        for size in SIZES:
            await room.grow(size)
            await room.fill_the_canvas()
            await asyncio.sleep(SETTLING_S)
            found[size] = await measured(server, room, seconds)
    return found


def prepare(stack: ExitStack, effort: Effort) -> list[Case]:
    server = LiveServer(stack, SETTINGS)

    def run() -> dict[int, Measured]:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            return runner.run(grown(server, QUICK_S if effort.quick else SECONDS))

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
        case(next(names), "ms", lambda: ask().late_ms),
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
        "the clients' own lateness, longest",
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
