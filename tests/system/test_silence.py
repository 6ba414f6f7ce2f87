"""A browser in a room where people pause: silence isn't sent, and the browser takes none of it for loss."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from client.room import Room
from client.sources import SAMPLES_PER_TICK, TICKS_PER_S, Sound, Tone
from tests.kit.browser import RoomPage, launch_chromium
from tests.kit.server import running_server

SMALL_VIEW = {"MCU_VIEW__WIDTH": "320", "MCU_VIEW__HEIGHT": "180", "MCU_VIEW__FPS": "5", "MCU_VIEW__VIDEO_KBPS": "100"}
MEASURED_S = 8
PATIENCE_S = 60


class Talk:
    """A second of sound, then two of silence."""

    def __init__(self) -> None:
        self._tone = Tone(440.0, 0.2)

    async def sound(self, index: int) -> Sound:
        if index // TICKS_PER_S % 3:
            return np.zeros(SAMPLES_PER_TICK, np.int16)
        return await self._tone.sound(index)


async def heard_until(page: RoomPage, name: str, value: float) -> dict[str, Any]:
    """The browser's figures on what it hears, once one of them is that high."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            audio: dict[str, Any] | None = (await page.stats()).get("audio")
            if audio is not None and audio[name] > value:
                return audio
            await asyncio.sleep(0.1)


@pytest.mark.browser
@pytest.mark.long
@pytest.mark.timeout(120)
async def test_a_browser_hears_through_silence_without_missing_anything(tmp_path: Path) -> None:
    with running_server(tmp_path, SMALL_VIEW) as server:
        address = f"{server.url}/?room=pause&name=Ada&autojoin=1&microphone=0"
        async with (
            Room.connect(server.url, "pause", "Bo", audio=Talk(), receive=False),
            launch_chromium() as chromium,
            chromium.open(address) as page,
        ):
            await page.wait_for_state("live")
            before = await heard_until(page, "totalAudioEnergy", 0.001)
            after = await heard_until(
                page, "totalSamplesReceived", before["totalSamplesReceived"] + MEASURED_S * 48_000
            )
    since = {name: after[name] - before[name] for name in before}
    seconds = since["totalSamplesReceived"] / 48_000
    # A second of every three, and what leads into silence and out of it.
    assert since["packetsReceived"] < 0.6 * 50 * seconds
    assert since["totalAudioEnergy"] > 0.02
    assert since["packetsLost"] == 0
    audible = since["concealedSamples"] - since["silentConcealedSamples"]
    assert audible < 0.02 * since["totalSamplesReceived"], since
