"""A client with Chrome's own engine (the package ``wrtc``) that speaks plain WHIP and WHEP and nothing of ours.

A publisher shows one colour and says one tone; a viewer keeps the newest picture and the last second of sound.
"""

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import urljoin

import cv2
import httpx
import numpy as np
import webrtc

from tests.kit.testcard import Rgb, draw
from tests.kit.tones import SAMPLE_RATE_HZ, Samples

WIDTH, HEIGHT, FPS = 320, 180, 15
LEVEL = 0.2
PATIENCE_S = 20.0
SDP = {"Content-Type": "application/sdp"}
_LINK = re.compile(r'<([^>]+)>; rel="ice-server"(?:; username="([^"]*)"; credential="([^"]*)")?')


class Exchange:
    """A WHIP or WHEP session as its client has it: offer posted, answer set, ``delete`` at the end."""

    def __init__(self, http: httpx.AsyncClient, pc: webrtc.RTCPeerConnection) -> None:
        self.http = http
        self.pc = pc
        self.location = ""
        self.etag = ""

    async def begin(self, address: str) -> None:
        await self.pc.set_local_description(await self.pc.create_offer())
        async with asyncio.timeout(PATIENCE_S):
            while self.pc.ice_gathering_state != "complete":  # noqa: ASYNC110 - its own thread does it
                await asyncio.sleep(0.02)
        offer = self.pc.local_description
        assert offer is not None
        answer = await self.http.post(address, content=offer.sdp, headers=SDP)
        assert answer.status_code == 201, answer.text
        self.location = urljoin(address, answer.headers["location"])
        self.etag = answer.headers["etag"]
        await self.pc.set_remote_description(webrtc.RTCSessionDescriptionInit("answer", answer.text))

    async def until_connected(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while self.pc.connection_state != "connected":
                assert self.pc.connection_state != "failed"
                await asyncio.sleep(0.02)

    async def srtp_ciphers(self) -> list[str | None]:
        """What media is encrypted with, for each transport."""
        report = await self.pc.get_stats()
        return [entry.srtp_cipher for entry in report.values() if isinstance(entry, webrtc.RTCTransportStats)]

    async def delete(self) -> None:
        assert (await self.http.delete(self.location)).status_code == 200


async def ice_servers(http: httpx.AsyncClient, address: str) -> list[webrtc.RTCIceServer]:
    """Those that the door tells of in its ``Link`` headers."""
    links = (await http.options(address)).headers.get_list("link")
    found = [_LINK.match(link) for link in links]
    return [
        webrtc.RTCIceServer(urls=[one[1]], username=one[2] or None, credential=one[3] or None) for one in found if one
    ]


@asynccontextmanager
async def publishing(
    address: str, hue: float, tone_hz: float, *, relay: bool = False, picture: bytes | None = None
) -> AsyncIterator[Exchange]:
    """Somebody who sends by WHIP until the block ends. ``relay``: through the TURN servers of the door alone.
    ``picture`` is I420 of 320 × 180, in place of a card of the hue.
    """
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=PATIENCE_S))
        pc = await _connection(http, address, relay)
        stack.push_async_callback(_closed, pc)
        camera, microphone = (
            webrtc.VideoTrackGenerator(),
            webrtc.MediaStreamTrackGenerator(webrtc.MediaStreamTrackGeneratorInit(kind="audio")),
        )
        stream = webrtc.MediaStream()
        for track in (microphone, camera.track):
            pc.add_transceiver(track, webrtc.RTCRtpTransceiverInit(direction="sendonly", streams=[stream]))
        card = picture or cv2.cvtColor(draw(hue, 21, WIDTH, HEIGHT), cv2.COLOR_RGB2YUV_I420).tobytes()
        media = asyncio.create_task(_send(camera, microphone, card, tone_hz))
        stack.push_async_callback(_ended, media)
        exchange = Exchange(http, pc)
        await exchange.begin(address)
        yield exchange


async def _send(camera: Any, microphone: Any, card: bytes, tone_hz: float) -> None:
    pictures, sounds = camera.writable.get_writer(), microphone.writable.get_writer()
    clock, tick = asyncio.get_running_loop(), 0
    start_s = clock.time()
    while True:
        at_us = tick * 10_000
        phase = (np.arange(480) + tick * 480) / SAMPLE_RATE_HZ
        samples = np.round(32767 * LEVEL * np.sin(2 * np.pi * tone_hz * phase)).astype(np.int16)
        await sounds.write(
            webrtc.AudioData(
                webrtc.AudioDataInit(
                    format="s16", sample_rate=SAMPLE_RATE_HZ, number_of_frames=480, number_of_channels=1,
                    timestamp=at_us, data=samples.tobytes(),
                )
            )
        )  # fmt: skip
        if tick % (100 // FPS) == 0:
            init = webrtc.VideoFrameBufferInit(format="I420", coded_width=WIDTH, coded_height=HEIGHT, timestamp=at_us)
            await pictures.write(webrtc.VideoFrame(card, init))
        tick += 1
        await asyncio.sleep(max(0.0, start_s + tick / 100 - clock.time()))


class Viewer:
    """What a WHEP client has seen and heard."""

    def __init__(self) -> None:
        self.picture: Rgb | None = None
        self.pictures = 0
        self._sound: deque[Samples] = deque(maxlen=100)

    @property
    def sound(self) -> Samples:
        return np.concatenate(self._sound) if self._sound else np.zeros(0, np.int16)

    async def watch(self, track: Any) -> None:
        reader = webrtc.MediaStreamTrackProcessor(webrtc.MediaStreamTrackProcessorInit(track=track)).readable
        async for frame in reader:
            assert isinstance(frame, webrtc.VideoFrame)
            planes = bytearray(frame.allocation_size())
            await frame.copy_to(planes)
            shape = (frame.coded_height * 3 // 2, frame.coded_width)
            i420 = np.frombuffer(planes, np.uint8).reshape(shape)
            self.picture = np.asarray(cv2.cvtColor(i420, cv2.COLOR_YUV2RGB_I420), np.uint8)
            self.pictures += 1
            frame.close()

    async def listen(self, track: Any) -> None:
        reader = webrtc.MediaStreamTrackProcessor(webrtc.MediaStreamTrackProcessorInit(track=track)).readable
        async for data in reader:
            assert isinstance(data, webrtc.AudioData)
            options = webrtc.AudioDataCopyToOptions(plane_index=0, format="f32-planar")
            samples = bytearray(data.allocation_size(options))
            data.copy_to(samples, options)
            self._sound.append(np.round(np.frombuffer(samples, np.float32) * 32767).astype(np.int16))
            data.close()


@asynccontextmanager
async def watching(address: str, *, relay: bool = False) -> AsyncIterator[tuple[Exchange, Viewer]]:
    """Somebody who receives by WHEP until the block ends."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=PATIENCE_S))
        pc = await _connection(http, address, relay)
        stack.push_async_callback(_closed, pc)
        viewer = Viewer()
        for kind, take in ((webrtc.MediaType.audio, viewer.listen), (webrtc.MediaType.video, viewer.watch)):
            transceiver = pc.add_transceiver(kind, webrtc.RTCRtpTransceiverInit(direction="recvonly"))
            stack.push_async_callback(_ended, asyncio.create_task(take(transceiver.receiver.track)))
        exchange = Exchange(http, pc)
        await exchange.begin(address)
        yield exchange, viewer


async def _connection(http: httpx.AsyncClient, address: str, relay: bool) -> webrtc.RTCPeerConnection:
    if not relay:
        return webrtc.RTCPeerConnection()
    servers = await ice_servers(http, address)
    return webrtc.RTCPeerConnection(webrtc.RTCConfiguration(ice_servers=servers, ice_transport_policy="relay"))


async def _closed(pc: webrtc.RTCPeerConnection) -> None:
    pc.close()


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
