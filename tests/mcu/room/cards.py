"""Participants whose pictures tell who they are and which picture it is, and a look at what somebody receives."""

import asyncio
from dataclasses import dataclass, field

import av
import numpy as np
from aiortc import MediaStreamTrack, RTCRtpSender, RTCSessionDescription, VideoStreamTrack
from aiortc.mediastreams import MediaStreamError

from mcu.protocol.commands import Answer, Join, Joined, Offer
from mcu.room.room import Room
from tests.kit import rtc
from tests.kit.testcard import code_of, draw, hue_of
from tests.mcu.room.meeting import Hum, ask, until

SIZE = (320, 180)


class CardCamera(VideoStreamTrack):
    """The test card of one hue, its pictures numbered."""

    def __init__(self, hue: float, size: tuple[int, int] = SIZE) -> None:
        super().__init__()
        self._hue = hue
        self._size = size
        self.sent = 0

    async def recv(self) -> av.VideoFrame:
        pts, time_base = await self.next_timestamp()
        frame = av.VideoFrame.from_ndarray(draw(self._hue, self.sent, *self._size), "rgb24")
        frame.pts, frame.time_base = pts, time_base
        self.sent += 1
        return frame


@dataclass(frozen=True, slots=True)
class Seen:
    """One picture, as it was shown: all of it, and its right half."""

    time_s: float
    hue: float | None
    right: float | None
    code: int
    width: int


@dataclass(slots=True)
class Watched:
    """What came on one track, the newest first forgotten last."""

    pictures: list[Seen] = field(default_factory=list)
    sounds: int = 0
    loudest: int = 0

    async def read(self, track: MediaStreamTrack) -> None:
        try:
            while True:
                frame = await track.recv()
                if isinstance(frame, av.VideoFrame) and frame.pts is not None and frame.time_base is not None:
                    rgb = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
                    hues = hue_of(rgb), hue_of(rgb[:, frame.width // 2 :])
                    seen = Seen(float(frame.pts * frame.time_base), *hues, code_of(rgb), frame.width)
                    self.pictures = [*self.pictures[-999:], seen]
                elif isinstance(frame, av.AudioFrame):
                    self.sounds += 1
                    self.loudest = max(self.loudest, int(np.abs(frame.to_ndarray().astype(int)).max()))
        except MediaStreamError:
            return

    @property
    def hue(self) -> float | None:
        return self.pictures[-1].hue if self.pictures else None


@dataclass(slots=True)
class Person:
    """A stock aiortc client in a room; what it receives by the mid of the section."""

    id: str
    client: rtc.Client
    camera: CardCamera
    seen: dict[str, Watched] = field(default_factory=dict)
    answer: str = ""
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def main(self) -> Watched:
        """What comes in the first section of pictures."""
        return next(watched for mid, watched in self.seen.items() if self.kind_of(mid) == "video")

    def kind_of(self, mid: str) -> str:
        return next(one.kind for one in self.client.pc.getTransceivers() if one.mid == mid)

    def watch(self) -> None:
        for transceiver in self.client.pc.getTransceivers():
            if transceiver.mid is not None and transceiver.receiver.track is not None:
                watched = self.seen[transceiver.mid] = Watched()
                self._tasks.append(asyncio.create_task(watched.read(transceiver.receiver.track)))

    async def close(self) -> None:
        await self.client.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def come(
    room: Room,
    name: str,
    hue: float,
    *,
    size: tuple[int, int] = SIZE,
    streams: int = 0,
    join: Join | None = None,
    codec: str | None = None,
) -> Person:
    """Joins with a card of that hue and a tone, ready for ``streams`` others beside the first sections. ``codec``: the
    only one that they know.
    """
    joined = await ask(room, join or Join(name=name), Joined)
    pc, camera = rtc.new_connection(), CardCamera(hue, size)
    pc.addTrack(Hum())
    pc.addTrack(camera)
    for kind in ("video", "audio"):
        for _ in range(streams):
            pc.addTransceiver(kind, direction="recvonly")
    for transceiver in pc.getTransceivers():
        if codec is not None and transceiver.kind == "video":
            known = RTCRtpSender.getCapabilities("video").codecs
            transceiver.setCodecPreferences([one for one in known if one.mimeType == f"video/{codec}"])
    person = Person(joined.participant.id, rtc.client_of(pc), camera)
    try:
        answer = await ask(room, Offer(participant=person.id, sdp=await rtc.make_offer(person.client)), Answer)
    except BaseException:
        await pc.close()
        raise
    person.answer = answer.sdp
    await person.client.pc.setRemoteDescription(RTCSessionDescription(answer.sdp, "answer"))
    person.watch()
    await until(lambda: any(p.id == person.id and p.presence == "connected" for p in room.participants))
    return person
