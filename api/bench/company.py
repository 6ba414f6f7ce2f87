"""Those whom somebody meets in a browser: cameras and voices that were compressed beforehand, in a room or a mesh."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from api.bench.browser import Browser
from api.bench.clips import cutting, film_frames, to_and_fro, write_on
from api.bench.gathering import ended
from api.bench.harness import BenchFailed
from api.bench.light import LightPeer, joined
from api.bench.stage import Actor, act, make_voice
from api.bench.timecode import FPS, Loop
from mcu.clock import NS_PER_S, SystemClock
from mcu.media.encoding import VideoEncoder
from mcu.media.pictures import picture_of
from mcu.rtc import RtcTicker
from mixer.canvas import Canvas
from mixer.geometry import Size
from mixer.picture import Picture

CAMERA: Final = Size(640, 360)
BITRATE_BPS: Final = 600_000
LOOPS: Final = 3
LOOP_S: Final = 3
PICTURES: Final = LOOP_S * FPS
SPEAKING: Final = 2
OWN_PLACE: Final = 4
"""Which part of the film the browser's own camera shows; the others show others."""


@dataclass(frozen=True, slots=True)
class Material:
    """The others' cameras and voices, and the browser's own camera as a file."""

    loops: Sequence[Loop]
    voices: Sequence[Sequence[bytes]]
    camera: Path


def make_material(folder: Path) -> Material:
    """Some two seconds of work. Raises ``BenchFailed`` when the film can't be read."""
    film = [picture_of(frame) for frame in film_frames(PICTURES)]
    camera = folder / "camera.y4m"
    write_y4m(camera, film)
    loops = [_compressed(number, film) for number in range(LOOPS)]
    return Material(loops, [make_voice(number, LOOP_S) for number in range(SPEAKING)], camera)


def _compressed(camera: int, film: Sequence[Picture]) -> Loop:
    encoder, canvas, frames = VideoEncoder("VP8", CAMERA.width, CAMERA.height, FPS, BITRATE_BPS), Canvas(CAMERA), []
    for number in range(PICTURES):
        write_on(canvas, cutting(film[to_and_fro(number, len(film))], 2 * camera + 1, CAMERA))
        frame = encoder.encode(canvas, number * NS_PER_S // FPS, keyframe=number == 0)
        if frame is None:
            raise BenchFailed("the encoder skipped a picture")
        frames.append(frame)
    return Loop(camera, frames)


def write_y4m(path: Path, film: Sequence[Picture]) -> None:
    """Forwards and backwards, so that it has no cut where it begins again."""
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{CAMERA.width} H{CAMERA.height} F{FPS}:1 Ip A1:1 C420jpeg\n".encode())
        for number in range(2 * len(film) - 2):
            shown = cutting(film[to_and_fro(number, len(film))], OWN_PLACE, CAMERA)
            file.write(b"FRAME\n" + b"".join(plane.tobytes() for plane in shown.planes))


class Company:
    """Everybody but the browser. They come to a room of the server's with ``join``, to the browser itself with
    ``call``; they leave with the stack.
    """

    def __init__(self, material: Material, stack: AsyncExitStack) -> None:
        self._material = material
        self._stack = stack
        self._ticker = RtcTicker(SystemClock())
        self._actors: list[Actor] = []

    async def start(self) -> None:
        self._ticker.start()
        self._stack.push_async_callback(self._ticker.close)
        self._stack.push_async_callback(ended, asyncio.create_task(act(self._actors)))

    def __len__(self) -> int:
        return len(self._actors)

    async def join(self, url: str, room: str) -> None:
        """One more comes into the room."""
        peer = LightPeer(SystemClock())
        await self._stack.enter_async_context(joined(url, room, f"Other {len(self)}", peer, self._ticker))
        self._act(peer)

    async def call(self, browser: Browser) -> None:
        """One more calls the browser. Raises ``BenchFailed`` when that doesn't work out."""
        peer = LightPeer(SystemClock())
        self._stack.push_async_callback(peer.close)
        answer = await browser.page.evaluate("sdp => answer(sdp)", await peer.offer())
        await peer.accept(answer, None)
        self._ticker.add(peer)
        self._stack.callback(self._ticker.remove, peer)
        self._act(peer)

    def _act(self, peer: LightPeer) -> None:
        number, made = len(self), self._material
        voice = made.voices[number] if number < len(made.voices) else ()
        self._actors.append(Actor(peer, made.loops[number % len(made.loops)], voice, at=7 * number % PICTURES))
