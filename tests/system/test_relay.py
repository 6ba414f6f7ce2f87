"""Pages that reach the server through a TURN server alone, as behind a firewall that lets nothing else out."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.kit import coturn, libwebrtc
from tests.kit.browser import launch_chromium
from tests.kit.server import free_port, running_server
from tests.kit.testcard import write_camera, write_microphone
from tests.system.people import as_int16
from tests.system.test_doors import BLUE, GREEN, PATIENCE_S, SETTINGS, sees_and_hears, shows, sounds, until_connected

PAGE_HZ, OTHER_HZ = 440.0, 610.0
RELAYED = """window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(options) {
    super({ ...options, iceTransportPolicy: "relay" });
    window.connections = [...(window.connections ?? []), this];
  }
};"""
PAIR = """async () => {
  const report = await window.connections.at(-1).getStats();
  const pair = [...report.values()].find(({ type, nominated, state }) =>
    type === "candidate-pair" && nominated && state === "succeeded");
  return report.get(pair.localCandidateId).candidateType;
}"""


@pytest.mark.browser
@pytest.mark.long
async def test_our_page_needs_nothing_but_a_relay(tmp_path: Path) -> None:
    camera = write_camera(tmp_path / "camera.y4m", GREEN, width=320, height=180, fps=15)
    microphone = write_microphone(tmp_path / "microphone.wav", PAGE_HZ)
    port = free_port()
    servers = [{"urls": [f"turn:127.0.0.1:{port}?transport=udp"], "secret": coturn.SECRET}]
    variables = SETTINGS | {"MCU_ICE_SERVERS": json.dumps(servers)}
    with running_server(tmp_path, variables, "--workers", "1") as server:
        async with (
            coturn.running_coturn(port, tmp_path) as log,
            launch_chromium(camera=camera, microphone=microphone) as chromium,
            chromium.open("about:blank") as page,
        ):
            await page.page.add_init_script(RELAYED)
            await page.page.goto(f"{server.url}/?room=far&name=Ada&autojoin=1&audio=raw")
            await page.wait_for_state("live", PATIENCE_S)
            await page.wait_for_frame(lambda picture: shows(picture, GREEN), PATIENCE_S)
            async with libwebrtc.watching(f"{server.url}/whep/far") as (_, viewer):
                await sees_and_hears(viewer, GREEN, PAGE_HZ)
            async with libwebrtc.publishing(f"{server.url}/whip/far", BLUE, OTHER_HZ):
                await until_connected(server, "far", 2)
                await page.wait_for_frame(
                    lambda picture: shows(picture[:, :160], BLUE) or shows(picture[:, 160:], BLUE)
                )
                async with asyncio.timeout(PATIENCE_S):
                    while not sounds(as_int16((await page.sound(1.5))[0]), OTHER_HZ):
                        pass
            assert await page.page.evaluate(PAIR) == "relay"
            assert "CREATE_PERMISSION processed, success" in await asyncio.to_thread(log.read_text, errors="replace")
