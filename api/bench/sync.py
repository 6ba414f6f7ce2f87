"""``sync``: flashes and beeps that were sent together, met again at a viewer and in the recording.

The sender's clock is off, as a crystal of its own is: its camera and its microphone count by it, and so do its sender
reports. What counts is the last third of the run. At the viewer, times are those that the server's sender reports give
to pictures and sound (RFC 3550, 6.4.1), so that the viewer's own buffers don't matter.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from io import BytesIO
from typing import Final

import av
import httpx
import numpy as np
from numpy.typing import NDArray

from api.bench.harness import Baseline, Bench, BenchFailed, Case, Effort, once
from api.bench.light import LightPeer, participant
from api.bench.live import LiveServer
from api.bench.priority import raised
from mcu.clock import NS_PER_MS, NS_PER_S, NTP_UNIX_OFFSET_S
from mcu.frames import (
    AUDIO_CLOCK_HZ,
    SAMPLES_PER_TICK,
    VIDEO_CLOCK_HZ,
    AudioPacket,
    EncodedFrame,
    ReceivedFrame,
    SenderReport,
)
from mcu.media.decoder import VideoDecoder
from mcu.media.encoding import VideoEncoder
from mcu.media.opus import OpusDecoder, OpusEncoder
from mcu.media.pictures import picture_of
from mixer.canvas import Canvas
from mixer.geometry import Size

FPS: Final = 50
"""Of the camera and of the canvas, as many as there are sound ticks: a flash can only be as early as a picture."""
TICK_NS: Final = NS_PER_S // FPS
LIT: Final = 5
"""Pictures a flash lasts, and ticks a beep."""
BEEP_HZ: Final = 1000.0
CAMERA: Final = Size(160, 90)
VIEW: Final = {"WIDTH": "320", "HEIGHT": "180", "FPS": str(FPS), "VIDEO_KBPS": "500"}

WINDOW: Final = 48
"""A millisecond: how finely a beep's beginning is found."""
LEVEL: Final = 2_000
APART_MS: Final = 400
"""What is further apart doesn't belong together."""

ROOM: Final = "sync"
LIMIT: Final = Baseline("20 ms", 1.0)
LIMIT_MS: Final = 20.0
CASES: Final = (
    "at a viewer, in the middle",
    "at a viewer, 19 in 20",
    "in the recording, in the middle",
    "in the recording, 19 in 20",
    "how far the sender's clock ran away",
)


@dataclass(frozen=True, slots=True)
class Length:
    """How long is measured, with a clock off by how much."""

    seconds: int
    ppm: int


FULL: Final = Length(600, 100)
USUAL: Final = Length(80, 300)
QUICK: Final = Length(24, 300)


class DriftingClock:
    """A participant's clock: fast by ``ppm``, counted from its making."""

    def __init__(self, ppm: int) -> None:
        self._ppm = ppm
        self._began_ns = time.monotonic_ns()
        self._wall_ns = time.time_ns()

    def _passed_ns(self) -> int:
        passed_ns = time.monotonic_ns() - self._began_ns
        return passed_ns + passed_ns * self._ppm // 1_000_000

    def now_ns(self) -> int:
        return self._began_ns + self._passed_ns()

    def wall_ns(self) -> int:
        return self._wall_ns + self._passed_ns()


@dataclass(frozen=True, slots=True)
class Second:
    """What is sent again and again: a flash and a beep at its beginning. ``late_ns``: the sender's codec's own."""

    frames: Sequence[EncodedFrame]
    sounds: Sequence[bytes]
    late_ns: int


def make_second() -> Second:
    encoder = VideoEncoder("VP8", CAMERA.width, CAMERA.height, FPS, 300_000)
    canvas, frames = Canvas(CAMERA), []
    for number in range(FPS):
        canvas.picture.y[:] = 235 if number < LIT else 30
        canvas.picture.u[:] = canvas.picture.v[:] = 128
        frame = encoder.encode(canvas, number * TICK_NS, keyframe=number == 0)
        if frame is None:
            raise BenchFailed("the encoder skipped a picture")
        frames.append(frame)
    at = np.arange(LIT * SAMPLES_PER_TICK) / AUDIO_CLOCK_HZ
    pcm = np.zeros((FPS, SAMPLES_PER_TICK), np.int16)
    pcm.reshape(-1)[: len(at)] = np.round(12_000 * np.sin(2 * np.pi * BEEP_HZ * at))
    opus, decoder = OpusEncoder(64_000), OpusDecoder()
    # The second time round it goes on from itself, as it will when it is repeated.
    sounds = [opus.encode(chunk) for chunk in [*pcm, *pcm]]
    heard = np.concatenate([decoder.decode(payload) for payload in sounds])[len(pcm) * SAMPLES_PER_TICK :]
    return Second(frames, sounds[FPS:], beginnings(heard)[0] * NS_PER_S // AUDIO_CLOCK_HZ)


def beginnings(pcm: NDArray[np.int16]) -> list[int]:
    """The samples at which a beep sets in after quiet."""
    windows = pcm[: len(pcm) // WINDOW * WINDOW].astype(np.float32).reshape(-1, WINDOW)
    loud = np.flatnonzero(np.sqrt((windows**2).mean(axis=1)) > LEVEL)
    quiet = AUDIO_CLOCK_HZ // WINDOW // 10
    return [int(now) * WINDOW for before, now in zip([-quiet, *loud], loud, strict=False) if now - before >= quiet]


@dataclass(slots=True)
class Viewed:
    """What reached the viewer, and the reports that say when it was."""

    frames: list[ReceivedFrame] = field(default_factory=list)
    sounds: list[AudioPacket] = field(default_factory=list)
    reports: dict[int, SenderReport] = field(default_factory=dict)

    def reported(self, report: SenderReport) -> None:
        self.reports[report.ssrc] = report

    def time_ns(self, ssrc: int, timestamp: int, clock_hz: int) -> int:
        """The server's wall clock at an RTP timestamp. Raises ``BenchFailed`` without a report."""
        report = self.reports.get(ssrc)
        if report is None:
            raise BenchFailed("the server sent no sender report")
        since = (timestamp - report.rtp_timestamp + 0x8000_0000 & 0xFFFF_FFFF) - 0x8000_0000
        return (report.ntp * NS_PER_S >> 32) + since * NS_PER_S // clock_hz


def lit_at(pictures: Sequence[tuple[int, NDArray[np.uint8]]]) -> list[int]:
    """The times of the pictures with which a flash begins; pictures are small, in luma. The canvas has other things on
    it as well: what flashes is what changes most.
    """
    everything = np.array([small for _, small in pictures], np.float32).reshape(len(pictures), -1)
    part = everything[:, int(everything.std(axis=0).argmax())]
    lit = part > (part.min() + part.max()) / 2
    times = [time_ns for time_ns, _ in pictures]
    return [times[n] for n in range(1, len(lit)) if lit[n] and not lit[n - 1]]


def small(frame: av.VideoFrame) -> NDArray[np.uint8]:
    return picture_of(frame).y[4::8, 4::8].copy()


def distances_ms(flashes_ns: Sequence[int], beeps_ns: Sequence[int]) -> list[float]:
    """How much later than its flash each beep came."""
    pairs = [min((beep - flash for flash in flashes_ns), key=abs) for beep in beeps_ns] if flashes_ns else []
    return [apart / NS_PER_MS for apart in pairs if abs(apart) < APART_MS * NS_PER_MS]


def beeps_of(parts: Sequence[tuple[int, NDArray[np.int16]]], late_ns: int) -> list[int]:
    """When beeps set in; ``parts`` of sound with their times. What the sender's own codec took is taken off."""
    if not parts:
        return []
    starts = np.cumsum([0, *(len(part) for _, part in parts)])
    times = []
    for sample in beginnings(np.concatenate([part for _, part in parts])):
        number = int(np.searchsorted(starts, sample, "right")) - 1
        times.append(parts[number][0] + (sample - int(starts[number])) * NS_PER_S // AUDIO_CLOCK_HZ - late_ns)
    return times


def seen_and_heard_ms(viewed: Viewed, late_ns: int, since_ns: int) -> list[float]:
    """The distances at the viewer, of what was heard from ``since_ns`` of the server's wall clock on."""
    decoder, opus, pictures = VideoDecoder("VP8"), OpusDecoder(), []
    for frame in viewed.frames:
        shown = decoder.decode(frame)
        if shown is not None:
            pictures.append((viewed.time_ns(frame.ssrc, frame.rtp_timestamp, VIDEO_CLOCK_HZ), small(shown)))
    parts = [
        (viewed.time_ns(packet.ssrc, packet.rtp_timestamp, AUDIO_CLOCK_HZ), opus.decode(packet.payload))
        for packet in viewed.sounds
    ]
    return distances_ms(lit_at(pictures), [beep for beep in beeps_of(parts, late_ns) if beep >= since_ns])


def recorded_ms(file: bytes, late_ns: int, share: float) -> list[float]:
    """The distances in the last ``share`` of a recording."""
    parts = []
    with av.open(BytesIO(file), "r") as container:
        frames = container.decode(container.streams.video[0])
        pictures = [(round((frame.time or 0.0) * NS_PER_S), small(frame)) for frame in frames]
    with av.open(BytesIO(file), "r") as container:
        for sound in container.decode(container.streams.audio[0]):
            pcm = sound.to_ndarray()
            channel = pcm[0] if sound.format.is_planar else pcm[0, :: sound.layout.nb_channels]
            scale = 32767 if channel.dtype.kind == "f" else 1
            parts.append((round((sound.time or 0.0) * NS_PER_S), (channel * scale).astype(np.int16)))
    if not pictures:
        raise BenchFailed("the recording is empty")
    since_ns = pictures[-1][0] * (1 - share)
    return distances_ms(lit_at(pictures), [beep for beep in beeps_of(parts, late_ns) if beep >= since_ns])


async def send(sender: LightPeer, second: Second, seconds: int) -> None:
    """Flashes and beeps, by the sender's own clock."""
    clock = sender.clock
    began_ns = clock.now_ns()
    for number in range(seconds * FPS):
        due_ns = began_ns + number * TICK_NS
        await asyncio.sleep(max(0, due_ns - clock.now_ns()) / NS_PER_S)
        sender.send_frame(replace(second.frames[number % FPS], time_ns=due_ns))
        if number:
            # A packet of sound is complete when its tick is over.
            sender.send_sound(second.sounds[(number - 1) % FPS], due_ns - TICK_NS)


async def run(url: str, length: Length) -> list[list[float]]:
    """The distances at the viewer and in the recording."""
    second, viewed = make_second(), Viewed()
    async with (
        participant(url, ROOM, "sender", clock=DriftingClock(length.ppm)) as (sender, _),
        participant(url, ROOM, "viewer") as (viewer, socket),
    ):
        viewer.on_frame, viewer.on_sound, viewer.on_report = (
            viewed.frames.append,
            viewed.sounds.append,
            viewed.reported,
        )
        recording = await socket.request("record", {"action": "start"})
        await send(sender, second, length.seconds)
        since_ns = time.time_ns() - length.seconds * NS_PER_S // 3
        await socket.request("record", {"action": "stop"})
        async with httpx.AsyncClient() as http:
            name, file = recording["id"], recording["file"]
            answer = await http.get(f"{url}/api/v1/rooms/{ROOM}/recordings/{name}/files/{file}", timeout=60.0)
            answer.raise_for_status()
    ntp_since_ns = since_ns + NTP_UNIX_OFFSET_S * NS_PER_S
    return [seen_and_heard_ms(viewed, second.late_ns, ntp_since_ns), recorded_ms(answer.content, second.late_ns, 1 / 3)]


def prepare(stack: ExitStack, effort: Effort) -> list[Case]:
    length = QUICK if effort.quick else FULL if effort.full else USUAL
    raised(stack)
    server = LiveServer(stack, {f"MCU_VIEW__{name}": value for name, value in VIEW.items()})
    measure = once(lambda: asyncio.run(run(server.url, length)))

    def apart(where: int, share: float) -> float:
        distances = measure()[where]
        if len(distances) < length.seconds // 3 - 3:
            raise BenchFailed(f"only {len(distances)} flashes met their beeps")
        return float(np.percentile(np.abs(distances), share))

    works = [partial(apart, where, share) for where in (0, 1) for share in (50, 95)]
    measured = [
        Case(name, "ms", work, {LIMIT: lambda: LIMIT_MS}, warm=False, once=True)
        for name, work in zip(CASES, works, strict=False)
    ]
    return [*measured, Case(CASES[-1], "ms", lambda: length.seconds * length.ppm / 1_000, warm=False, once=True)]


BENCH: Final = Bench(
    name="sync",
    work="flashes and beeps sent together by a clock that is off, and how far apart they are shown and recorded",
    cases=CASES,
    baselines=(LIMIT,),
    prepare=prepare,
)
