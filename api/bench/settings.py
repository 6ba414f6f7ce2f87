"""Settings of the process, each beside what Python and the libraries come with: ``python -m api.bench.settings``.

Not a part of ``mcu bench``: it serves a live room afresh for each figure, which takes minutes, and what it finds is
settled in ``mcu/engine/worker.py`` and ``api/server.py``. Linux only.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import Final, TypeVar

import httpx
from rich.console import Console
from rich.table import Table

from api.bench.harness import BenchFailed
from api.bench.media import IDENTITY, bound_socket, make_downlink, make_keys, make_media
from mcu.clock import SystemClock
from mcu.engine.exposition import samples_of
from mcu.rtc.sender import VideoFanout

T = TypeVar("T")

ROOM: Final = "bench"
GUESTS: Final = 4
VIEWERS: Final = 4
SETTLE_S: Final = 2.0
PATIENCE_S: Final = 60.0
TICK_HZ: Final = os.sysconf("SC_CLK_TCK")
VIEW: Final = {"MCU_VIEW__WIDTH": "640", "MCU_VIEW__HEIGHT": "360", "MCU_VIEW__VIDEO_KBPS": "800"}


@dataclass(frozen=True, slots=True)
class Setting:
    """``code`` runs in the server before anything else."""

    name: str
    code: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    interval_s: float = 0.005


def interval(interval_s: float) -> Setting:
    code = f"import mcu.engine.inline; mcu.engine.inline.SWITCH_INTERVAL_S = {interval_s}"
    return Setting(f"switch interval {interval_s * 1000:g} ms", f"{ASYNCIO}; {code}", interval_s=interval_s)


def decoders(count: int) -> Setting:
    return Setting(f"{count} decode threads", PLAIN, {"MCU_MEDIA__DECODE_THREADS": str(count)})


ASYNCIO: Final = "import api.server, asyncio; api.server.loop_factory = lambda: asyncio.new_event_loop"
PLAIN: Final = interval(0.005).code
STOCK: Final = Setting("as it comes: asyncio's loop, 5 ms, malloc; 2 decode threads", PLAIN)
LIVE: Final = (
    Setting("uvloop", PLAIN.removeprefix(f"{ASYNCIO}; ")),
    interval(0.0005),
    interval(0.0002),
    decoders(1),
    decoders(4),
    Setting("MALLOC_ARENA_MAX=2", PLAIN, {"MALLOC_ARENA_MAX": "2"}),
    Setting("PYTHONMALLOC=malloc", PLAIN, {"PYTHONMALLOC": "malloc"}),
)
INTERVALS: Final = (interval(0.001), interval(0.0005), interval(0.0002))


@dataclass(frozen=True, slots=True)
class Reading:
    """Of one run: processor time for a picture that was encoded, with the sound and all else that goes with it; how
    late a tick of picture or sound was in the mean; resident memory.
    """

    cpu_ms: float
    late_ms: float
    resident_mib: float


class LiveRoom:
    """Four sample participants and four viewers, who come back to every server that listens on the port."""

    def __init__(self, port: int, seconds: float) -> None:
        self._url = f"http://127.0.0.1:{port}"
        self._port = port
        self._seconds = seconds

    @contextlib.contextmanager
    def people(self) -> Iterator[None]:
        guests = [sys.executable, "-m", "samples.demo_room", "--url", self._url, "--room", ROOM]
        viewer = "import asyncio, sys; from api.bench.settings import watch; asyncio.run(watch(sys.argv[1]))"
        with contextlib.ExitStack() as stack:
            for command in (guests, *([sys.executable, "-c", viewer, self._url] for _ in range(VIEWERS))):
                stack.enter_context(_running(command, {}))
            yield

    def measure(self, setting: Setting) -> Reading:
        code = f"{setting.code}\nfrom api.cli import main; main()"
        command = [sys.executable, "-c", code, "serve", "--workers", "0", "--port", str(self._port)]
        with _running(command, {**VIEW, **setting.environment}) as server:
            self._wait_for_everybody(server)
            time.sleep(SETTLE_S)
            before, cpu_s = self._counted(), cpu_seconds(server.pid)
            time.sleep(self._seconds)
            spent_s, after = cpu_seconds(server.pid) - cpu_s, self._counted()
            late_s, ticks, pictures = (now - then for now, then in zip(after, before, strict=True))
            if pictures == 0:
                raise BenchFailed("nothing was encoded")
            return Reading(1000 * spent_s / pictures, 1000 * late_s / max(1.0, ticks), resident_mib(server.pid))

    def _wait_for_everybody(self, server: "subprocess.Popen[bytes]") -> None:
        deadline_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s:
            with contextlib.suppress(httpx.TransportError):
                samples = samples_of(httpx.get(f"{self._url}/metrics", timeout=5).text)
                decoded = [value for key, value in samples.items() if key.startswith("mcu_frames_decoded_total")]
                if samples.get("mcu_peers") == GUESTS + VIEWERS and sum(value > 0 for value in decoded) == GUESTS:
                    return
            if server.poll() is not None:
                raise BenchFailed("the server ended")
            time.sleep(0.2)
        raise BenchFailed("not everybody came")

    def _counted(self) -> tuple[float, float, float]:
        """Seconds of lateness, ticks and pictures encoded, over all."""
        samples = samples_of(httpx.get(f"{self._url}/metrics", timeout=5).text)

        def total(name: str) -> float:
            return sum(value for key, value in samples.items() if key.startswith(name))

        return total("mcu_tick_late_seconds_total"), total("mcu_ticks_total"), total("mcu_hub_frames_total")


async def watch(url: str) -> None:
    """A viewer who comes back, and decodes what they get."""
    from client.errors import ClientError
    from client.room import Room

    while True:
        with contextlib.suppress(ClientError):
            async with Room.connect(url, ROOM, "Viewer", give_up_s=None) as room:
                await room.ended()
        time.sleep(0.5)  # noqa: ASYNC251 - nothing else runs here


def cpu_seconds(pid: int) -> float:
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:  # noqa: PTH123 - a few bytes of the kernel's
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK_HZ


def resident_mib(pid: int) -> float:
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:  # noqa: PTH123 - a few bytes of the kernel's
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


@contextlib.contextmanager
def _running(command: list[str], environment: dict[str, str]) -> "Iterator[subprocess.Popen[bytes]]":
    process = subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class FanOut:
    """A picture to a hundred viewers while another thread runs Python without a pause, as the event loop does for some
    milliseconds when somebody joins. What is measured is the clock on the wall: it is waiting that is looked for.
    """

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._frames = make_media(seconds=1).frames
        self._fanout = VideoFanout(IDENTITY, "VP8", SystemClock())
        stack.callback(self._fanout.close)
        sink = bound_socket(stack)
        for _ in range(100):
            self._fanout.add(make_downlink(stack, make_keys()[0], sink))

    def measure(self, setting: Setting) -> float:
        """Milliseconds a picture."""
        stop, usual_s = threading.Event(), sys.getswitchinterval()

        def busy() -> None:
            while not stop.is_set():
                pass

        sys.setswitchinterval(setting.interval_s)
        thread = threading.Thread(target=busy, daemon=True)
        thread.start()
        try:
            began_s = time.perf_counter()
            for frame in self._frames:
                self._fanout.write(frame)
            return (time.perf_counter() - began_s) * 1000 / len(self._frames)
        finally:
            stop.set()
            thread.join()
            sys.setswitchinterval(usual_s)


def compare(console: Console, rounds: int, live: LiveRoom) -> None:
    """Every setting once in each round; ratios are taken within a round."""
    readings: dict[str, list[Reading]] = {}
    with live.people():
        live.measure(STOCK)
        for number in range(rounds):
            for setting in _turned((STOCK, *LIVE), 3 * number):
                readings.setdefault(setting.name, []).append(live.measure(setting))
            console.print(f"round {number + 1} of {rounds}", style="dim")
    table = Table("setting", "CPU ms a picture", "ratio", "late ms", "ratio", "MiB", "ratio")
    for name in (one.name for one in (STOCK, *LIVE)):
        seen = readings[name]
        row: list[str] = [name]
        for part in (lambda one: one.cpu_ms, lambda one: one.late_ms, lambda one: one.resident_mib):
            row += _value_and_ratio(seen, readings[STOCK.name], part)
        table.add_row(*row)
    console.print(table)


def compare_intervals(console: Console, rounds: int) -> None:
    fan_outs: dict[str, list[float]] = {}
    with contextlib.ExitStack() as stack:
        fan_out = FanOut(stack)
        for number in range(rounds):
            for setting in _turned((STOCK, *INTERVALS), number):
                fan_outs.setdefault(setting.name, []).append(fan_out.measure(setting))
    table = Table("fan-out to 100 beside Python", "ms a picture", "ratio")
    for name in (one.name for one in (STOCK, *INTERVALS)):
        table.add_row(name, *_value_and_ratio(fan_outs[name], fan_outs[STOCK.name], float))
    console.print(table)


def _turned(settings: tuple[Setting, ...], by: int) -> tuple[Setting, ...]:
    """None of them always comes first, or after the same one's load."""
    start = by % len(settings)
    return (*settings[start:], *settings[:start])


def _value_and_ratio(seen: list[T], stock: list[T], part: Callable[[T], float]) -> tuple[str, str]:
    ratio = median(part(one) / part(other) for one, other in zip(seen, stock, strict=True))
    return f"{median(map(part, seen)):.4g}", f"{ratio:.3g}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each run")
    parser.add_argument("--port", type=int, default=18_080)
    options = parser.parse_args()
    console = Console(width=120)
    compare_intervals(console, 5 * options.rounds)
    compare(console, options.rounds, LiveRoom(options.port, options.seconds))


if __name__ == "__main__":
    main()
