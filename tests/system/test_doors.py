"""WHIP and WHEP with clients that this project did not write: FFmpeg's muxer, GStreamer, Chrome's engine, Chromium.

Publishers and viewers are judged by what comes out at the other end: the hue of the picture and the tone in the sound.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from api.bench.media import PROFILE
from tests.kit import coturn, ffmpeg_whip, libwebrtc
from tests.kit.browser import launch_chromium
from tests.kit.libwebrtc import Viewer
from tests.kit.programs import require_webrtcbin
from tests.kit.server import Server, free_port, running_server
from tests.kit.testcard import Rgb, hue_distance, hue_of, write_camera, write_microphone
from tests.kit.tones import Samples, hears

PATIENCE_S = 30.0
HUE_TOLERANCE = 15.0
RED, GREEN, BLUE = 0.0, 120.0, 240.0
TONE_HZ = 440.0
PIECE = 4800
PAGE = b"<!doctype html><title>Plain</title>"
GST_CLIENT = Path(__file__).parent.parent / "kit" / "gst_client.py"
LOST_AFTER_S = 3
FASTEST = f"SRTP_{PROFILE}"
"""What `mcu bench` measures with has to be what clients agree on with us."""
SETTINGS = {
    "MCU_VIEW__WIDTH": "320",
    "MCU_VIEW__HEIGHT": "180",
    "MCU_VIEW__FPS": "15",
    "MCU_VIEW__VIDEO_KBPS": "300",
    "MCU_VIEW__TIERS": "1",  # tiles are looked for in the pixels of the canvas, also on a busy machine
    "MCU_MEDIA__LOST_AFTER_S": str(LOST_AFTER_S),
}


@pytest.fixture(scope="module")
def turn_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def page_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def server(turn_port: int, page_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    turn = [{"urls": [f"turn:127.0.0.1:{turn_port}?transport=udp"], "secret": coturn.SECRET}]
    origins = [f"http://localhost:{page_port}"]
    variables = SETTINGS | {"MCU_ICE_SERVERS": json.dumps(turn), "MCU_CORS_ORIGINS": json.dumps(origins)}
    with running_server(tmp_path_factory.mktemp("doors"), variables, "--workers", "1") as server:
        yield server


def shows(picture: Rgb | None, hue: float) -> bool:
    found = hue_of(picture) if picture is not None else None
    return found is not None and hue_distance(found, hue) < HUE_TOLERANCE


def sounds(samples: Samples, tone_hz: float = TONE_HZ) -> bool:
    """In most of its tenths of a second: a sender on a busy core leaves gaps, and after one the phase is another."""
    pieces = samples[: len(samples) // PIECE * PIECE].reshape(-1, PIECE)
    return len(pieces) >= 5 and sum(hears(piece, tone_hz) for piece in pieces) > len(pieces) / 2


async def sees_and_hears(viewer: Viewer, hue: float, tone_hz: float = TONE_HZ) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not shows(viewer.picture, hue) or not sounds(viewer.sound, tone_hz):  # noqa: ASYNC110 - a native thread brings them
            await asyncio.sleep(0.05)


async def people(server: Server, room: str) -> list[dict[str, Any]]:
    async with httpx.AsyncClient(base_url=server.url, timeout=PATIENCE_S) as http:
        answer = await http.get(f"/api/v1/rooms/{room}/participants")
    found: list[dict[str, Any]] = answer.json()["participants"] if answer.status_code == 200 else []
    return found


async def until_connected(server: Server, room: str, count: int = 1) -> list[dict[str, Any]]:
    """Waits until so many people are seen in the room."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            there = [one for one in await people(server, room) if one["presence"] == "connected"]
            if len(there) == count:
                return there
            await asyncio.sleep(0.05)


async def until_empty(server: Server, room: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await people(server, room):  # noqa: ASYNC110 - another process changes it
            await asyncio.sleep(0.05)


async def test_ffmpegs_muxer_is_seen_and_heard(server: Server, tmp_path: Path) -> None:
    address = f"{server.url}/whip/ffmpeg?name=FFmpeg"
    async with AsyncExitStack() as stack:
        publisher = stack.enter_context(ffmpeg_whip.publishing(address, RED, TONE_HZ, tmp_path))
        assert publisher is None
        (person,) = await until_connected(server, "ffmpeg")
        assert person["name"] == "FFmpeg"
        _, viewer = await stack.enter_async_context(libwebrtc.watching(f"{server.url}/whep/ffmpeg"))
        await sees_and_hears(viewer, RED)
    await until_empty(server, "ffmpeg")


@asynccontextmanager
async def gst_client(python: str, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Runs until the block ends, then is asked to stop."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(python, str(GST_CLIENT), *arguments, stdin=pipe)
    try:
        yield process
        if process.returncode is None and process.stdin is not None:
            process.stdin.close()
            async with asyncio.timeout(PATIENCE_S):
                await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.parametrize("setup", ["actpass", "passive"])
async def test_webrtcbin_sends_with_an_rsa_certificate(server: Server, setup: str) -> None:
    """As the DTLS client, and as the server, where the cipher suite must be one for its RSA key."""
    python, room = require_webrtcbin(), f"gst-{setup}"
    async with gst_client(python, "whip", f"{server.url}/whip/{room}", str(TONE_HZ), setup) as process:
        await until_connected(server, room)
        async with libwebrtc.watching(f"{server.url}/whep/{room}") as (_, viewer):
            await sees_and_hears(viewer, BLUE)
    assert process.returncode == 0
    await until_empty(server, room)


async def test_webrtcbin_watches(server: Server, tmp_path: Path) -> None:
    python = require_webrtcbin()
    async with libwebrtc.publishing(f"{server.url}/whip/gstwatch", GREEN, TONE_HZ):
        await until_connected(server, "gstwatch")
        async with gst_client(python, "whep", f"{server.url}/whep/gstwatch", str(tmp_path)) as process:
            async with asyncio.timeout(PATIENCE_S):
                assert await process.wait() == 0
        size, _, pixels = (tmp_path / "picture.rgb").read_bytes().partition(b"\n")
        width, height = map(int, size.split())
        assert shows(np.frombuffer(pixels, np.uint8).reshape(height, width, 3), GREEN)
        assert sounds(np.frombuffer((tmp_path / "sound.raw").read_bytes(), np.int16))


async def test_who_dies_without_a_word_is_gone_soon(server: Server) -> None:
    """There is no socket to come back by: nobody keeps their tile for them."""
    python = require_webrtcbin()
    async with gst_client(python, "whip", f"{server.url}/whip/dying", str(TONE_HZ), "actpass") as process:
        await until_connected(server, "dying")
        process.kill()
        await process.wait()
        async with asyncio.timeout(LOST_AFTER_S + 10):
            await until_empty(server, "dying")


async def test_a_relay_alone_carries_both_ways(server: Server, turn_port: int, tmp_path: Path) -> None:
    """Neither client has another candidate than coturn's; the door told them of it, with time-limited credentials."""
    async with coturn.running_coturn(turn_port, tmp_path) as log:
        async with libwebrtc.publishing(f"{server.url}/whip/relayed", GREEN, TONE_HZ, relay=True):
            await until_connected(server, "relayed")
            async with libwebrtc.watching(f"{server.url}/whep/relayed", relay=True) as (_, viewer):
                await sees_and_hears(viewer, GREEN)
        assert log.read_text(errors="replace").count("CREATE_PERMISSION processed, success") >= 2


SCRIPT = """async ([publish, watch]) => {
  const exchange = async (pc, address) => {
    await pc.setLocalDescription();
    const headers = { "Content-Type": "application/sdp" };
    const answer = await fetch(address, { method: "POST", headers, body: pc.localDescription.sdp });
    if (answer.status !== 201) throw new Error(`${answer.status} ${await answer.text()}`);
    const stream = new URL(answer.headers.get("Location"), address).href;
    const etag = answer.headers.get("ETag");
    await pc.setRemoteDescription({ type: "answer", sdp: await answer.text() });
    const ice = pc.localDescription.sdp.split("\\r\\n").filter((line) => /^a=ice-(ufrag|pwd)/.test(line)).slice(0, 2);
    const trickle = async (candidate) => {
      const lines = [...ice, "m=audio 9 UDP/TLS/RTP/SAVPF 0", `a=mid:${candidate?.sdpMid ?? 0}`];
      lines.push(candidate?.candidate ? `a=${candidate.candidate}` : "a=end-of-candidates");
      const headers = { "Content-Type": "application/trickle-ice-sdpfrag", "If-Match": etag };
      return (await fetch(stream, { method: "PATCH", headers, body: lines.join("\\r\\n") + "\\r\\n" })).status;
    };
    window.trickled = window.trickled ?? [];
    pc.onicecandidate = async ({ candidate }) => window.trickled.push(await trickle(candidate));
    window.trickled.push(await trickle(null));
    return stream;
  };
  const connected = (pc) => new Promise((done, fail) => {
    pc.onconnectionstatechange = () => {
      if (pc.connectionState === "connected") done();
      if (pc.connectionState === "failed") fail(new Error("failed"));
    };
    if (pc.connectionState === "connected") done();
  });
  const raw = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  const media = await navigator.mediaDevices.getUserMedia({ video: { width: 320, height: 180 }, audio: raw });
  const sender = new RTCPeerConnection();
  for (const track of media.getTracks()) sender.addTransceiver(track, { direction: "sendonly", streams: [media] });
  window.connections = [sender];
  window.streams = [await exchange(sender, publish)];
  await connected(sender);

  const receiver = new RTCPeerConnection();
  window.connections.push(receiver);
  const seen = new MediaStream();
  receiver.ontrack = ({ track }) => seen.addTrack(track);
  for (const kind of ["audio", "video"]) receiver.addTransceiver(kind, { direction: "recvonly" });
  window.streams.push(await exchange(receiver, watch));
  await connected(receiver);
  const video = document.createElement("video");
  Object.assign(video, { id: "composite", muted: true, autoplay: true, srcObject: seen });
  document.body.append(video);
}"""
CIPHERS = """async () => {
  const reports = await Promise.all(window.connections.map((connection) => connection.getStats()));
  const entries = reports.flatMap((report) => [...report.values()]);
  return entries.filter(({ type }) => type === "transport").map(({ srtpCipher }) => srtpCipher);
}"""
END = """async () => {
  const ends = await Promise.all(window.streams.map((address) => fetch(address, { method: "DELETE" })));
  return ends.map(({ status }) => status);
}"""


@asynccontextmanager
async def plain_page(port: int) -> AsyncIterator[str]:
    """A page of another origin, with nothing of ours on it; its address."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(PAGE)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + PAGE)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", port):
        yield f"http://localhost:{port}/"


@pytest.mark.browser
async def test_a_plain_page_publishes_and_watches(server: Server, page_port: int, tmp_path: Path) -> None:
    camera = write_camera(tmp_path / "camera.y4m", GREEN, width=320, height=180, fps=15)
    microphone = write_microphone(tmp_path / "microphone.wav", TONE_HZ)
    addresses = [f"{server.url}/whip/page?name=Page", f"{server.url}/whep/page"]
    browser = launch_chromium(camera=camera, microphone=microphone)
    async with browser as chromium, plain_page(page_port) as page, chromium.open(page) as opened:
        await opened.page.evaluate(SCRIPT, addresses)
        await opened.wait_for_frame(lambda picture: shows(picture, GREEN), PATIENCE_S)
        async with libwebrtc.watching(addresses[1]) as (exchange, viewer):
            await sees_and_hears(viewer, GREEN)
            assert await exchange.srtp_ciphers() == [FASTEST]
        assert await opened.page.evaluate(CIPHERS) == [FASTEST, FASTEST]
        assert set(await opened.page.evaluate("window.trickled")) == {204}
        assert await opened.page.evaluate(END) == [200, 200]
    await until_empty(server, "page")
