"""``join``: how long somebody waits who comes into a room in which others already meet.

From the request to join, over an open socket, to the first composite they have decoded: admission, offer and answer,
ICE, DTLS and the wait for a keyframe are in it. What a browser takes for its own devices is not.
"""

import asyncio
import time
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from typing import Final

import numpy as np

from api.bench.gathering import Gathering
from api.bench.harness import Baseline, Bench, BenchFailed, Case, Effort, once
from api.bench.light import LightPeer, joined
from api.bench.live import LiveServer
from api.bench.priority import raised
from api.bench.timecode import FPS
from api.server import loop_factory
from mcu.clock import NS_PER_MS, SystemClock
from mcu.frames import ReceivedFrame
from mcu.media.decoder import VideoDecoder
from mcu.rtc import RtcTicker

ROOM: Final = "join"
PEOPLE: Final = 9
JOINS: Final = 30
QUICK_JOINS: Final = 12
PAUSE_S: Final = 0.13
"""Between two, and no multiple of a picture's interval. The server makes at most two keyframes a second."""
PATIENCE_S: Final = 10.0
SETTINGS: Final = {"MCU_VIEW__WIDTH": "1280", "MCU_VIEW__HEIGHT": "720", "MCU_VIEW__FPS": str(FPS)}

MEDIAN: Final = Baseline("500 ms, in the middle")
TAIL: Final = Baseline("500 ms", 1.0)
LIMIT_MS: Final = 500.0
CASES: Final = ("request to first picture, p50", "request to first picture, p95")


class FirstPicture:
    """When the first composite has been decoded."""

    def __init__(self) -> None:
        self.seen_ns: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._decoder = VideoDecoder("VP8")

    def show(self, frame: ReceivedFrame) -> None:
        if not self.seen_ns.done() and self._decoder.decode(frame) is not None:
            self.seen_ns.set_result(time.monotonic_ns())


async def one_join(url: str, number: int, ticker: RtcTicker) -> float:
    """Milliseconds. Raises ``BenchFailed`` when no picture comes."""
    peer, first = LightPeer(SystemClock()), FirstPicture()
    peer.on_frame = first.show
    async with joined(url, ROOM, f"Guest {number}", peer, ticker, audio=False, video=False):
        try:
            async with asyncio.timeout(PATIENCE_S):
                seen_ns = await first.seen_ns
        except TimeoutError:
            raise BenchFailed("somebody who joined saw nothing") from None
    return (seen_ns - peer.joining_ns) / NS_PER_MS


async def measured(url: str, joins: int) -> list[float]:
    async with AsyncExitStack() as stack:
        room = Gathering(url, ROOM, stack)
        await room.start()
        await room.grow(PEOPLE)
        ticker = RtcTicker(SystemClock())
        ticker.start()
        stack.push_async_callback(ticker.close)
        took_ms = []
        for number in range(joins):
            await asyncio.sleep(PAUSE_S)
            took_ms.append(await one_join(url, number, ticker))
        return took_ms


def prepare(stack: ExitStack, effort: Effort) -> list[Case]:
    raised(stack)
    server = LiveServer(stack, SETTINGS)

    def run() -> list[float]:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            return runner.run(measured(server.url, QUICK_JOINS if effort.quick else JOINS))

    ask = once(run)

    def percentile(share: float) -> float:
        return float(np.percentile(ask(), share))

    return [
        Case(CASES[0], "ms", partial(percentile, 50), {MEDIAN: lambda: LIMIT_MS}, warm=False, once=True),
        Case(CASES[1], "ms", partial(percentile, 95), {TAIL: lambda: LIMIT_MS}, warm=False, once=True),
    ]


BENCH: Final = Bench(
    name="join",
    work=f"from the request to join a room of {PEOPLE} to the first decoded composite",
    cases=CASES,
    baselines=(MEDIAN, TAIL),
    prepare=prepare,
)
