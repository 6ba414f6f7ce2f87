"""A real browser to measure: Chromium with a film for a camera, its processor time and what its connections carried."""

import asyncio
import os
import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from api.bench.harness import BenchFailed, NotHere
from api.bench.processes import cpu_s, family, named

if TYPE_CHECKING:
    from playwright.async_api import Page

VIEWPORT: Final = (1280, 720)
PATIENCE_MS: Final = 30_000
_FLAGS: Final = (
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-background-timer-throttling",
)
_REMEMBER: Final = """() => {
  const connections = (window.benchConnections = []);
  window.RTCPeerConnection = class extends window.RTCPeerConnection {
    constructor(...args) { super(...args); connections.push(this); }
  };
}"""
_TOTALS: Final = """async () => {
  const totals = { received: 0, sent: 0, decoded: 0, encoded: 0, streams: 0, codecs: [] };
  for (const connection of window.benchConnections) {
    if (connection.connectionState !== "connected") continue;
    const stats = await connection.getStats();
    for (const entry of stats.values()) {
      if (entry.type === "transport") {
        totals.received += entry.bytesReceived;
        totals.sent += entry.bytesSent;
      } else if (entry.type === "inbound-rtp" && entry.kind === "video") {
        totals.decoded += entry.framesDecoded ?? 0;
        totals.streams += 1;
        totals.codecs.push(stats.get(entry.codecId)?.mimeType ?? "none");
      } else if (entry.type === "outbound-rtp" && entry.kind === "video") {
        totals.encoded += entry.framesEncoded ?? 0;
      }
    }
  }
  return totals;
}"""


@dataclass(frozen=True, slots=True)
class Share:
    """What a browser did in a second: processor time, what came and went, and pictures: ``decoded`` of each stream on
    an average, ``encoded`` of all together.
    """

    cpu_ms: float
    received_bps: float
    sent_bps: float
    decoded: float
    encoded: float
    streams: int


class Browser:
    """One page in a browser that is nobody else's."""

    def __init__(self, page: "Page", pid: int) -> None:
        self.page = page
        self._pid = pid

    async def measure(self, seconds: float) -> Share:
        """Raises ``BenchFailed`` when nothing is being received."""
        before, began = self._cpu(), await self.page.evaluate(_TOTALS)
        began_s = asyncio.get_running_loop().time()
        await asyncio.sleep(seconds)
        after, ended = self._cpu(), await self.page.evaluate(_TOTALS)
        took_s = asyncio.get_running_loop().time() - began_s
        if not ended["streams"]:
            raise BenchFailed("the browser sees nobody")

        def rate(name: str) -> float:
            return float(ended[name] - began[name]) / took_s

        spent_s = sum(spent - before.get(pid, 0.0) for pid, spent in after.items())
        return Share(
            cpu_ms=1000 * spent_s / took_s,
            received_bps=8 * rate("received"),
            sent_bps=8 * rate("sent"),
            decoded=rate("decoded") / ended["streams"],
            encoded=rate("encoded"),
            streams=ended["streams"],
        )

    async def sees(self, streams: int) -> None:
        """Waits until pictures of so many streams are being decoded. Raises ``BenchFailed``."""
        for _ in range(PATIENCE_MS // 100):
            totals: dict[str, Any] = await self.page.evaluate(_TOTALS)
            if totals["streams"] >= streams and totals["decoded"] > streams:
                return
            await asyncio.sleep(0.1)
        raise BenchFailed(f"the browser sees {totals['streams']} of {streams} streams")

    def _cpu(self) -> dict[int, float]:
        return {pid: spent for pid in family(self._pid) if (spent := cpu_s(pid, 0.0))}


def chromium() -> str:
    """The path of Chromium. Raises ``NotHere``."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        raise NotHere("chromium is not installed")
    return path


@asynccontextmanager
async def browser(camera: Path) -> AsyncIterator[Browser]:
    """Starts Chromium without a window; ``camera`` is a y4m file. Raises ``NotHere``."""
    path = chromium()
    try:
        from playwright.async_api import async_playwright
    except ImportError:
        raise NotHere("playwright is not installed: pip install playwright") from None
    mark = f"--mcu-bench={secrets.token_hex(8)}"
    flags = [*_FLAGS, mark, f"--use-file-for-fake-video-capture={camera}"]
    if os.geteuid() == 0:
        flags.append("--no-sandbox")
    width, height = VIEWPORT
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=path, args=flags)
        try:
            page = await started.new_page(viewport={"width": width, "height": height})
            page.set_default_timeout(PATIENCE_MS)
            await page.add_init_script(f"({_REMEMBER})()")
            yield Browser(page, named(mark))
        finally:
            await started.close()
