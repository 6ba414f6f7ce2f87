"""Rooms that forward, and a spotlight, on a whole server: every client sees everybody, and no picture is decoded or
encoded on the way."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest

from client.frames import rgb
from client.room import Room
from client.sources import Tone
from tests.kit.browser import RoomPage, launch_chromium
from tests.kit.cards import hue_distance, read_card
from tests.kit.libwebrtc import Viewer, publishing, watching
from tests.kit.server import Server, running_server
from tests.kit.testcard import Rgb, hue_of
from tests.system.people import ADA, BO, CHLOE, Person

PATIENCE_S = 40.0
ROOM = "forward"
VIEW = {"MCU_VIEW__WIDTH": "320", "MCU_VIEW__HEIGHT": "180", "MCU_VIEW__FPS": "15", "MCU_VIEW__VIDEO_KBPS": "300"}

_TILE = """([who]) => {
  const video = document.querySelector(`[data-tile="${who} camera"] video`);
  if (!video?.videoWidth) return null;
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d").drawImage(video, 0, 0);
  return canvas.toDataURL("image/png").split(",")[1];
}"""


def total(metrics: dict[str, float], name: str) -> float:
    return sum(value for key, value in metrics.items() if key.partition("{")[0] == name)


def nothing_runs(server: Server) -> bool:
    metrics = server.metrics()
    return total(metrics, "mcu_video_encoders") == total(metrics, "mcu_video_decoders") == 0


def worked(server: Server) -> tuple[float, float]:
    """Pictures decoded and encoded so far."""
    metrics = server.metrics()
    return total(metrics, "mcu_frames_decoded_total"), total(metrics, "mcu_video_frames_encoded_total")


def encoded_more(server: Server, than: float) -> bool:
    return worked(server)[1] > than


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - another process brings it about
            await asyncio.sleep(0.1)


async def open_room(server: Server, **spec: str) -> None:
    async with httpx.AsyncClient(base_url=f"{server.url}/api/v1") as http:
        assert (await http.post("/rooms", json={"name": ROOM, **spec})).status_code == 201


@asynccontextmanager
async def joined(server: Server, person: Person) -> AsyncIterator[Room]:
    async with Room.connect(server.url, ROOM, person.name, video=person.card, audio=Tone(person.tone_hz)) as room:
        yield room


def id_of(room: Room, person: Person) -> str | None:
    return next((one.id for one in room.participants.values() if one.name == person.name), None)


async def sees(room: Room, person: Person) -> None:
    """Waits until that person's own picture comes."""
    async with asyncio.timeout(PATIENCE_S):
        while (who := id_of(room, person)) is None:  # noqa: ASYNC110 - the roster has no event of its own
            await asyncio.sleep(0.05)
        async for frame in room.pictures_of(who):
            reading = read_card(rgb(frame))
            if reading is not None and reading.sender == person.sender:
                return


async def tile(page: RoomPage, who: str) -> Rgb | None:
    """What the page shows of somebody now."""
    png = await page.page.evaluate(_TILE, [who])
    if png is None:
        return None
    bgr = cv2.imdecode(np.frombuffer(base64.b64decode(png), np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)  # type: ignore[arg-type]  # a PNG we made


async def shows(page: RoomPage, who: str, hue: float) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            picture = await tile(page, who)
            seen = hue_of(picture) if picture is not None else None
            if seen is not None and hue_distance(seen, hue) < 20:
                return
            await asyncio.sleep(0.1)


@pytest.mark.long
@pytest.mark.browser
@pytest.mark.timeout(180)
async def test_a_browser_and_two_programs_see_each_other(tmp_path: Path) -> None:
    camera = ADA.write_camera(tmp_path / "ada.y4m")
    with running_server(tmp_path, VIEW) as server:
        await open_room(server, topology="forward")
        async with (
            launch_chromium(camera=camera) as chromium,
            chromium.open(f"{server.url}/?room={ROOM}&name=Ada&autojoin=1") as page,
            joined(server, BO) as bo,
            joined(server, CHLOE) as chloe,
        ):
            await page.wait_for_state("live", PATIENCE_S)
            for one, person in ((bo, BO), (chloe, CHLOE)):
                await shows(page, one.participant.id, person.hue)
            await asyncio.gather(sees(bo, ADA), sees(bo, CHLOE), sees(chloe, ADA), sees(chloe, BO))
            assert {one.missing for one in bo.streams} == {None}
            assert await page.page.locator("#person-tiles figure").count() == 3
            assert await page.page.locator("#composite").is_hidden()
            assert nothing_runs(server)
            assert worked(server) == (0, 0)
            assert total(server.metrics(), "mcu_audio_encodes_total") == 0
            assert page.complaints == []


@pytest.mark.long
@pytest.mark.timeout(180)
async def test_a_spotlight_is_forwarded_to_other_engines(tmp_path: Path) -> None:
    with running_server(tmp_path, VIEW) as server:
        await open_room(server)
        whip, whep = f"{server.url}/whip/{ROOM}", f"{server.url}/whep/{ROOM}"
        async with publishing(f"{whip}?name=Bo", BO.hue, BO.tone_hz), joined(server, ADA) as ada:
            await ada.set_layout({"preset": "spotlight", "pinned": id_of(ada, BO)})
            async with watching(whep) as (_, viewer):
                await until(lambda: looks_like(viewer, BO) and nothing_runs(server))
                before, shown = worked(server), viewer.pictures
                await until(lambda: viewer.pictures > shown + 20)
                assert worked(server) == before
                await ada.set_layout({"preset": "grid"})
                await until(lambda: worked(server)[1] > before[1] + 20)
                shown = viewer.pictures
                await until(lambda: viewer.pictures > shown + 20)
                await ada.set_layout({"preset": "spotlight", "pinned": id_of(ada, BO)})
                await until(lambda: nothing_runs(server) and looks_like(viewer, BO))
            async with watching(f"{whep}/{id_of(ada, BO)}") as (_, alone):
                await until(lambda: looks_like(alone, BO))


@pytest.mark.long
@pytest.mark.browser
@pytest.mark.timeout(180)
async def test_a_browser_sees_no_break_between_spotlights_of_two_codecs(tmp_path: Path) -> None:
    camera = ADA.write_camera(tmp_path / "ada.y4m")
    with running_server(tmp_path, VIEW) as server:
        await open_room(server)
        async with (
            publishing(f"{server.url}/whip/{ROOM}?name=Bo", BO.hue, BO.tone_hz),
            joined(server, CHLOE) as chloe,
            launch_chromium(camera=camera) as chromium,
            chromium.open(f"{server.url}/?room={ROOM}&name=Ada&autojoin=1") as page,
        ):
            await page.wait_for_state("live", PATIENCE_S)
            await page.wait_for_frames(5, PATIENCE_S)
            for person in (BO, CHLOE, BO):
                await chloe.set_layout({"preset": "spotlight", "pinned": id_of(chloe, person)})
                await until(lambda: nothing_runs(server))
                await page.wait_for_frames(10, PATIENCE_S)
                seen = hue_of(await page.frame())
                assert seen is not None
                assert hue_distance(seen, person.hue) < 20
                before = worked(server)[1]
                await chloe.set_layout({"preset": "grid"})
                await until(partial(encoded_more, server, before + 10))
                await page.wait_for_frames(10, PATIENCE_S)
            stats = await page.stats()
            assert stats["video"]["packetsLost"] == 0
            assert page.complaints == []


def looks_like(viewer: Viewer, person: Person) -> bool:
    seen = hue_of(viewer.picture) if viewer.picture is not None else None
    return seen is not None and hue_distance(seen, person.hue) < 20
