"""``low-power``: what a room costs somebody's browser, through the server and as a mesh.

The same Chromium, the same camera, the same others. Through the server it is the real page: one connection, one
picture to decode, one to encode. In a mesh there is a connection for each of the others, with an encoder and a decoder
of its own. Only the browser's own processes are counted. The others cost next to nothing: they send what was
compressed beforehand, and decode nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from api.bench.browser import Browser, Share, browser, chromium
from api.bench.company import Company, Material, make_material
from api.bench.harness import Baseline, Bench, Case, Effort, once
from api.bench.live import LiveServer
from api.bench.priority import raised
from api.bench.timecode import FPS
from api.server import loop_factory

ROOM: Final = "low-power"
SIZES: Final = (3, 5, 9)
FULL: Final = SIZES[-1]
SETTINGS: Final = {"MCU_VIEW__WIDTH": "1280", "MCU_VIEW__HEIGHT": "720", "MCU_VIEW__FPS": str(FPS)}
PAGE: Final = Path(__file__).with_name("mesh.html")

MESH: Final = Baseline("the same browser in a mesh", 0.25)
MESH_BESIDE: Final = Baseline("in a mesh")
SMALL: Final = Baseline(f"in a room of {SIZES[0]}", 1.15)
CASES: Final = (
    f"processor of the browser, room of {FULL}",
    *(f"the same, room of {size}" for size in SIZES[:-1]),
    f"download, room of {FULL}",
    f"upload, room of {FULL}",
    f"pictures decoded, each stream, room of {FULL}",
    f"pictures encoded, all together, room of {FULL}",
)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long is measured, and waited before that until encoders and estimates have found their rate. A room's size
    that only informs has a third of it.
    """

    seconds: float
    settling_s: float


USUAL: Final = Pace(10.0, 4.0)
QUICK: Final = Pace(3.0, 1.2)


@dataclass(frozen=True, slots=True)
class Measured:
    """By size of room."""

    server: dict[int, Share]
    mesh: dict[int, Share]


@asynccontextmanager
async def company(material: Material) -> AsyncIterator[tuple[Browser, Company]]:
    async with AsyncExitStack() as stack:
        shown = await stack.enter_async_context(browser(material.camera))
        others = Company(material, stack)
        await others.start()
        yield shown, others


async def growing(
    shown: Browser, others: Company, pace: Pace, come: Callable[[], Awaitable[None]], streams: Callable[[int], int]
) -> dict[int, Share]:
    """What each size takes, as one after the other comes."""
    shares = {}
    for size in SIZES:
        while len(others) < size - 1:
            await come()
        await shown.sees(streams(size))
        part = 1.0 if size == FULL else 1 / 3
        await asyncio.sleep(pace.settling_s * part)
        shares[size] = await shown.measure(pace.seconds * part)
    return shares


async def through_the_server(url: str, material: Material, pace: Pace) -> dict[int, Share]:
    async with company(material) as (shown, others):
        await shown.page.goto(f"{url}/?room={ROOM}&name=Browser&autojoin=1")
        return await growing(shown, others, pace, partial(others.join, url, ROOM), lambda size: 1)


async def as_a_mesh(url: str, material: Material, pace: Pace) -> dict[int, Share]:
    """The page is handed out at an address of the server's, where a camera is allowed; the server has no part in it."""
    async with company(material) as (shown, others):
        await shown.page.route(f"{url}/mesh", lambda route: route.fulfill(path=PAGE))
        await shown.page.goto(f"{url}/mesh")
        return await growing(shown, others, pace, partial(others.call, shown), lambda size: size - 1)


async def measured(url: str, material: Material, pace: Pace) -> Measured:
    return Measured(await through_the_server(url, material, pace), await as_a_mesh(url, material, pace))


def prepare(stack: ExitStack, effort: Effort) -> list[Case]:
    chromium()
    folder = Path(stack.enter_context(TemporaryDirectory(prefix="mcu-bench-")))
    material = make_material(folder)
    raised(stack)
    server = LiveServer(stack, SETTINGS)
    pace = QUICK if effort.quick else USUAL

    def run() -> Measured:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            return runner.run(measured(server.url, material, pace))

    ask = once(run)
    case = partial(Case, warm=False, once=True)

    def beside(name: str, unit: str, size: int, read: Callable[[Share], float], mesh: Baseline) -> Case:
        return case(name, unit, lambda: read(ask().server[size]), {mesh: lambda: read(ask().mesh[size])})

    def download(share: Share) -> float:
        return share.received_bps / 1000

    both = {SMALL: lambda: download(ask().server[SIZES[0]]), MESH_BESIDE: lambda: download(ask().mesh[FULL])}
    smaller = [
        beside(name, "CPU ms/s", size, lambda share: share.cpu_ms, MESH_BESIDE)
        for name, size in zip(CASES[1:], SIZES[:-1], strict=False)
    ]
    return [
        beside(CASES[0], "CPU ms/s", FULL, lambda share: share.cpu_ms, MESH),
        *smaller,
        case(CASES[-4], "kbit/s", lambda: download(ask().server[FULL]), both),
        beside(CASES[-3], "kbit/s", FULL, lambda share: share.sent_bps / 1000, MESH_BESIDE),
        beside(CASES[-2], "1/s", FULL, lambda share: share.decoded, MESH_BESIDE),
        beside(CASES[-1], "1/s", FULL, lambda share: share.encoded, MESH_BESIDE),
    ]


BENCH: Final = Bench(
    name="low-power",
    work=f"a browser in a room of {FULL} through the server, and the same browser in a mesh",
    cases=CASES,
    baselines=(MESH, MESH_BESIDE, SMALL),
    prepare=prepare,
)
