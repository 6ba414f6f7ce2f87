"""Debian's Chromium as a participant: a real browser on the real page, with a camera and a microphone made of files.

``launch_chromium`` starts one browser process (a capture file belongs to a process); ``Chromium.open`` opens the page
of a room in it. Where there is no Chromium the test is skipped with the reason, except in CI, where it fails.
"""

import asyncio
import base64
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from playwright.async_api import Browser, ConsoleMessage, Page, Request, Response, async_playwright

from tests.kit.programs import require_program
from tests.kit.testcard import Rgb

FLAGS = (
    "--use-fake-device-for-media-stream",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-background-timer-throttling",
    "--auto-select-desktop-capture-source=Entire screen",
)
MAX_COMPLAINTS = 100

_FRAME = """() => {
  const video = document.getElementById("composite");
  if (!video.videoWidth) return null;
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d").drawImage(video, 0, 0);
  return canvas.toDataURL("image/png").split(",")[1];
}"""

_SOUND = """async (seconds) => {
  const [track] = document.getElementById("composite").srcObject.getAudioTracks();
  const reader = new MediaStreamTrackProcessor({ track: track.clone() }).readable.getReader();
  const chunks = [];
  let rate = 0, count = 0;
  while (!rate || count < seconds * rate) {
    const { value, done } = await reader.read();
    if (done) break;
    const samples = new Float32Array(value.numberOfFrames);
    value.copyTo(samples, { planeIndex: 0, format: "f32-planar" });
    rate = value.sampleRate;
    count += samples.length;
    chunks.push(samples);
    value.close();
  }
  await reader.cancel();
  const bytes = new Uint8Array(await new Blob(chunks).arrayBuffer());
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return { rate, samples: btoa(text) };
}"""


def require_chromium() -> str:
    """The path of Chromium, or the calling test is skipped."""
    return require_program("chromium", "chromium, or make test as root", alias="chromium-browser")


@dataclass
class RoomPage:
    """An open page. ``complaints`` holds console errors, uncaught exceptions, failed loads and CSP violations."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    async def wait_for_state(self, state: str, timeout_s: float = 20) -> None:
        """Waits until the page's test hook says ``state`` (lobby, joining, live, reconnecting, left)."""
        await self.wait_for(f"window.mcu?.state === {state!r}", timeout_s)

    async def wait_for(self, expression: str, timeout_s: float = 20) -> None:
        """Waits until a JavaScript expression is truthy. Raises playwright's TimeoutError."""
        await self.page.wait_for_function(f"() => {expression}", timeout=timeout_s * 1000, polling=50)

    async def wait_for_frames(self, count: int = 5, timeout_s: float = 20) -> None:
        """Waits until ``count`` more frames of the composite have been shown, as the <video> element counts them."""
        shown = "document.getElementById('composite').getVideoPlaybackQuality().totalVideoFrames"
        before = await self.page.evaluate(shown)
        await self.wait_for(f"{shown} >= {before + count}", timeout_s)

    async def stats(self) -> dict[str, Any]:
        """The page's own figures: {video, audio, sent} as ``client/web/stats.js`` describes them."""
        stats: dict[str, Any] = await self.page.evaluate("() => window.mcu.stats()")
        return stats

    async def participants(self) -> list[dict[str, Any]]:
        people: list[dict[str, Any]] = await self.page.evaluate("() => window.mcu.participants")
        return people

    async def tiles(self) -> list[dict[str, Any]]:
        tiles: list[dict[str, Any]] = await self.page.evaluate("() => window.mcu.tiles")
        return tiles

    async def frame(self) -> Rgb:
        """The composite's frame that is shown now, RGB, height × width × 3. Raises LookupError before the first one."""
        png = await self.page.evaluate(_FRAME)
        if png is None:
            raise LookupError("the page shows no frame yet")
        picture = cv2.imdecode(np.frombuffer(base64.b64decode(png), np.uint8), cv2.IMREAD_COLOR)
        if picture is None:
            raise LookupError("the page's frame is not a PNG")
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)

    async def wait_for_frame(self, wanted: Callable[[Rgb], bool], timeout_s: float = 20) -> Rgb:
        """The first frame shown that is ``wanted``. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while True:
                await self.wait_for_frames(1, timeout_s)
                picture = await self.frame()
                if wanted(picture):
                    return picture

    async def sound(self, seconds: float = 1.0) -> tuple[NDArray[np.float32], int]:
        """The next ``seconds`` of what the page hears: mono float32 samples (±1.0), and their rate in Hz."""
        heard = await self.page.evaluate(_SOUND, seconds)
        return np.frombuffer(base64.b64decode(heard["samples"]), np.float32), int(heard["rate"])

    async def screenshot(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=path)


@dataclass
class Chromium:
    """One browser process."""

    browser: Browser

    @asynccontextmanager
    async def open(self, url: str, *, viewport: tuple[int, int] = (1280, 720)) -> AsyncIterator[RoomPage]:
        """Opens ``url`` in a context of its own: nothing is remembered between pages."""
        width, height = viewport
        context = await self.browser.new_context(viewport={"width": width, "height": height}, base_url=url)
        try:
            page = await context.new_page()
            room_page = RoomPage(page)
            _listen(page, room_page.complaints)
            await page.goto(url)
            yield room_page
        finally:
            await context.close()


@asynccontextmanager
async def launch_chromium(
    *,
    camera: Path | None = None,
    microphone: Path | None = None,
    allow_devices: bool = True,
    allow_autoplay: bool = True,
    secure_origin: str | None = None,
) -> AsyncIterator[Chromium]:
    """Starts Chromium, headless. ``camera`` is a y4m and ``microphone`` a WAV (see ``tests.kit.testcard``); without
    them Chromium's own beeping test pattern is sent. With ``allow_devices`` False the user refuses both; without
    ``allow_autoplay`` sound needs a click (and playwright's ``evaluate`` counts as one). ``secure_origin``: one that
    may use devices although it has no TLS.
    """
    path = require_chromium()
    flags = [*FLAGS, "--use-fake-ui-for-media-stream" + ("" if allow_devices else "=deny")]
    flags.append(f"--autoplay-policy={'no-user-gesture' if allow_autoplay else 'document-user-activation'}-required")
    if camera is not None:
        flags.append(f"--use-file-for-fake-video-capture={camera}")
    if microphone is not None:
        flags.append(f"--use-file-for-fake-audio-capture={microphone}")
    if secure_origin is not None:
        flags.append(f"--unsafely-treat-insecure-origin-as-secure={secure_origin}")
    if os.geteuid() == 0:
        flags.append("--no-sandbox")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=flags)
        try:
            yield Chromium(browser)
        finally:
            await browser.close()


def _listen(page: Page, complaints: list[str]) -> None:
    def complain(text: str) -> None:
        if len(complaints) < MAX_COMPLAINTS:
            complaints.append(text)

    def on_console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complain(f"console {message.type}: {message.text}")

    def on_response(response: Response) -> None:
        if response.status >= 400:
            complain(f"{response.status} {response.url}")

    def on_failed(request: Request) -> None:
        if not (request.url.endswith("/icon.svg") and request.failure == "net::ERR_ABORTED"):
            complain(f"load failed: {request.url} {request.failure}")  # a page that is left gives up its icon

    page.on("console", on_console)
    page.on("pageerror", lambda error: complain(f"uncaught: {error}"))
    page.on("response", on_response)
    page.on("requestfailed", on_failed)
