"""A server small enough to misbehave on command: it answers each offer with stock aiortc and sends a test card back."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
from aiortc import (
    MediaStreamError,
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from client.cards import TestCard
from client.frames import mono
from client.pace import Timeline
from client.sources import Tone
from client.tracks import PictureTrack, SoundTrack

COMPOSITE_HUE, COMPOSITE_SENDER, COMPOSITE_HZ = 270.0, 9, 880.0
NOW = datetime(2026, 1, 1, tzinfo=UTC).isoformat()
VIEW = {"name": "main", "width": 640, "height": 360, "fps": 15, "video_kbps": 500, "audio_kbps": 32}
TILES = {"view": "main", "layout_seq": 1, "canvas": {"width": 640, "height": 360}, "tiles": []}
RECORDING = {
    "id": "rec1", "room": "demo", "view": "main", "state": "active", "file": "demo.mp4",
    "started_at": NOW, "duration_s": 0.0, "size_bytes": 0,
}  # fmt: skip


def participant(number: int, name: str) -> dict[str, Any]:
    return {"id": f"p{number}", "name": name, "presence": "connected", "joined_at": NOW}


@dataclass
class FakeServer:
    """What it saw, and what it shall do wrong. By connection: the newest picture received, and the last
    200 ms of sound."""

    url: str = ""
    refuse: dict[str, dict[str, str]] = field(default_factory=dict)
    """An error body for each type of request that is refused."""
    knows_tokens: bool = True
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    pictures: dict[str, VideoFrame] = field(default_factory=dict)
    sounds: dict[str, npt.NDArray[np.int16]] = field(default_factory=dict)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _sockets: set[ServerConnection] = field(default_factory=set)
    _peers: list[RTCPeerConnection] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _joins: int = 0

    def seen(self, kind: str) -> list[dict[str, Any]]:
        """The data of every request of one type."""
        return [data for type_, data in self.requests if type_ == kind]

    async def say(self, kind: str, **data: Any) -> None:
        """An event for everybody."""
        for socket in tuple(self._sockets):
            await socket.send(json.dumps({"type": kind, "data": data}))

    async def drop(self) -> None:
        """Cuts every socket without a goodbye."""
        for socket in tuple(self._sockets):
            socket.transport.abort()

    async def close(self) -> None:
        for peer in self._peers:
            await peer.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def handle(self, socket: ServerConnection) -> None:
        self._sockets.add(socket)
        try:
            async for text in socket:
                request = json.loads(text)
                reply: dict[str, Any] = {"reply_to": request["id"], "ok": True}
                if request["type"] in self.refuse:
                    reply |= {"ok": False, "error": self.refuse[request["type"]]}
                else:
                    reply["data"] = await self._answer(request["type"], request["data"])
                    if reply["data"] is None:
                        reply |= {"ok": False, "error": {"code": "forbidden", "message": "unknown token"}}
                await self._note(request["type"], request["data"])
                await socket.send(json.dumps(reply))
        except ConnectionClosed:
            pass
        finally:
            self._sockets.discard(socket)

    async def _answer(self, kind: str, data: dict[str, Any]) -> dict[str, Any] | None:
        match kind:
            case "join":
                if data.get("resume") and not self.knows_tokens:
                    return None
                self._joins += 0 if data.get("resume") else 1
                me = participant(self._joins, data["name"])
                room = {"name": data["room"], "capacity": 10, "participants": 1, "views": [VIEW],
                        "recording": False, "created_at": NOW, "metadata": {}}  # fmt: skip
                return {"participant": me, "room": room, "participants": [me], "ice_servers": [],
                        "resume_token": f"token{self._joins}", "tiles": TILES}  # fmt: skip
            case "offer":
                return {"sdp": await self._connect(data["sdp"], data["connection"])}
            case "view" if "tier" in data:
                quality = {"participant": f"p{self._joins}", "choice": data["tier"], "tier": data["tier"]}
                return {"quality": {**quality, "reason": "asked"}}
            case "layout":
                return {"layout": data["layout"], "etag": "v2"}
            case "record":
                return RECORDING | {"state": {"pause": "paused", "stop": "finished"}.get(data["action"], "active")}
            case _:
                return {}

    async def _connect(self, sdp: str, connection: str) -> str:
        pc = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self._peers.append(pc)

        def read(track: MediaStreamTrack) -> None:
            task = asyncio.create_task(self._read(track, connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        pc.on("track", read)
        await pc.setRemoteDescription(RTCSessionDescription(sdp=sdp, type="offer"))
        timeline = Timeline()
        for transceiver in pc.getTransceivers():
            if connection == "main":
                card = TestCard(COMPOSITE_HUE, COMPOSITE_SENDER, "composite", fps=15)
                video = transceiver.kind == "video"
                transceiver.sender.replaceTrack(
                    PictureTrack(card, timeline) if video else SoundTrack(Tone(COMPOSITE_HZ), timeline)
                )
                transceiver.direction = "sendrecv"
        await pc.setLocalDescription(await pc.createAnswer())
        return str(pc.localDescription.sdp)

    async def _read(self, track: MediaStreamTrack, connection: str) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                async with self.changed:
                    if isinstance(frame, VideoFrame):
                        self.pictures[connection] = frame
                    elif isinstance(frame, AudioFrame):
                        heard = self.sounds.get(connection, np.zeros(0, np.int16))
                        self.sounds[connection] = np.concatenate([heard, mono(frame)])[-9600:]
                    self.changed.notify_all()

    async def _note(self, kind: str, data: dict[str, Any]) -> None:
        async with self.changed:
            self.requests.append((kind, data))
            self.changed.notify_all()


@contextlib.asynccontextmanager
async def fake_server(port: int = 0) -> AsyncIterator[FakeServer]:
    fake = FakeServer()
    try:
        async with serve(fake.handle, "127.0.0.1", port, close_timeout=1) as server:
            fake.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            yield fake
    finally:
        await fake.close()
