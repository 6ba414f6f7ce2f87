"""A room that fills with people: some are seen and heard, the others look on."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial
from typing import Final

import httpx

from api.bench.audience import Onlooker, Viewer
from api.bench.extras import Extra
from api.bench.harness import BenchFailed
from api.bench.light import AnyPeer, LightPeer, joined
from api.bench.stage import Actor, act, make_voice
from api.bench.timecode import make_loop
from client.errors import ConnectionLost, RequestRefused
from client.signaling import Signaling
from mcu.clock import SystemClock
from mcu.rtc import RtcTicker

SEEN: Final = 16
SPEAKING: Final = 3
LOOPS: Final = 4
LOOP_S: Final = 4
CLOSE: Final = (0, SEEN - 1)
"""Of those who are seen, the first and the last look closely, and decode what they got; the others count."""
JOINING: Final = 4
"""At once."""
TRIES: Final = 4
PAUSE_S: Final = 3.0


class Gathering:
    """Everybody in one room of the server at ``url``. Use it on one event loop, which is theirs alone; they leave with
    the stack. ``viewers`` are those of the actors who look closely, by their number; ``joins_s`` is how long each who
    came had to wait until they were connected.
    """

    def __init__(self, url: str, room: str, stack: AsyncExitStack) -> None:
        self.actors: list[Actor] = []
        self.viewers: dict[int, Viewer] = {}
        self.onlookers: list[Onlooker] = []
        self.extras: list[Extra] = []
        self.joins_s: list[float] = []
        self.repeated = 0
        """How often somebody had to try again."""
        self._url = url
        self._room = room
        self._stack = stack
        self._ticker = RtcTicker(SystemClock())
        self._loops = [make_loop(number, LOOP_S) for number in range(LOOPS)]
        self._voices = [make_voice(number, LOOP_S) for number in range(SPEAKING)]

    async def start(self) -> None:
        self._ticker.start()
        self._stack.push_async_callback(self._ticker.close)
        acting = asyncio.create_task(act(self.actors))
        self._stack.push_async_callback(ended, acting)

    async def grow(self, size: int) -> None:
        """Lets people in until there are so many. Those who are seen come first."""
        while len(self.actors) < min(SEEN, size):
            await self.enter(len(self.actors))
        coming = iter(range(len(self.actors) + len(self.extras), size))

        async def let_in() -> None:
            for number in coming:
                self.extras.append(await self._let_in(partial(self._extra, f"Guest {number}")))

        await asyncio.gather(*(let_in() for _ in range(JOINING)))

    async def enter(self, number: int) -> Actor:
        """One more who is seen."""
        viewer: Viewer | Onlooker
        if number in CLOSE:
            viewer = self.viewers[number] = Viewer()
        else:
            viewer = Onlooker()
            self.onlookers.append(viewer)

        def speaker() -> AbstractAsyncContextManager[tuple[LightPeer, Signaling]]:
            peer = LightPeer(SystemClock())
            viewer.watch(peer)
            return joined(self._url, self._room, f"Speaker {number}", peer, self._ticker, on_event=viewer.on_event)

        peer = await self._let_in(speaker)
        voice = self._voices[number] if number < SPEAKING else ()
        actor = Actor(peer, self._loops[number % LOOPS], voice)
        self.actors.append(actor)
        return actor

    def _extra(self, name: str) -> AbstractAsyncContextManager[tuple[Extra, Signaling]]:
        return joined(self._url, self._room, name, Extra(), self._ticker, audio=False, video=False)

    async def _let_in(self, coming: Callable[[], AbstractAsyncContextManager[tuple[AnyPeer, Signaling]]]) -> AnyPeer:
        """Who is turned away by a busy server, or hears nothing of it, tries again as a client would. Raises
        ``BenchFailed`` when that doesn't help.
        """
        began_s = time.monotonic()
        for attempt in range(TRIES):
            try:
                peer, _ = await self._stack.enter_async_context(coming())
            except (BenchFailed, ConnectionLost, RequestRefused) as error:
                if attempt == TRIES - 1:
                    raise BenchFailed(f"somebody was not let in: {error}") from error
                self.repeated += 1
                await asyncio.sleep(PAUSE_S)
            else:
                self.joins_s.append(time.monotonic() - began_s)
                return peer
        raise AssertionError("the last try returns or raises")

    async def fill_the_canvas(self) -> None:
        """No gaps between tiles, so that a camera of a tile's size need not be scaled. Raises ``BenchFailed``."""
        address = f"{self._url}/api/v1/rooms/{self._room}/views/main/layout"
        async with httpx.AsyncClient() as http:
            answer = await http.patch(address, json={"gap": 0, "margin": 0, "transition": {"ms": 0}})
        if answer.status_code != httpx.codes.OK:
            raise BenchFailed(f"the layout was refused: {answer.text}")

    def reset(self) -> None:
        """Everybody begins to count."""
        for viewer in self.viewers.values():
            viewer.reset()
        for onlooker in self.onlookers:
            onlooker.reset()
        for extra in self.extras:
            extra.reset()


async def ended(task: "asyncio.Task[None]") -> None:
    """Ends what runs until it is cancelled. Raises what it met before."""
    task.cancel()
    (met,) = await asyncio.gather(task, return_exceptions=True)
    if isinstance(met, Exception):
        raise met
