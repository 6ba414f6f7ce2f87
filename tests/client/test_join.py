"""``mcu join``, run as a user runs it: what it sends, keeps and exits with."""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from client.frames import rgb
from tests.client.fake_server import COMPOSITE_HZ, COMPOSITE_SENDER, FakeServer, fake_server
from tests.kit.cards import read_card
from tests.kit.media import read_media
from tests.kit.tones import hears

WAIT_S = 30.0


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    async with fake_server() as fake:
        yield fake


async def start(*arguments: str) -> Process:
    program = "import typer; from api.cli.join import join; typer.run(join)"
    return await asyncio.create_subprocess_exec(sys.executable, "-c", program, *arguments, stdout=PIPE, stderr=PIPE)


async def finish(process: Process) -> tuple[int | None, str]:
    async with asyncio.timeout(WAIT_S):
        _, said = await process.communicate()
    return process.returncode, said.decode()


async def test_a_card_is_sent_and_the_composite_kept(server: FakeServer, tmp_path: Path) -> None:
    kept = tmp_path / "kept.mp4"
    process = await start(
        server.url,
        "demo",
        "--name",
        "Zoë",
        "--test-card",
        "120",
        "--tone",
        "440",
        "--record",
        str(kept),
        "--duration",
        "2",
    )
    code, said = await finish(process)
    assert code == 0, said
    assert "kept.mp4" in said.replace("\n", ""), "a long path is broken where the line ends"
    assert server.seen("join")[0]["name"] == "Zoë"
    assert server.seen("leave") == [{}]
    sent = read_card(rgb(server.pictures["main"]))
    assert sent is not None
    assert abs(sent.hue - 120) < 12
    film = read_media(kept)
    assert (film.width, film.height) == (640, 360)
    readings = [read_card(rgb(picture)) for picture in film.pictures]
    assert all(reading is not None and reading.sender == COMPOSITE_SENDER for reading in readings)
    assert len(film.samples) == pytest.approx(film.times_s[-1] * 48_000, abs=24_000)
    assert hears(film.samples[-24_000:], COMPOSITE_HZ)


async def test_ctrl_c_says_goodbye(server: FakeServer) -> None:
    process = await start(server.url, "demo", "--test-card", "120")
    async with asyncio.timeout(WAIT_S), server.changed:
        await server.changed.wait_for(lambda: "main" in server.pictures)
    process.send_signal(signal.SIGINT)
    code, said = await finish(process)
    assert code == 0, said
    assert server.seen("leave") == [{}]


async def test_exit_codes_tell_what_went_wrong(server: FakeServer, tmp_path: Path, unused_tcp_port: int) -> None:
    server.refuse["join"] = {"code": "room_full", "message": "this room is full"}
    runs = await asyncio.gather(
        start(server.url, "demo"),
        start(server.url, "demo", "--file", str(tmp_path / "none.mp4")),
        start(server.url, "demo", "--file", "x.mp4", "--tone", "440"),
        start(f"http://127.0.0.1:{unused_tcp_port}", "demo"),
    )
    outcomes = [await finish(run) for run in runs]
    assert [code for code, _ in outcomes] == [1, 2, 2, 3]
    assert "this room is full" in outcomes[0][1]
    assert "can't be played" in outcomes[1][1]


async def test_a_room_s_password_is_sent(server: FakeServer) -> None:
    process = await start(server.url, "demo", "--password", "s3cret", "--tone", "440", "--duration", "0.1")
    assert (await finish(process))[0] == 0
    assert server.seen("join")[0]["password"] == "s3cret"


async def test_being_removed_is_a_loss(server: FakeServer) -> None:
    process = await start(server.url, "demo")
    async with asyncio.timeout(WAIT_S), server.changed:
        await server.changed.wait_for(lambda: bool(server.seen("offer")))
    await server.say("kicked", reason="too loud")
    code, said = await finish(process)
    assert code == 3
    assert "too loud" in said
