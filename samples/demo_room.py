"""Four participants who are always there: moving pictures, and voices that take turns.

``python -m samples.demo_room --url http://127.0.0.1:8080 --room demo``

Real WebRTC, one process, a few per cent of a core each: the pictures are compressed once when it starts. It waits for a
server that isn't there yet, comes back to one that was restarted, and ends with exit code 0 on Ctrl-C or SIGTERM.
"""

import argparse
import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

import structlog
from av.video.frame import VideoFrame

from client.clips import Clip
from client.errors import ClientError, ConnectionLost
from client.files import TurnTaking
from client.room import Room
from samples import scenes

log = structlog.get_logger()

TURN_S = 3.0
RETRY_S = 2.0


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody to meet: ``voice`` is a file of ``samples/media``."""

    name: str
    voice: str
    camera: Callable[[], Iterator[VideoFrame]]


PEOPLE = (
    Person("Ada", "ada.ogg", scenes.film),
    Person("민준", "minjun.ogg", scenes.aurora),
    Person("Zoë", "zoe.ogg", scenes.seaside),
    Person("Юлия", "julia.ogg", scenes.film_close),
)


@dataclass(frozen=True, slots=True)
class Guest:
    """A person with everything ready to send."""

    name: str
    camera: Clip
    voice: TurnTaking


async def guests() -> AsyncIterator[Guest]:
    """All four, each when it is ready: compressing somebody's pictures takes about a second, in a thread."""
    for slot, person in enumerate(PEOPLE):
        camera = Clip(person.camera, scenes.FRAMES, scenes.FPS)
        await camera.prepare()
        yield Guest(person.name, camera, TurnTaking(scenes.MEDIA / person.voice, slot, len(PEOPLE), TURN_S))


async def stay(guest: Guest, url: str, room: str, token: str | None, epoch_ns: int) -> None:
    """Is in the room until cancelled, however often the server goes and comes."""
    while True:
        try:
            async with Room.connect(
                url,
                room,
                guest.name,
                token=token,
                audio=guest.voice,
                video=guest.camera,
                receive=False,
                epoch_ns=epoch_ns,
                give_up_s=None,
            ) as joined:
                log.info("sample_joined", name=guest.name, room=room)
                reason = await joined.ended()
                log.info("sample_left", name=guest.name, reason=str(reason))
        except ConnectionLost as error:
            log.debug("sample_waits", name=guest.name, error=error.message)
        except ClientError as error:
            log.warning("sample_refused", name=guest.name, error=error.message)
        await asyncio.sleep(RETRY_S)


async def visit_room(url: str, room: str, token: str | None = None) -> None:
    """All four, until cancelled."""
    epoch_ns = time.monotonic_ns()
    async with asyncio.TaskGroup() as stays:
        async for guest in guests():
            stays.create_task(stay(guest, url, room, token, epoch_ns))


async def run(url: str, room: str, token: str | None = None) -> None:
    """Until SIGINT or SIGTERM."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Windows' event loops have no signal handlers; there Ctrl-C cancels the main task, which leaves as well.
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
    visit = asyncio.create_task(visit_room(url, room, token))
    ending = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([ending, visit], return_when=asyncio.FIRST_COMPLETED)
        if visit.done():
            visit.result()
    finally:
        for task in (ending, visit):
            task.cancel()
        await asyncio.gather(ending, visit, return_exceptions=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="the server")
    parser.add_argument("--room", default="demo", help="the room's name")
    parser.add_argument("--token", help="a join token, where the server wants one")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run(options.url, options.room, options.token))


if __name__ == "__main__":
    main()
