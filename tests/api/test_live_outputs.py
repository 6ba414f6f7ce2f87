"""A real room that is red and hums, sent out by REST to real receivers, which see the red and hear the tone."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tests.api.conftest import meet
from tests.api.people import ADMIN_KEY, KEY, Meeting, pass_for
from tests.conftest import StartEngine
from tests.kit.destinations import Listener, unused_port
from tests.kit.recordings import Samples, probe
from tests.kit.recordings import pictures as pictures_of
from tests.kit.testcard import tone_level
from tests.kit.tones import SAMPLE_RATE_HZ

VIEW = {"width": 320, "height": 180, "fps": 10, "video_kbps": 300, "background": "#C02020", "tiers": 1}
RED_V = 190
"""The chroma V of that red, about; of grey it is 128."""
TONE_HZ = 880.0
PATIENCE_S = 40.0


@pytest.fixture
async def studio(recordings_dir: Path, stack: AsyncExitStack, real_engine: StartEngine) -> Meeting:
    """The room ``team``, with keys."""
    met = await meet(real_engine, recordings_dir, stack, keys={"k1": KEY}, admin_keys=(ADMIN_KEY,))
    assert (await met.admin.post("/api/v1/rooms", json={"name": "team", "view": VIEW})).status_code == 201
    tone = {"tone": {"hz": TONE_HZ, "duration_ms": 60_000, "level_dbfs": -12}}
    assert (await met.admin.post("/api/v1/rooms/team/announcements", json=tone)).status_code == 201
    return met


async def start(met: Meeting, room: str = "team", **body: Any) -> str:
    """The path of an output that is under way."""
    answer = await met.admin.post(f"/api/v1/rooms/{room}/outputs", json=body)
    assert answer.status_code == 201, answer.text
    location: str = answer.headers["location"]
    return location


async def info(met: Meeting, output: str) -> dict[str, Any]:
    told: dict[str, Any] = (await met.admin.get(output)).json()
    return told


async def until(condition: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await condition():  # noqa: ASYNC110 - processes and sockets bring it about
            await asyncio.sleep(0.1)


async def state(met: Meeting, output: str, wanted: str) -> None:
    async def reached() -> bool:
        return bool((await info(met, output))["state"] == wanted)

    await until(reached)


def shows_and_sounds(path: Path) -> None:
    seen = [picture for _, picture in pictures_of(path)]
    assert len(seen) >= 5
    assert abs(float(np.median(seen[-1].v)) - RED_V) < 15
    hums(probe(path).sound)


def hums(sound: Samples) -> None:
    assert tone_level(np.nan_to_num(sound)[-SAMPLE_RATE_HZ // 2 :], TONE_HZ) > 0.05


@pytest.mark.parametrize(("scheme", "ending"), [("rtmp", "flv"), ("srt", "ts")])
async def test_a_listener_gets_the_room(studio: Meeting, tmp_path: Path, scheme: str, ending: str) -> None:
    url = f"{scheme}://127.0.0.1:{unused_port()}" + ("/live/thekey" if scheme == "rtmp" else "")
    with await asyncio.to_thread(Listener, url, tmp_path / f"out.{ending}") as listener:
        output = await start(studio, url=url)
        await state(studio, output, "active")

        async def enough() -> bool:
            return bool((await info(studio, output))["bytes_sent"] > 25_000)

        await until(enough)
        assert (await studio.admin.get("/api/v1/rooms/team")).json()["live_views"] == ["main"]
        shape = await studio.admin.patch("/api/v1/rooms/team/views/main", json={"fps": 15})
        assert (shape.status_code, shape.json()["code"]) == (409, "wrong_state")
        page = (await studio.admin.get("/metrics")).text
        assert f'mcu_outputs{{kind="{scheme}",room="team"}} 1.0' in page
        assert f'mcu_output_bytes_total{{kind="{scheme}",room="team"}}' in page
        assert (await studio.admin.delete(output)).status_code == 204
        ended = await info(studio, output)
        assert (ended["state"], ended["error"], ended["restarts"]) == ("ended", None, 0)
        async with asyncio.timeout(PATIENCE_S):
            while not listener.ended():  # noqa: ASYNC110 - a process ends
                await asyncio.sleep(0.05)
    await asyncio.to_thread(shows_and_sounds, listener.path)


async def test_whip_carries_one_room_into_another_whose_hls_is_watched(studio: Meeting, tmp_path: Path) -> None:
    await studio.admin.post("/api/v1/rooms", json={"name": "other", "view": VIEW | {"background": "#101010"}})
    relay = await start(
        studio, url=f"{studio.server.url}/whip/other", token=pass_for("relay", room="other"), view="main"
    )
    hls = await start(studio, room="other", kind="hls")
    await state(studio, relay, "active")
    viewer = await studio.caller(pass_for("eve", room="other"))
    playlist = (await info(studio, hls))["playlist"]

    async def arrives() -> bool:
        segment = tmp_path / "segment.ts"
        segment.write_bytes(await newest_segment(viewer, playlist))
        return bool(segment.stat().st_size) and await asyncio.to_thread(sees_and_hears, segment)

    await until(arrives)
    assert (await (await studio.caller(pass_for("eve", room="team"))).get(playlist)).status_code == 403
    assert (await (await studio.caller(None)).get(playlist)).status_code == 401
    assert (await studio.admin.delete(relay)).status_code == 204

    async def left() -> bool:
        return not (await studio.admin.get("/api/v1/rooms/other/participants")).json()["participants"]

    await until(left)
    assert (await studio.admin.delete(hls)).status_code == 204
    assert (await viewer.get(playlist)).status_code == 404


async def newest_segment(viewer: httpx.AsyncClient, playlist: str) -> bytes:
    """Nothing while there is none yet, or just no more."""
    answer = await viewer.get(playlist)
    names = [line for line in answer.text.splitlines() if line and not line.startswith("#")]
    if answer.status_code == 404 or not names:
        return b""
    segment = await viewer.get(playlist.replace("index.m3u8", names[-1]))
    return segment.content if segment.status_code == 200 else b""


def sees_and_hears(segment: Path) -> bool:
    """The red of the relayed room in the middle, and its tone."""
    *_, (_, picture) = pictures_of(segment)
    sound = probe(segment).sound
    red = abs(float(picture.v[40:50, 70:90].mean()) - RED_V) < 15
    return red and len(sound) > SAMPLE_RATE_HZ and tone_level(np.nan_to_num(sound)[-24_000:], TONE_HZ) > 0.02


async def test_outputs_go_where_the_server_allows(
    recordings_dir: Path, stack: AsyncExitStack, real_engine: StartEngine
) -> None:
    met = await meet(real_engine, recordings_dir, stack, output_hosts=("*.example.org",))
    await met.admin.post("/api/v1/rooms", json={"name": "team"})
    for url in ("rtmp://127.0.0.1/live/key", "https://example.org.evil.example/whip", "srt://example.org:9000"):
        refused = await met.admin.post("/api/v1/rooms/team/outputs", json={"url": url})
        assert (refused.status_code, refused.json()["code"]) == (403, "host_not_allowed")
    odd = await met.admin.post("/api/v1/rooms/team/outputs", json={"url": "srt://a.example.org:9000?mode=listener"})
    assert (odd.status_code, odd.json()["field"]) == (422, "url")
