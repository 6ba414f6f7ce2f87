"""One participant, run from the command line: sources, a status line, a recording, a clean goodbye."""

import asyncio
import contextlib
import logging
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from rich.console import Console
from rich.markup import escape

from client.cards import TestCard
from client.errors import ClientError, ConnectionLost, Removed, RequestRefused
from client.files import FileSource
from client.recording import Recorder, recording
from client.room import Room
from client.sources import AudioSource, Tone, VideoSource

EXIT_OK, EXIT_REFUSED, EXIT_USAGE, EXIT_LOST = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class Plan:
    """What the command line asked for."""

    url: str
    room: str
    name: str
    token: str | None = None
    file: Path | None = None
    test_card: float | None = None
    tone: float | None = None
    record: Path | None = None
    duration: float | None = None
    password: str | None = field(default=None, repr=False)


def attend(plan: Plan) -> int:
    """Joins, stays as long as planned, leaves; the exit code. What went wrong is on the standard error."""
    if not structlog.is_configured():
        structlog.configure(
            wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
            logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        )
    console = Console(stderr=True)
    try:
        asyncio.run(_take_part(console, plan))
    except RequestRefused as refused:
        return _say(console, refused.message, EXIT_REFUSED)
    except (ConnectionLost, Removed) as lost:
        return _say(console, lost.message, EXIT_LOST)
    except (ClientError, ValueError) as wrong:
        return _say(console, str(wrong), EXIT_USAGE)
    return EXIT_OK


def _say(console: Console, message: str, code: int) -> int:
    console.print(message, style="red", markup=False, soft_wrap=True)
    return code


async def _take_part(console: Console, plan: Plan) -> None:
    recorder: Recorder | None = None
    async with contextlib.AsyncExitStack() as stack:
        audio, video = _sources(stack, plan)
        stop = _stop_signal(stack)
        room = await stack.enter_async_context(
            Room.connect(
                plan.url,
                plan.room,
                plan.name,
                token=plan.token,
                audio=audio,
                video=video,
                password=plan.password,
                on_waiting=lambda: console.print("waiting until somebody inside lets you in"),
            )
        )
        if plan.record is not None:
            recorder = await stack.enter_async_context(recording(room, plan.record))
        await _watch(console, room, stop, plan.duration)
    if recorder is not None:
        kept = recorder.result()
        console.print(f"{escape(str(kept.path))}: {kept.duration_s:.1f} s, {kept.pictures} pictures")


def _sources(stack: contextlib.AsyncExitStack, plan: Plan) -> tuple[AudioSource | None, VideoSource | None]:
    if plan.file is not None:
        film = FileSource(plan.file)
        stack.push_async_callback(film.close)
        return film.audio, film.video
    audio = Tone(plan.tone) if plan.tone is not None else None
    return audio, TestCard(plan.test_card, name=plan.name) if plan.test_card is not None else None


def _stop_signal(stack: contextlib.AsyncExitStack) -> asyncio.Event:
    """Set by Ctrl-C and by a polite kill, so that leaving is said and a recording finished."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Windows' event loops have no signal handlers; there Ctrl-C cancels the main task, which leaves as well.
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
            stack.callback(loop.remove_signal_handler, number)
    return stop


async def _watch(console: Console, room: Room, stop: asyncio.Event, duration: float | None) -> None:
    """Shows a status line until told to stop. Raises what ended the room."""
    waits = {asyncio.create_task(stop.wait()), asyncio.create_task(room.ended())}
    deadline = None if duration is None else asyncio.get_running_loop().time() + duration
    try:
        with console.status(_status(room)) as status:
            while not any(task.done() for task in waits):
                left_s = 1.0 if deadline is None else min(1.0, deadline - asyncio.get_running_loop().time())
                if left_s <= 0:
                    return
                await asyncio.wait(waits, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
                status.update(_status(room))
    finally:
        for task in waits:
            task.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
    if not stop.is_set() and (error := await room.ended()) is not None:
        raise error


def _status(room: Room) -> str:
    stats = room.stats
    people = ", ".join(participant.name for participant in list(room.participants.values())[:8])
    speaker = room.participants.get(room.speaking.dominant or "")
    speaks = f" · {escape(speaker.name)} speaks" if speaker else ""
    return (
        f"{room.state} [bold]{escape(room.info.name)}[/] · {len(room.participants)} there: {escape(people)}{speaks}"
        f" · {stats.pictures} pictures, {stats.sounds * 0.02:.0f} s of sound"
    )
