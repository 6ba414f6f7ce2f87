"""A participant's peer connections: what goes out on them, what comes in, and how they are made anew."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiortc import RTCIceServer
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from client.forwarded import ForwardedMedia
from client.pace import Timeline
from client.peer import Peer
from client.sources import AudioSource, EncodedSource, VideoSource
from mcu.protocol.models import Connection, Uplink


@dataclass(slots=True)
class Sending:
    """What this participant has to send, and which of it is switched on."""

    audio: AudioSource | None
    video: VideoSource | EncodedSource | None
    audio_on: bool
    video_on: bool
    screen: VideoSource | EncodedSource | None = None

    def media_state(self) -> dict[str, bool]:
        return {"audio": self.audio_on, "video": self.video_on, "screen": self.screen is not None}


class Connections:
    """``request(kind, data)`` asks the server; ``on_failed()`` is called when one more is in ``failed``."""

    def __init__(
        self,
        sending: Sending,
        timeline: Timeline,
        request: Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]],
        on_failed: Callable[[], None],
        on_picture: Callable[[VideoFrame], None] | None,
        on_sound: Callable[[AudioFrame], None] | None,
    ) -> None:
        self.ice_servers: list[RTCIceServer] = []
        self.forwarded = ForwardedMedia()
        self.failed: set[Connection] = set()
        """To be negotiated anew."""
        self.offers = 0
        self._sending = sending
        self._timeline = timeline
        self._request = request
        self._on_failed = on_failed
        self._on_picture = on_picture
        self._on_sound = on_sound
        self.asked: Uplink | None = None
        """What the server wants to be sent; a new connection begins with it."""
        self._peers: dict[Connection, Peer] = {}
        self._negotiating = asyncio.Lock()

    def get(self, connection: Connection) -> Peer | None:
        return self._peers.get(connection)

    @property
    def wanted(self) -> bool:
        """Somebody who neither sends nor receives media, a bot that chats, needs no peer connection."""
        return bool(self._sending.audio or self._sending.video or self._on_picture or self._on_sound)

    def fail(self, connection: Connection) -> None:
        self.failed.add(connection)
        self._on_failed()

    def heed(self, asked: Uplink | None) -> None:
        """Sends what the server asked for last."""
        self.asked = asked
        if asked is None:
            return
        for connection, peer in self._peers.items():
            peer.heed(asked.video if connection == "main" else asked.screen)

    async def negotiate(self, connection: Connection) -> None:
        """A new peer connection; the old one is closed once the new one is agreed upon.

        Raises RequestRefused or ConnectionLost.
        """
        async with self._negotiating:
            peer = self._made(connection)
            try:
                sdp = await peer.offer()
                answer = await self._request("offer", {"sdp": sdp, "connection": connection})
                await peer.accept(str(answer.get("sdp", "")))
            except BaseException:
                await peer.close()
                raise
            self.offers += 1
            old = self._peers.get(connection)
            self._peers[connection] = peer
            self.failed.discard(connection)
            if old is not None:
                await old.close()

    async def hang_up(self, connection: Connection) -> None:
        async with self._negotiating:
            peer = self._peers.pop(connection, None)
            if peer is not None:
                await peer.close()

    async def close(self) -> None:
        """Idempotent."""
        for peer in tuple(self._peers.values()):
            await peer.close()

    def _made(self, connection: Connection) -> Peer:
        def failed() -> None:
            self.fail(connection)

        if connection == "screen":
            return Peer(self.ice_servers, self._timeline, video=self._sending.screen, on_failed=failed)
        peer = Peer(
            self.ice_servers,
            self._timeline,
            audio=self._sending.audio,
            video=self._sending.video,
            on_picture=self._on_picture,
            on_sound=self._on_sound,
            on_failed=failed,
            sections=self.forwarded.sections,
            on_stream=self.forwarded.arrived,
        )
        peer.send("audio", self._sending.audio_on)
        peer.send("video", self._sending.video_on)
        if self.asked is not None:
            peer.heed(self.asked.video)
        return peer
