"""A stock aiortc client for a peer under test, in one process, on loopback sockets.

::

    async with rtc.running_peer() as (peer, listener):
        client = await rtc.connect(peer, listener)
        ...
        await client.close()
"""

import asyncio
import contextlib
import gc
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import aioice
import av
from aiortc import (
    AudioStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
    VideoStreamTrack,
)
from aiortc.mediastreams import MediaStreamTrack

from mcu.clock import Clock, SystemClock
from mcu.frames import AudioPacket, ReceivedFrame, SenderReport
from mcu.network import RtcSettings
from mcu.rtc.listener import OutgoingIdentity, PeerState, Reception
from mcu.rtc.peer import Peer
from mcu.rtc.ticker import RtcTicker

LOOPBACK = RtcSettings(host_addresses=("127.0.0.1",), allow_loopback_addresses=True)
IDENTITY = OutgoingIdentity(video_ssrc=1001, video_rtx_ssrc=1002, audio_ssrc=1003, cname="room")
PATIENCE_S = 20.0
"""The longest a test waits for anything: far more than is ever needed, so only a real failure meets it."""


class Listener:
    """Keeps what a peer tells; ``until`` waits for a condition on it."""

    def __init__(self) -> None:
        self.video: deque[ReceivedFrame] = deque(maxlen=100)
        self.audio: deque[AudioPacket] = deque(maxlen=100)
        self.reports: deque[SenderReport] = deque(maxlen=100)
        self.receptions: deque[Reception] = deque(maxlen=100)
        self.states: list[tuple[PeerState, str]] = []
        self.keyframe_requests = 0
        self._changed = asyncio.Event()

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def until_state(self, state: PeerState) -> str:
        """Waits for a state; the reason given for it."""
        await self.until(lambda: state in dict(self.states))
        return dict(self.states)[state]

    def on_video(self, frame: ReceivedFrame) -> None:
        self.video.append(frame)
        self._changed.set()

    def on_audio(self, packet: AudioPacket) -> None:
        self.audio.append(packet)
        self._changed.set()

    def on_sender_report(self, report: SenderReport) -> None:
        self.reports.append(report)
        self._changed.set()

    def on_keyframe_request(self) -> None:
        self.keyframe_requests += 1
        self._changed.set()

    def on_reception(self, reception: Reception) -> None:
        self.receptions.append(reception)
        self._changed.set()

    def on_state(self, state: PeerState, reason: str) -> None:
        self.states.append((state, reason))
        self._changed.set()


class SmallVideo(VideoStreamTrack):
    """A grey picture of 160 × 120, cheap to encode."""

    async def recv(self) -> av.VideoFrame:
        pts, time_base = await self.next_timestamp()
        frame = av.VideoFrame(160, 120, "yuv420p")
        for plane in frame.planes:
            plane.update(bytes([128]) * plane.buffer_size)
        frame.pts, frame.time_base = pts, Fraction(time_base)
        return frame


@dataclass(slots=True)
class Client:
    """``tracks`` are what the client receives, by kind."""

    pc: RTCPeerConnection
    answer: str = ""
    tracks: dict[str, MediaStreamTrack] = field(default_factory=dict)
    connected: asyncio.Event = field(default_factory=asyncio.Event)

    def on_track(self, track: MediaStreamTrack) -> None:
        self.tracks[track.kind] = track

    def on_state(self) -> None:
        if self.pc.connectionState == "connected":
            self.connected.set()

    async def close(self) -> None:
        await self.pc.close()

    def vanish(self) -> None:
        """Its sockets close without a word, as when the machine loses power."""
        for protocol in self.ice._protocols:
            protocol.transport.abort()

    @property
    def ice(self):  # type: ignore[no-untyped-def]  # aioice.Connection, whose private parts a test may touch
        return self.dtls.transport._connection

    @property
    def dtls(self):  # type: ignore[no-untyped-def]  # aiortc's transport: tests send forged media through its keys
        transceivers, channels = self.pc.getTransceivers(), self.pc.sctp
        return channels.transport if channels is not None else transceivers[0].receiver.transport


def new_client(*, audio: bool = True, video: bool = True, address: str = "127.0.0.1") -> Client:
    """A client that hasn't offered yet, with silence and a grey picture. Without either it has a data channel,
    ``first``.
    """
    pc = new_connection()
    if audio:
        pc.addTrack(AudioStreamTrack())
    if video:
        pc.addTrack(SmallVideo())
    if not audio and not video:
        pc.createDataChannel("first")
    return client_of(pc, address)


def new_connection() -> RTCPeerConnection:
    return RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))


def client_of(pc: RTCPeerConnection, address: str = "127.0.0.1") -> Client:
    """A client that has its tracks already; it gathers on loopback, which aioice leaves out by itself."""
    client = Client(pc)
    pc.on("track", client.on_track)
    pc.on("connectionstatechange", client.on_state)
    gather = client.ice.get_component_candidates

    async def on_loopback(component: int, addresses: list[str]) -> list[aioice.Candidate]:
        return list(await gather(component, [address]))

    client.ice.get_component_candidates = on_loopback
    return client


async def make_offer(client: Client) -> str:
    await client.pc.setLocalDescription(await client.pc.createOffer())
    return client.pc.localDescription.sdp


async def connect(peer: Peer, listener: Listener, *, audio: bool = True, video: bool = True) -> Client:
    """A stock client and ``peer``, both of which say that they are connected; the caller closes the client."""
    client = new_client(audio=audio, video=video)
    client.answer = await peer.answer(await make_offer(client))
    await client.pc.setRemoteDescription(RTCSessionDescription(client.answer, "answer"))
    await listener.until_state("connected")
    async with asyncio.timeout(PATIENCE_S):
        await client.connected.wait()
    return client


@contextlib.asynccontextmanager
async def running_ticker(clock: Clock | None = None) -> AsyncIterator[RtcTicker]:
    ticker = RtcTicker(clock or SystemClock())
    ticker.start()
    try:
        yield ticker
    finally:
        await ticker.close()


@contextlib.asynccontextmanager
async def running_peer(
    settings: RtcSettings = LOOPBACK, identity: OutgoingIdentity = IDENTITY, clock: Clock | None = None
) -> AsyncIterator[tuple[Peer, Listener]]:
    """A peer that waits for an offer, with a ticker of its own; closed at the end."""
    clock = clock or SystemClock()
    async with running_ticker(clock) as ticker:
        listener = Listener()
        peer = Peer(settings, identity, listener, clock, "test", ticker=ticker)
        try:
            yield peer, listener
        finally:
            await peer.close()


def media_address(answer: str) -> tuple[str, int]:
    """Where the peer listens, as its answer says."""
    candidate = next(line for line in answer.split("\r\n") if line.startswith("a=candidate:"))
    parts = candidate.split()
    return parts[4], int(parts[5])


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a process holds; compared before and after, nothing may have been left."""

    descriptors: int
    threads: int
    tasks: int

    @classmethod
    def take(cls) -> "Footprint":
        gc.collect()
        descriptors = len(list(Path("/proc/self/fd").iterdir()))
        # The loop's own pool, in which a stock client encodes, grows when it likes.
        threads = [thread for thread in threading.enumerate() if not thread.name.startswith("asyncio_")]
        return cls(descriptors, len(threads), len(asyncio.all_tasks()))
