"""The samples, run as a user runs them."""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from client.cards import TestCard
from client.frames import rgb
from client.sources import Silence, Tone
from mcu.protocol.models import RecordingInfo
from samples import demo, scenes
from samples.demo_room import PEOPLE, TURN_S
from samples.measuring import measure
from samples.server import ServerFailed, own_server
from tests.client.fake_server import FakeServer, fake_server
from tests.kit.media import write_media

WAIT_S = 60.0
BEGAN_NS = 50_000_000_000


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    async with fake_server() as fake:
        yield fake


async def start(module: str, *arguments: str) -> Process:
    return await asyncio.create_subprocess_exec(sys.executable, "-m", module, *arguments, stdout=PIPE, stderr=PIPE)


async def test_the_demo_room_fills_and_empties(server: FakeServer) -> None:
    process = await start("samples.demo_room", "--url", server.url, "--room", "party")
    try:
        async with asyncio.timeout(WAIT_S), server.changed:
            await server.changed.wait_for(lambda: len(server.seen("offer")) == len(PEOPLE) and "main" in server.sounds)
        assert {join["name"] for join in server.seen("join")} == {person.name for person in PEOPLE}
        assert {join["room"] for join in server.seen("join")} == {"party"}
        await server.drop()
        async with asyncio.timeout(WAIT_S), server.changed:
            await server.changed.wait_for(lambda: len(server.seen("offer")) == 2 * len(PEOPLE))
    finally:
        process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(WAIT_S):
        _, said = await process.communicate()
    assert process.returncode == 0, said.decode()
    assert len(server.seen("leave")) == len(PEOPLE)


async def test_the_watcher_keeps_what_it_sees(server: FakeServer, tmp_path: Path) -> None:
    kept = tmp_path / "watched.mp4"
    process = await start("samples.watch", server.url, "demo", str(kept), "2")
    async with asyncio.timeout(WAIT_S):
        said, failed = await process.communicate()
    assert process.returncode == 0, failed.decode()
    assert "watched.mp4" in said.decode()
    assert measure(kept).pictures > 20


async def test_a_server_that_does_not_start_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("samples.server.COMMAND", ("-c", "import sys; sys.exit('port 0 is taken')"))
    with pytest.raises(ServerFailed, match="port 0 is taken"):
        async with own_server(tmp_path / "server.log", tmp_path):
            pytest.fail("it is not there")


def test_scenes_are_loops_of_different_pictures() -> None:
    middles = []
    for camera in (scenes.film, scenes.film_close, scenes.aurora, scenes.seaside):
        frames = list(islice(camera(), 41))
        assert len(frames) == 41
        assert {(frame.width, frame.height, frame.format.name) for frame in frames} == {(640, 360, "yuv420p")}
        small = [rgb(frame.reformat(64, 36)).astype(int) for frame in (frames[0], frames[40])]
        assert np.abs(small[0] - small[1]).mean() > 0.5, "it moves"
        middles.append(small[0])
    assert all(np.abs(one - other).mean() > 15 for n, one in enumerate(middles) for other in middles[:n])


async def write_take(path: Path, *, speakers: int = 4, seconds: int = 12, blank: bool = False) -> None:
    """A recording as the demo expects it: turns of 3 s from the very beginning, the last of them silent if told."""
    card = TestCard(200)
    frames = [await card.picture(index) for index in range(20 * seconds)]
    if blank:
        frames = [frame.reformat(640, 360, "yuv420p") for frame in frames]
        for frame in frames:
            for plane in frame.planes:
                plane.update(bytes([128]) * plane.buffer_size)
    tone, silence = Tone(300, 0.2), Silence()
    ticks = [await (tone if tick // 150 < speakers else silence).sound(tick) for tick in range(50 * seconds)]
    write_media(path, frames, 20, np.concatenate(ticks))


def take() -> demo.Take:
    info = RecordingInfo(
        id="r",
        room="demo",
        view="main",
        state="finished",
        file="r.mp4",
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        duration_s=12.0,
        size_bytes=1,
    )
    return demo.Take(info, BEGAN_NS, seen_fps=25.0, layouts=(3, 5))


async def test_a_good_recording_is_measured(tmp_path: Path) -> None:
    await write_take(tmp_path / "good.mp4")
    measured = measure(tmp_path / "good.mp4")
    assert (measured.width, measured.height, measured.pictures, measured.blank) == (640, 360, 240, 0)
    assert measured.fps == pytest.approx(20, abs=0.5)
    assert measured.longest_gap_s == pytest.approx(0.05, abs=0.002)
    levels = demo._levels(measured, take(), BEGAN_NS)
    assert levels == pytest.approx({person.name: -17.0 for person in PEOPLE}, abs=0.5)
    demo._judge(measured, take(), levels)


async def test_turns_are_found_wherever_the_recording_begins(tmp_path: Path) -> None:
    """The turns began 4 s before the recording, so its first 3 s belong to the second and the third speaker."""
    await write_take(tmp_path / "quiet.mp4", speakers=1)
    levels = demo._levels(measure(tmp_path / "quiet.mp4"), take(), BEGAN_NS - int(4e9))
    loud = [level > -30 for level in levels.values()]
    assert loud == [False, True, True, False]
    assert TURN_S == 3.0


@pytest.mark.parametrize(
    ("speakers", "seconds", "blank", "complaint"),
    [(3, 12, False, "Юлия can't be heard"), (4, 9, False, "lasts 9"), (4, 12, True, "blank")],
)
async def test_a_bad_recording_fails_the_demo(
    tmp_path: Path, speakers: int, seconds: int, blank: bool, complaint: str
) -> None:
    await write_take(tmp_path / "bad.mp4", speakers=speakers, seconds=seconds, blank=blank)
    measured = measure(tmp_path / "bad.mp4")
    with pytest.raises(demo.DemoFailed, match=complaint):
        demo._judge(measured, take(), demo._levels(measured, take(), BEGAN_NS))
