"""The whole path once, measured: ``python -m samples.demo``.

Starts a server, joins four participants over real WebRTC, records 12 s of what they see and hear together, changes the
layout half-way, and says what the file holds. Exit code 0 when that is as it should be, 1 with the reasons otherwise.
"""

import asyncio
import contextlib
import logging
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import structlog
from rich.console import Console
from rich.table import Table

from client.errors import ClientError
from client.room import Room
from mcu.protocol.models import RecordingInfo
from samples.demo_room import PEOPLE, TURN_S, guests
from samples.measuring import Measured, measure
from samples.server import ServerFailed, own_server

ROOM = "demo"
OUT = Path(__file__).parent / "out"
RECORD_S = 12.0
ALL_LIVE_TIMEOUT_S = 20.0
TURN_MARGIN_S = 0.5
"""Left out at both ends of a turn: the way through the room takes time."""
MIN_FPS = 10.0
MIN_LEVEL_DBFS = -50.0


class DemoFailed(Exception):
    pass


@dataclass(frozen=True, slots=True)
class Take:
    """``began_ns``: when the recording began; ``seen_fps``: what a participant received meanwhile."""

    info: RecordingInfo
    began_ns: int
    seen_fps: float
    layouts: tuple[int, int]


async def demo(console: Console) -> Path:
    """Raises DemoFailed, ServerFailed or ClientError."""
    OUT.mkdir(exist_ok=True)
    target = OUT / "demo.mp4"
    target.unlink(missing_ok=True)
    console.print("four people get ready")
    ready = [guest async for guest in guests()]
    console.print("a server starts")
    async with own_server(OUT / "server.log", OUT / "recordings") as url:
        epoch_ns = time.monotonic_ns()
        async with contextlib.AsyncExitStack() as stack:
            rooms = [
                await stack.enter_async_context(
                    Room.connect(
                        url,
                        ROOM,
                        guest.name,
                        audio=guest.voice,
                        video=guest.camera,
                        receive=guest is ready[0],
                        epoch_ns=epoch_ns,
                    )
                )
                for guest in ready
            ]
            await _all_live(rooms[0])
            console.print(f"{', '.join(guest.name for guest in ready)} see each other")
            take = await _record(console, rooms[0])
        await _download(url, take.info, target)
    measured = await asyncio.to_thread(measure, target)
    levels = _levels(measured, take, epoch_ns)
    _report(console, target, measured, take, levels)
    _judge(measured, take, levels)
    return target


async def _all_live(room: Room) -> None:
    """Everybody is on the picture and moves."""
    events = room.events()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(ALL_LIVE_TIMEOUT_S):
            while sum(tile.state == "live" for tile in room.tiles.tiles) < len(PEOPLE):
                await anext(events)
            return
    states = {tile.name: tile.state for tile in room.tiles.tiles}
    raise DemoFailed(f"after {ALL_LIVE_TIMEOUT_S:.0f} s not everybody is on the picture: {states or 'no tiles at all'}")


async def _record(console: Console, room: Room) -> Take:
    await room.set_layout({"preset": "grid"})
    console.print(f"recording {RECORD_S:.0f} s, first as a grid")
    await room.start_recording()
    began_ns, pictures, first = time.monotonic_ns(), room.stats.pictures, room.tiles.layout_seq
    await asyncio.sleep(RECORD_S / 2)
    await room.set_layout({"preset": "speaker"})
    console.print("then with the speaker large")
    await asyncio.sleep(max(0.0, RECORD_S - (time.monotonic_ns() - began_ns) / 1e9))
    seen_fps = (room.stats.pictures - pictures) / ((time.monotonic_ns() - began_ns) / 1e9)
    info = await room.stop_recording()
    return Take(info, began_ns, seen_fps, (first, room.tiles.layout_seq))


async def _download(url: str, info: RecordingInfo, target: Path) -> None:
    address = f"{url}/api/v1/rooms/{ROOM}/recordings/{info.id}/files/{info.file}"
    async with httpx.AsyncClient(trust_env=False, timeout=30) as http, http.stream("GET", address) as answer:
        if not answer.is_success:
            raise DemoFailed(f"{address} answers {answer.status_code}")
        with target.open("wb") as file:
            async for chunk in answer.aiter_bytes():
                file.write(chunk)


def _levels(measured: Measured, take: Take, epoch_ns: int) -> dict[str, float]:
    """How loud the recording is while each of them has the floor, in dBFS."""
    round_s = TURN_S * len(PEOPLE)
    offset_s = (epoch_ns - take.began_ns) / 1e9
    levels: dict[str, float] = {}
    for slot, person in enumerate(PEOPLE):
        first = (offset_s + slot * TURN_S) % round_s - round_s
        starts = [first + number * round_s for number in range(3)]
        spans = [(start + TURN_MARGIN_S, start + TURN_S - TURN_MARGIN_S) for start in starts]
        levels[person.name] = measured.level_dbfs([(max(start, 0.0), end) for start, end in spans if end > 0.0])
    return levels


def _report(console: Console, target: Path, measured: Measured, take: Take, levels: dict[str, float]) -> None:
    table = Table("measured", "value", title="The recording", title_justify="left")
    table.add_row("file", str(target), style="bold")
    table.add_row("size", f"{target.stat().st_size / 1e6:.2f} MB")
    table.add_row("duration", f"{measured.duration_s:.2f} s")
    table.add_row("resolution", f"{measured.width}×{measured.height}")
    table.add_row("frame rate", f"{measured.fps:.1f} fps recorded, {take.seen_fps:.1f} fps at a participant")
    table.add_row("longest gap", f"{measured.longest_gap_s * 1000:.0f} ms between two pictures")
    table.add_row("blank pictures", f"{measured.blank} of {measured.pictures}")
    for name, level in levels.items():
        table.add_row(f"{name} speaks at", f"{level:.1f} dBFS")
    console.print(table)


def _judge(measured: Measured, take: Take, levels: dict[str, float]) -> None:
    """Raises DemoFailed with everything that is wrong."""
    wrong: list[str] = []
    if abs(measured.duration_s - RECORD_S) > 1.0:
        wrong.append(f"it lasts {measured.duration_s:.2f} s, not {RECORD_S:.0f} s")
    if measured.fps < MIN_FPS:
        wrong.append(f"it has only {measured.fps:.1f} pictures a second")
    if measured.blank > measured.pictures // 10:
        wrong.append(f"{measured.blank} of its {measured.pictures} pictures are blank")
    if take.seen_fps < MIN_FPS:
        wrong.append(f"a participant received only {take.seen_fps:.1f} pictures a second")
    if take.layouts[0] == take.layouts[1]:
        wrong.append("the layout did not change half-way")
    wrong += [f"{name} can't be heard ({level:.0f} dBFS)" for name, level in levels.items() if level < MIN_LEVEL_DBFS]
    if wrong:
        raise DemoFailed("the recording is not as it should be: " + "; ".join(wrong))


def main() -> int:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    console = Console()
    try:
        asyncio.run(demo(console))
    except (DemoFailed, ServerFailed, ClientError, httpx.HTTPError) as error:
        console.print(f"the demo failed: {error}", style="red", markup=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
