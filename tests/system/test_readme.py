"""The README's tour of the API: every line of it, against a real ``mcu serve``."""

import asyncio
import json
import os
import re
import shlex
import shutil
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kit.films import FPS, cards, tone, write_film

ROOT = Path(__file__).parents[2]
BOUND_S = 60.0
ADDRESS = "http://localhost:8080"
PREPARED = f"""
set -eu
curl() {{ command curl --silent --show-error --fail-with-body "$@"; echo; }}
mcu() {{ {shlex.quote(sys.executable)} -m api.cli "$@"; }}
"""


def tour() -> str:
    return (ROOT / "README.md").read_text().partition("\n## Govern rooms\n")[2].partition("\n## ")[0]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", tour(), re.DOTALL | re.MULTILINE)


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    """Of a server in a process of its own, on a free port."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MCU_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "api.cli", "serve", "--port", "0", "--workers", "0", "--no-store"),
        cwd=tmp_path,
        env=clean | {"PYTHONPATH": str(ROOT), "MCU_LOG__FORMAT": "json"},
        stdout=PIPE,
        stderr=STDOUT,
        start_new_session=True,
    )
    reading: asyncio.Task[None] | None = None
    try:
        async with asyncio.timeout(BOUND_S):
            address = await _address(process)
        reading = asyncio.create_task(_read_on(process))
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        await asyncio.wait_for(process.wait(), BOUND_S)
        if reading is not None:
            await reading


async def _address(process: Process) -> str:
    assert process.stdout is not None
    said = b""
    async for line in process.stdout:
        said += line
        if found := re.search(rb"running on (http://[\d.]+:\d+)", line):
            return found[1].decode()
    raise AssertionError(said.decode())


async def _read_on(process: Process) -> None:
    """So that the server's log does not fill its pipe."""
    assert process.stdout is not None
    while await process.stdout.readline():
        pass


async def run(url: str, folder: Path, *command: str, script: str) -> str:
    """What it said."""
    process = await asyncio.create_subprocess_exec(
        *command,
        script,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "MCU_SERVER": url},
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
    )
    async with asyncio.timeout(BOUND_S):
        said, _ = await process.communicate()
    assert process.returncode == 0, f"{script}\n{said.decode()}"
    return said.decode()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_the_tour_works_line_by_line(url: str, tmp_path: Path) -> None:
    requests, commands = blocks("sh")
    write_film(tmp_path / "intro.mp4", cards(FPS), tone(1))
    answers: list[object] = []
    head, *lines = requests.replace(ADDRESS, url).splitlines()
    assert len(lines) >= 10
    for line in lines:
        assert line.startswith("curl $api/"), "every line of it is a request"
        said = await run(url, tmp_path, "bash", "-c", script=f"{PREPARED}{head}\n{line}")
        answers.append(json.loads(said) if said.strip() else None)
    assert (tmp_path / "now.jpg").read_bytes().startswith(b"\xff\xd8")
    assert isinstance(answers[0], dict)
    assert answers[0]["lobby"] is True
    table = await run(url, tmp_path, "bash", "-c", script=PREPARED + commands)
    assert "team is closed" in table
    assert "speaker" in table
    (program,) = blocks("python")
    program = program.replace(ADDRESS, url)
    assert await run(url, tmp_path, sys.executable, "-c", script=program) == ""
    assert await run(url, tmp_path, sys.executable, "-c", script=program) == "it is open already\n"
