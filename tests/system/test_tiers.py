"""A browser on a real server asks for less and gets it, without losing a packet, and gets everything back."""

from pathlib import Path

import pytest

from client.room import Room
from tests.kit.browser import RoomPage, launch_chromium
from tests.kit.server import running_server
from tests.system.people import ADA, BO

ROOM = "tiers"
PATIENCE_S = 40.0
VIEW = {"MCU_VIEW__WIDTH": "640", "MCU_VIEW__HEIGHT": "360", "MCU_VIEW__FPS": "15", "MCU_VIEW__VIDEO_KBPS": "500"}


async def sees(page: RoomPage, width: int) -> None:
    await page.wait_for(f"document.getElementById('composite').videoWidth === {width}", PATIENCE_S)
    await page.wait_for_frames(3, PATIENCE_S)


@pytest.mark.browser
@pytest.mark.timeout(180)
async def test_a_browser_changes_tiers(tmp_path: Path) -> None:
    camera = ADA.write_camera(tmp_path / "ada.y4m")
    with running_server(tmp_path, VIEW) as server:
        address = f"{server.url}/?room={ROOM}&name=Ada&autojoin=1"
        async with (
            launch_chromium(camera=camera) as chromium,
            chromium.open(address) as page,
            Room.connect(server.url, ROOM, "Bo", video=BO.card, receive=False),
        ):
            await page.wait_for_state("live", PATIENCE_S)
            await sees(page, 640)
            await page.page.get_by_role("button", name="settings").click()
            menu = page.page.get_by_label("Picture I receive")
            for choice, width in (("low", 160), ("medium", 320), ("auto", 640)):
                await menu.select_option(choice)
                await sees(page, width)
            metrics = server.metrics()
            assert metrics[f'mcu_tier_moves_total{{reason="asked",room="{ROOM}"}}'] == 3.0
            assert metrics[f'mcu_tier_viewers{{room="{ROOM}",tier="high"}}'] >= 1.0
            assert (await page.stats())["video"]["packetsLost"] == 0
            assert page.complaints == []
