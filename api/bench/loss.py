"""``loss``: a room whose people lose packets both ways, beside the same room without loss.

Two people send and watch through bad networks. The sender's picture changes its brightness with every frame, so that
what is lost on the way up can be told from what is lost on the way down: the one is a change that the viewer doesn't
see, the other a composite that they don't. A freeze is a time without a change. The viewer's ear is a jitter buffer
with concealment and FEC, like that of a browser.

Where that is allowed, the server and the participants go before other programs: a network that is emulated in user
space delivers late when its program has to wait, and what freezes then is not the room.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from api.bench.harness import Baseline, Bench, BenchFailed, Case, Effort, once
from api.bench.light import LightPeer, participant
from api.bench.link import Link, Weather, linked
from api.bench.live import LiveServer
from api.bench.priority import raised
from api.bench.voices import voice
from mcu.clock import NS_PER_MS, NS_PER_S
from mcu.frames import SAMPLES_PER_TICK, EncodedFrame, ReceivedFrame
from mcu.media.decoder import BrokenFrame, VideoDecoder
from mcu.media.encoding import VideoEncoder
from mcu.media.opus import OpusEncoder
from mcu.media.pictures import picture_of
from mcu.media.playout import Playout
from mixer.canvas import Canvas
from mixer.geometry import Size
from mixer.timeline import SOUND_TICK_NS

FPS: Final = 25
CAMERA: Final = Size(320, 180)
VIEW: Final = {"WIDTH": "640", "HEIGHT": "360", "FPS": str(FPS), "VIDEO_KBPS": "800"}
LEVELS: Final = (60, 120, 180, 230)
"""Brightness of one frame after the other."""
ROWS: Final = 22
COLUMNS: Final = 40
STEP: Final = 25
"""What of a step in brightness must be seen."""
BITRATE_BPS: Final = 32_000

BAD: Final = Weather(loss=0.05, delay_ms=20.0, jitter_ms=30.0)
GOOD: Final = Weather(delay_ms=20.0)
SECONDS: Final = 60
QUICK_S: Final = 12
SETTLING_S: Final = 3
"""Before anything is counted: until pictures flow both ways."""

SHOWN: Final = Baseline("the same room without loss", 0.9, at_least=True)
FREEZE: Final = Baseline("400 ms", 1.0)
CONCEALED: Final = Baseline("6 %", 1.0)
CASES: Final = (
    "composites shown",
    "pictures of the sender's seen in them",
    "longest freeze",
    "sound concealed",
    "datagrams lost",
)


@dataclass(slots=True)
class Watched:
    """What a viewer saw in so many seconds: composites, and when the sender's picture in them changed; what of the
    sound had to be invented, and of the datagrams was lost, 0 to 1.
    """

    seconds: int
    composites: int = 0
    changes_ns: list[int] = field(default_factory=list)
    concealed: float = 0.0
    lost: float = 0.0

    @property
    def longest_ms(self) -> float:
        """The longest time between two changes. Raises ``BenchFailed`` when there were none."""
        if len(self.changes_ns) < 2:
            raise BenchFailed("no pictures got through")
        return float(np.diff(self.changes_ns).max()) / NS_PER_MS


class Camera:
    """Frames whose brightness goes round, encoded as they are asked for: with a keyframe where one is wanted."""

    def __init__(self) -> None:
        self._encoder = VideoEncoder("VP8", CAMERA.width, CAMERA.height, FPS, 400_000)
        self._canvas = Canvas(CAMERA)
        self._canvas.picture.u[:] = self._canvas.picture.v[:] = 128
        self._keyframes = 0

    def frame(self, number: int, time_ns: int, keyframes_wanted: int) -> EncodedFrame | None:
        self._canvas.picture.y[:] = LEVELS[number % len(LEVELS)]
        keyframe = number == 0 or keyframes_wanted > self._keyframes
        self._keyframes = keyframes_wanted
        return self._encoder.encode(self._canvas, time_ns, keyframe=keyframe)


class Screen:
    """Decodes the composite, and notes when the sender's tile changes."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._decoder = VideoDecoder("VP8")
        self._last: np.ndarray[tuple[int, ...], np.dtype[np.int16]] | None = None
        self.counting = False

    def show(self, frame: ReceivedFrame) -> None:
        try:
            shown = self._decoder.decode(frame)
        except (BrokenFrame, OSError) as error:
            raise BenchFailed(f"a frame could not be decoded: {error}") from error
        if shown is None:
            return
        self._watched.composites += self.counting
        # A coarse grid: the sender's tile is some of it, wherever it stands and whatever size a tier gives the view.
        luma = picture_of(shown).y
        small = luma[np.ix_(_spread(ROWS, luma.shape[0]), _spread(COLUMNS, luma.shape[1]))].astype(np.int16)
        if self._last is not None and self.counting and int(np.abs(small - self._last).max()) > STEP:
            self._watched.changes_ns.append(frame.arrived_ns)
        self._last = small


def _spread(count: int, length: int) -> np.ndarray[tuple[int, ...], np.dtype[np.intp]]:
    """``count`` places, evenly over ``length``."""
    return (2 * np.arange(count) + 1) * length // (2 * count)


async def send(peer: LightPeer, payloads: Sequence[bytes], seconds: float) -> None:
    """A picture and a voice, in time."""
    camera, began_ns, pictures = Camera(), time.monotonic_ns(), 0
    for number in range(round(seconds * NS_PER_S / SOUND_TICK_NS)):
        due_ns = began_ns + number * SOUND_TICK_NS
        await asyncio.sleep(max(0, due_ns - time.monotonic_ns()) / NS_PER_S)
        peer.send_sound(payloads[number % len(payloads)], due_ns)
        if number * FPS * SOUND_TICK_NS >= pictures * NS_PER_S:
            frame = camera.frame(pictures, due_ns, peer.keyframes_wanted)
            if frame is not None:
                peer.send_frame(replace(frame, time_ns=due_ns))
            pictures += 1


async def listen(playout: Playout) -> None:
    """Plays what comes, tick by tick, until it is cancelled."""
    due_ns = time.monotonic_ns()
    while True:
        due_ns += SOUND_TICK_NS
        await asyncio.sleep(max(0, due_ns - time.monotonic_ns()) / NS_PER_S)
        playout.pull(due_ns)


async def watched_through(url: str, room: str, weather: Weather, seconds: int) -> Watched:
    """Somebody sends, somebody watches; both also do the other, and both through such weather."""
    encoder = OpusEncoder(BITRATE_BPS, expected_loss=weather.loss and 0.1)
    payloads = [encoder.encode(chunk) for chunk in voice(0, 500)]
    watched, playout = Watched(seconds), Playout()
    screen = Screen(watched)
    async with AsyncExitStack() as stack:
        links = [await stack.enter_async_context(linked(weather, seed)) for seed in (1, 2)]
        people = [
            await stack.enter_async_context(participant(url, room, f"person-{n}", reroute=link.reroute))
            for n, link in enumerate(links)
        ]
        (sender, _), (viewer, _) = people
        viewer.on_frame, viewer.on_sound = screen.show, playout.push
        ear = asyncio.create_task(listen(playout))
        try:
            sending = asyncio.create_task(send(sender, payloads, SETTLING_S + seconds))
            await asyncio.sleep(SETTLING_S)
            before, losses, screen.counting = playout.statistics, total(links), True
            await sending
            screen.counting = False
            concealed = playout.statistics.concealed_samples - before.concealed_samples
        finally:
            ear.cancel()
            await asyncio.gather(ear, return_exceptions=True)
            playout.close()
    watched.concealed = concealed / (seconds * FPS * 2 * SAMPLES_PER_TICK)
    lost, carried = (after - earlier for after, earlier in zip(total(links), losses, strict=True))
    watched.lost = lost / max(1, lost + carried)
    return watched


def total(links: Sequence[Link]) -> tuple[int, int]:
    """Datagrams lost and carried."""
    return sum(link.statistics.lost for link in links), sum(link.statistics.carried for link in links)


def prepare(stack: ExitStack, effort: Effort) -> list[Case]:
    raised(stack)
    server = LiveServer(stack, {f"MCU_VIEW__{name}": value for name, value in VIEW.items()})
    seconds = QUICK_S if effort.quick else SECONDS
    bad = once(lambda: asyncio.run(watched_through(server.url, "bad", BAD, seconds)))
    good = once(lambda: asyncio.run(watched_through(server.url, "good", GOOD, QUICK_S)))

    def shown(watched: Watched) -> float:
        return watched.composites / watched.seconds

    def seen(watched: Watched) -> float:
        return len(watched.changes_ns) / watched.seconds

    return [
        Case(CASES[0], "1/s", lambda: shown(bad()), {SHOWN: lambda: shown(good())}, warm=False, once=True),
        Case(CASES[1], "1/s", lambda: seen(bad()), {SHOWN: lambda: seen(good())}, warm=False, once=True),
        Case(CASES[2], "ms", lambda: bad().longest_ms, {FREEZE: lambda: 400.0}, warm=False, once=True),
        Case(CASES[3], "%", lambda: 100 * bad().concealed, {CONCEALED: lambda: 6.0}, warm=False, once=True),
        Case(CASES[4], "%", lambda: 100 * bad().lost, warm=False, once=True),
    ]


BENCH: Final = Bench(
    name="loss",
    work="a room whose people lose 5 % of their packets both ways, with 30 ms of jitter",
    cases=CASES,
    baselines=(SHOWN, FREEZE, CONCEALED),
    prepare=prepare,
)
