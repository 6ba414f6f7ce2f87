"""``latency``: how long a picture is on its way through a whole server, from somebody's camera to another's eyes.

Pictures carry their number. Each counts from the instant its packets leave to the instant the composite that is the
first to show it has arrived: what the server adds, its decoder, its wait for the next tick, its encoder and sending
included. The participants' own encoding, decoding and showing are not in it, nor is a network: it is the loopback.
"""

import asyncio
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from typing import Final

from api.bench.gathering import Gathering
from api.bench.harness import Baseline, Bench, BenchFailed, Case, Effort, once, percentiles
from api.bench.live import LiveServer
from api.bench.priority import raised
from api.bench.timecode import FPS
from api.server import loop_factory

PEOPLE: Final = 4
ROOMS: Final = 3
QUICK_ROOMS: Final = 2
"""Every room's ticks stand elsewhere between the senders' pictures."""
SECONDS: Final = 6.0
SETTLING_S: Final = 3.0
INTERVAL_MS: Final = 1000 / FPS
SETTINGS: Final = {"MCU_VIEW__WIDTH": "1280", "MCU_VIEW__HEIGHT": "720", "MCU_VIEW__FPS": str(FPS)}

MEDIAN: Final = Baseline("an interval of 40 ms", 1.5)
TAIL: Final = Baseline("an interval of 40 ms", 2.5)
CASES: Final = ("camera to eye, added by the server, p50", "camera to eye, added by the server, p95")


async def one_room(url: str, name: str) -> list[float]:
    """Milliseconds, of every picture that somebody saw."""
    async with AsyncExitStack() as stack:
        room = Gathering(url, name, stack)
        await room.start()
        await room.grow(PEOPLE)
        await asyncio.sleep(SETTLING_S)
        room.reset()
        await asyncio.sleep(SECONDS)
        sent = {actor.peer.id: actor.sent for actor in room.actors}
        return await asyncio.to_thread(room.viewers[0].delays_ms, sent)


def measured(url: str, rooms: int) -> list[float]:
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        delays = [delay for number in range(rooms) for delay in runner.run(one_room(url, f"latency-{number}"))]
    if not delays:
        raise BenchFailed("no picture could be followed on its way")
    return delays


def prepare(stack: ExitStack, effort: Effort) -> list[Case]:
    raised(stack)
    server = LiveServer(stack, SETTINGS)
    measure = once(partial(measured, server.url, QUICK_ROOMS if effort.quick else ROOMS))
    return percentiles(CASES, measure, MEDIAN, TAIL, INTERVAL_MS)


BENCH: Final = Bench(
    name="latency",
    work="a picture's way through a whole server, 720p@25 with four people, from one participant to another",
    cases=CASES,
    baselines=(MEDIAN, TAIL),
    prepare=prepare,
)
