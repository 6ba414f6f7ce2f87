"""One heartbeat for all peers of a process."""

import asyncio

import pytest

from mcu.clock import SystemClock
from mcu.rtc.ticker import RtcTicker
from tests.kit import rtc


class Driven:
    def __init__(self, *, broken: bool = False, rest_ns: int | None = None) -> None:
        self._rest_ns = rest_ns
        self.ticks: list[int] = []
        self.failed: list[str] = []
        self.ticked = asyncio.Event()
        self._broken = broken

    def tick(self, now_ns: int) -> int | None:
        self.ticks.append(now_ns)
        self.ticked.set()
        if self._broken:
            raise KeyError("broken")
        return None if self._rest_ns is None else now_ns + self._rest_ns

    def fail(self, reason: str) -> None:
        self.failed.append(reason)


async def test_all_are_driven_until_they_leave() -> None:
    ticker = RtcTicker(SystemClock())
    one, other = Driven(), Driven()
    ticker.add(one)
    ticker.add(one)
    ticker.add(other)
    ticker.round(1)
    ticker.remove(other)
    ticker.remove(other)
    ticker.round(2)
    assert (one.ticks, other.ticks) == ([1, 2], [1])


async def test_who_wants_to_rest_is_let_rest() -> None:
    ticker = RtcTicker(SystemClock())
    lively, resting = Driven(), Driven(rest_ns=3)
    ticker.add(lively)
    ticker.add(resting)
    for now_ns in range(10, 20):
        ticker.round(now_ns)
    assert (lively.ticks, resting.ticks) == ([*range(10, 20)], [10, 13, 16, 19])


async def test_a_broken_one_is_failed_and_no_other_notices() -> None:
    ticker = RtcTicker(SystemClock())
    broken, sound = Driven(broken=True), Driven()
    ticker.add(broken)
    ticker.add(sound)
    ticker.round(1)
    ticker.round(2)
    assert (broken.ticks, broken.failed) == ([1], ["internal_error"])
    assert (sound.ticks, sound.failed) == ([1, 2], [])


async def test_one_task_however_often_it_is_started() -> None:
    before = len(asyncio.all_tasks())
    ticker = RtcTicker(SystemClock(), interval_s=0.001)
    ticker.start()
    ticker.start()
    for _ in range(50):
        ticker.add(Driven())
    assert len(asyncio.all_tasks()) == before + 1
    last = Driven()
    ticker.add(last)
    async with asyncio.timeout(rtc.PATIENCE_S):
        await last.ticked.wait()
    await ticker.close()
    await ticker.close()
    assert len(asyncio.all_tasks()) == before
    assert len(ticker) == 0


async def test_closed_before_it_began() -> None:
    ticker = RtcTicker(SystemClock())
    await ticker.close()
    ticker.start()
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize("count", [0, 3])
async def test_closing_forgets_everybody(count: int) -> None:
    ticker = RtcTicker(SystemClock())
    for _ in range(count):
        ticker.add(Driven())
    await ticker.close()
    assert len(ticker) == 0
