"""A running engine with real connections over loopback: a small canvas, so that ten people fit two cores."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import av
import numpy as np
from aiortc import AudioStreamTrack, RTCSessionDescription, VideoStreamTrack

from mcu.clock import NS_PER_MS
from mcu.config import EngineConfig
from mcu.engine.inline import InlineEngine
from mcu.protocol.commands import Answer, Command, Join, Joined, Offer, Reply
from mcu.protocol.events import Event
from mcu.protocol.models import RoomSpec, ViewSpec
from mcu.room.events import Subscription
from mcu.room.room import Room
from tests.kit import rtc

R = TypeVar("R", bound=Reply)

PATIENCE_S = 20.0
VIEW = ViewSpec(width=320, height=180, fps=10, video_kbps=200)


@contextlib.asynccontextmanager
async def running_engine(
    recordings: Path,
    *,
    grace_ms: int = 30_000,
    lost_after_ms: int = 10_000,
    park_after_ms: int = 2_000,
    max_rooms: int = 4,
) -> AsyncIterator[InlineEngine]:
    engine = InlineEngine(
        EngineConfig(
            rtc=rtc.LOOPBACK,
            recordings_dir=recordings,
            max_rooms=max_rooms,
            grace_ns=grace_ms * NS_PER_MS,
            lost_after_ns=lost_after_ms * NS_PER_MS,
            park_after_ns=park_after_ms * NS_PER_MS,
        )
    )
    await engine.start()
    try:
        yield engine
    finally:
        await engine.close()


async def open_room(engine: InlineEngine, name: str = "room", capacity: int = 100) -> Room:
    return await engine.open(RoomSpec(name=name, capacity=capacity, view=VIEW))


async def ask(room: Room, command: Command, reply: type[R]) -> R:
    answer = await room.call(command)
    assert isinstance(answer, reply), answer
    return answer


class Hum(AudioStreamTrack):
    """A quiet tone: the silence of a stock track contributes nothing."""

    async def recv(self) -> av.AudioFrame:
        frame = await super().recv()
        assert isinstance(frame, av.AudioFrame)
        time_s = (np.arange(frame.samples) + (frame.pts or 0)) / frame.sample_rate
        wave = (1000 * np.sin(2 * np.pi * 300 * time_s)).astype(np.int16)
        hum = av.AudioFrame.from_ndarray(wave.reshape(1, -1), "s16", "mono")
        hum.pts, hum.sample_rate, hum.time_base = frame.pts, frame.sample_rate, frame.time_base
        return hum


class Halves(VideoStreamTrack):
    """A picture of any size, dark on the left and bright on the right."""

    def __init__(self, width: int, height: int) -> None:
        super().__init__()
        self._planes = np.full((height * 3 // 2, width), 128, np.uint8)
        self._planes[:height, : width // 2] = 60
        self._planes[:height, width // 2 :] = 210

    async def recv(self) -> av.VideoFrame:
        frame = av.VideoFrame.from_ndarray(self._planes, "yuv420p")
        frame.pts, frame.time_base = await self.next_timestamp()
        return frame


async def until(condition: Callable[[], object]) -> None:
    """Waits for something the room's threads or timers bring about."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - threads and sockets bring it about, there is no event to wait for
            await asyncio.sleep(0.02)


async def next_event(events: Subscription, kind: str) -> Event:
    async with asyncio.timeout(PATIENCE_S):
        async for event in events:
            if event.type == kind:
                return event
    raise AssertionError(f"the events ended without {kind}")


@dataclass(slots=True)
class Guest:
    """A stock aiortc client in a room."""

    joined: Joined
    client: rtc.Client

    @property
    def id(self) -> str:
        return self.joined.participant.id

    async def close(self) -> None:
        await self.client.close()


async def connect(room: Room, participant: str, *, audio: bool = True, video: bool = True) -> rtc.Client:
    """Offers for somebody who joined, and waits until their connection works."""
    client = rtc.new_client(audio=audio, video=video)
    answer = await ask(room, Offer(participant=participant, sdp=await rtc.make_offer(client)), Answer)
    await client.pc.setRemoteDescription(RTCSessionDescription(answer.sdp, "answer"))
    await until(lambda: any(p.id == participant and p.presence == "connected" for p in room.participants))
    return client


async def enter(room: Room, name: str, *, identity: str | None = None) -> Guest:
    joined = await ask(room, Join(name=name, identity=identity), Joined)
    return Guest(joined, await connect(room, joined.participant.id))
