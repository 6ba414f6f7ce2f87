"""One peer connection of a participant: what it sends and what it receives, from offer to close.

aiortc has no ICE restart, so a peer is used once: whoever wants to reconnect makes a new one from the same sources.
Its receivers queue without a bound; that is why every incoming track is read at once, wanted or not, and handed on to
callbacks that keep only what they like.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import structlog
from aiortc import (
    MediaStreamError,
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpCodecCapability,
    RTCRtpSender,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from client.errors import RequestRefused
from client.pace import Timeline
from client.sources import AudioSource, EncodedSource, VideoCodec, VideoSource
from client.tracks import EncodedTrack, PictureTrack, SoundTrack, picture_track
from mcu.protocol.models import UplinkVideo

log = structlog.get_logger()

CLOSE_TIMEOUT_S = 5.0
CONNECT_TIMEOUT_S = 20.0
"""aiortc waits for ever when no candidate pair works and the other side never says that it has no more."""
CODECS: tuple[VideoCodec, ...] = ("H264", "VP8")
"""In the order of preference."""


class Peer:
    """``offer()``, hand it to the server, ``accept()`` the answer; then media flows until ``close()``.

    The callbacks run on the event loop: ``on_picture`` and ``on_sound`` for what is received, ``on_failed`` once if
    ICE or DTLS gives up. ``sections``: so many of each kind are offered beside the first, for others' own streams;
    ``on_stream(mid, frame)`` takes what comes in any section.
    """

    def __init__(
        self,
        ice_servers: Sequence[RTCIceServer],
        timeline: Timeline,
        *,
        audio: AudioSource | None = None,
        video: VideoSource | EncodedSource | None = None,
        on_picture: Callable[[VideoFrame], None] | None = None,
        on_sound: Callable[[AudioFrame], None] | None = None,
        on_failed: Callable[[], None] | None = None,
        sections: int = 0,
        on_stream: Callable[[str, VideoFrame | AudioFrame], None] | None = None,
    ) -> None:
        # An empty list is not "none given": aiortc would then ask a public STUN server.
        self._pc = RTCPeerConnection(
            RTCConfiguration(iceServers=list(ice_servers), bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        )
        self._on_picture = on_picture
        self._on_sound = on_sound
        self._on_failed = on_failed
        self._on_stream = on_stream
        self._sound_track = SoundTrack(audio, timeline) if audio else None
        self._picture_track = picture_track(video, timeline) if video else None
        self._senders: dict[str, RTCRtpSender] = {}
        self._on = {"audio": True, "video": True}
        self._wanted = True
        self._tasks: set[asyncio.Task[None]] = set()
        self._gathering: asyncio.Task[None] | None = None
        self._closed = False
        self._heard_s: float | None = None
        self.connected = asyncio.Event()
        self._pc.on("track", self._read_track)
        self._pc.on("connectionstatechange", self._note_state)
        if audio is not None or on_sound is not None:
            self._add("audio", self._sound_track, on_sound is not None)
        if video is not None or on_picture is not None:
            transceiver = self._add("video", self._picture_track, on_picture is not None)
            transceiver.setCodecPreferences(_preferred_codecs())
        for _ in range(sections):
            if on_picture is not None:
                self._pc.addTransceiver("video", direction="recvonly").setCodecPreferences(_preferred_codecs())
            if on_sound is not None:
                self._pc.addTransceiver("audio", direction="recvonly")

    async def offer(self) -> str:
        """The offer's SDP, all candidates in it."""
        # Cut short, gathering would leave sockets open that nobody knows of; ``close`` waits for it instead.
        self._gathering = asyncio.create_task(self._pc.setLocalDescription(await self._pc.createOffer()))
        await asyncio.shield(self._gathering)
        return self._pc.localDescription.sdp

    async def accept(self, sdp: str) -> None:
        """Raises RequestRefused (bad_sdp) for an answer that makes no sense."""
        if isinstance(self._picture_track, EncodedTrack):
            self._picture_track.codec = answered_codec(sdp)
        try:
            await self._pc.setRemoteDescription(RTCSessionDescription(sdp=sdp, type="answer"))
        except ValueError as error:
            raise RequestRefused("bad_sdp", f"the server's answer can't be used: {error}") from error
        self._keep(self._watch())

    def send(self, kind: str, on: bool) -> None:
        """Starts or stops sending ``audio`` or ``video``; without packets, not with black and silence."""
        self._on[kind] = on
        self._switch(kind)

    def heed(self, asked: UplinkVideo | None) -> None:
        """Sends pictures as large and as often as the server asked for, or none while it asks for nothing. How many
        bits they take is between aiortc's encoders and the server's estimates (REMB).
        """
        self._wanted = asked is not None
        if isinstance(self._picture_track, PictureTrack):
            self._picture_track.asked = asked
        self._switch("video")

    def _switch(self, kind: str) -> None:
        sender = self._senders.get(kind)
        if sender is None or self._closed:
            return
        track = self._sound_track if kind == "audio" else self._picture_track
        track = track if self._on[kind] and (kind == "audio" or self._wanted) else None
        if sender.track is not track:
            sender.replaceTrack(track)

    @property
    def silent_s(self) -> float:
        """How long nothing has been received; 0 where nothing ever was."""
        return 0.0 if self._heard_s is None else asyncio.get_running_loop().time() - self._heard_s

    async def packets_sent(self) -> dict[str, int]:
        """RTP packets sent so far, by kind."""
        reports: dict[str, int] = {}
        for kind, sender in self._senders.items():
            for report in (await sender.getStats()).values():
                if report.type == "outbound-rtp":
                    reports[kind] = report.packetsSent
        return reports

    async def close(self) -> None:
        """Idempotent; bounded."""
        if self._closed:
            return
        self._closed = True
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                if self._gathering is not None:
                    await asyncio.wait({self._gathering})
                await self._pc.close()
        except TimeoutError:
            log.warning("peer_close_slow", waited_s=CLOSE_TIMEOUT_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        # A muted track is no sender's, so nobody else ends it.
        for track in (self._sound_track, self._picture_track):
            if track is not None:
                track.stop()

    def _add(self, kind: str, track: MediaStreamTrack | None, receive: bool) -> RTCRtpTransceiver:
        direction = "recvonly" if track is None else "sendrecv" if receive else "sendonly"
        transceiver = self._pc.addTransceiver(track or kind, direction=direction)
        if track is not None:
            self._senders[kind] = transceiver.sender
        return transceiver

    def _read_track(self, track: MediaStreamTrack) -> None:
        self._keep(self._read(track))

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _read(self, track: MediaStreamTrack) -> None:
        own = [one for one in self._pc.getTransceivers() if one.receiver.track is track]
        mid = (own[0].mid if own else None) or ""
        first = next((one.mid for one in self._pc.getTransceivers() if one.kind == track.kind), mid) == mid
        try:
            while True:
                frame = await track.recv()
                self._heard_s = asyncio.get_running_loop().time()
                if not isinstance(frame, VideoFrame | AudioFrame):
                    continue
                if self._on_stream is not None:
                    self._on_stream(mid, frame)
                if first:
                    self._take(frame)
        except MediaStreamError:
            return  # the track ended, as tracks do

    def _take(self, frame: VideoFrame | AudioFrame) -> None:
        if isinstance(frame, VideoFrame):
            if self._on_picture is not None:
                self._on_picture(frame)
        elif self._on_sound is not None:
            self._on_sound(frame)

    def _note_state(self) -> None:
        state = self._pc.connectionState
        if state == "connected":
            self.connected.set()
        elif state in ("failed", "closed"):
            self._fail()

    async def _watch(self) -> None:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await self.connected.wait()
        except TimeoutError:
            self._fail()

    def _fail(self) -> None:
        if not self._closed and self._on_failed is not None:
            on_failed, self._on_failed = self._on_failed, None
            on_failed()


def ice_servers_from(answers: Any) -> list[RTCIceServer]:
    """The ``ice_servers`` of a join reply: RTCIceServer dictionaries, unknown fields ignored, nonsense left out."""
    entries = answers[:8] if isinstance(answers, list) else []
    return [
        RTCIceServer(entry["urls"], entry.get("username"), entry.get("credential"))
        for entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("urls"), str | list)
    ]


def answered_codec(sdp: str) -> VideoCodec:
    """Which of our codecs an answer settled on: the one we like best of those in it, as aiortc chooses too."""
    names = {
        line.split(" ", 1)[1].split("/", 1)[0].upper() for line in sdp.splitlines() if line.startswith("a=rtpmap:")
    }
    return next((codec for codec in CODECS if codec in names), "H264")


def _preferred_codecs() -> list[RTCRtpCodecCapability]:
    """H.264, then VP8, then their retransmissions."""
    known = RTCRtpSender.getCapabilities("video").codecs
    order = [f"video/{codec}" for codec in CODECS]
    chosen = [codec for mime in order for codec in known if codec.mimeType == mime]
    return chosen + [codec for codec in known if codec.mimeType == "video/rtx"]
