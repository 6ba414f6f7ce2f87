"""The ``mcu`` command as somebody at a terminal meets it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from pathlib import Path

import pytest
from typer.testing import CliRunner
from websockets.asyncio.client import connect

from api.auth import Authority
from api.cli import app
from api.cli.companion import CompanionProcess
from api.loading import load_settings
from tests.api.conftest import BOUND_S, KEY, MakeServer

ROOT = Path(__file__).parents[2]
SERVE = """
import sys
import api.app
from tests.kit.engine import FakeEngine
import api.cli.serve

async def start_engine(settings):
    return FakeEngine(settings.recordings_dir)

api.app.start_engine = start_engine
api.cli.serve.DEMO_MODULE = "tests.kit.guest"
sys.argv = ["mcu", "serve", "--port", "0", *sys.argv[1:]]
api.cli.main()
"""


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests run in an empty folder; programs they start find the packages all the same."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("MCU_LOG__FORMAT", "json")


async def serve(*options: str) -> tuple[Process, int, list[str]]:
    """A server on a free port, that port, and what it said until it listened."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVE, *options, stdout=PIPE, stderr=STDOUT, start_new_session=True
    )
    assert process.stdout is not None
    said: list[str] = []
    async with asyncio.timeout(30):
        async for line in process.stdout:
            said.append(line.decode())
            if "Uvicorn running on" in said[-1]:
                return process, int(json.loads(said[-1])["event"].partition(" (")[0].rpartition(":")[2]), said
    raise AssertionError("".join(said))


async def ended(process: Process) -> tuple[int, str]:
    """How it ended and what it said last."""
    try:
        rest, _ = await asyncio.wait_for(process.communicate(), BOUND_S)
    except TimeoutError:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    assert process.returncode is not None
    return process.returncode, rest.decode()


async def test_ctrl_c_ends_it_with_clients_connected(tmp_path: Path) -> None:
    process, port, said = await serve("--demo")
    assert any("open_mode" in line for line in said)
    called = tmp_path / "guest.json"
    async with asyncio.timeout(BOUND_S), connect(f"ws://127.0.0.1:{port}/api/v1/ws", close_timeout=1) as socket:
        await socket.send('{"id": 1, "type": "join", "data": {"room": "demo"}}')
        await socket.recv()
        while not called.exists():  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.02)
        process.send_signal(signal.SIGINT)
        status, rest = await ended(process)
    assert status == 0, rest
    assert "engine_closed" in rest
    assert "Traceback" not in rest
    assert "companion_ended" not in rest
    assert json.loads(called.read_text()) == ["--url", f"http://127.0.0.1:{port}", "--room", "demo"]


async def test_a_service_manager_ends_it_too() -> None:
    process, _, _ = await serve()
    process.send_signal(signal.SIGTERM)
    status, rest = await ended(process)
    assert status == 0, rest
    assert "engine_closed" in rest


async def test_a_stubborn_companion_is_ended_all_the_same(make_server: MakeServer, tmp_path: Path) -> None:
    server = await make_server()
    companion = CompanionProcess("tests.kit.guest", "--stubborn", "a-token")
    await companion.start(server.url)
    async with asyncio.timeout(BOUND_S):
        while not (tmp_path / "guest.json").exists():  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.02)
        await companion.stop()
        await companion.stop()
    assert json.loads((tmp_path / "guest.json").read_text())[-2:] == ["--token", "a-token"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--host", "0.0.0.0"], "refusing to listen on 0.0.0.0 without keys"),
        (["--config", "none.toml"], "none.toml: no such file"),
        (["--workers", "257"], "less than or equal to 256"),
    ],
)
def test_serve_refuses_what_cannot_be(options: list[str], message: str) -> None:
    result = CliRunner().invoke(app, ["serve", *options])
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.exception is None or isinstance(result.exception, SystemExit)


def test_a_token_made_here_opens_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCU_KEYS", json.dumps({"k1": KEY}))
    options = ["--room", "team", "--identity", "ada", "--name", "Ada", "--ttl", "60", "--grant", "record"]
    options += ["--grant", "role=moderator", "--grant", "publish=camera,screen", "--grant", "subscribe=false"]
    options += ["--attribute", "team=blue", "--attribute", "motto=a=b"]
    result = CliRunner().invoke(app, ["token", "create", *options])
    assert result.exit_code == 0, result.output
    settings = load_settings()
    principal = Authority(settings.keys).authenticate(result.stdout.strip())
    assert (principal.identity, principal.name, principal.grants.room) == ("ada", "Ada", "team")
    assert (principal.grants.role, principal.grants.record, principal.grants.subscribe) == ("moderator", True, False)
    assert principal.grants.publish == {"camera", "screen"}
    assert not principal.grants.admin
    assert principal.attributes == {"team": "blue", "motto": "a=b"}


@pytest.mark.parametrize(
    ("keys", "options", "message"),
    [
        (False, ["--room", "team"], "no keys are set"),
        (True, [], "--room is missing"),
        (True, ["--room", "team", "--grant", "fly"], "grants.fly"),
        (True, ["--room", "team", "--grant", "role=king"], "grants.role"),
        (True, ["--room", "team", "--identity", "a b"], "identity"),
        (True, ["--room", "team", "--attribute", "team"], "key=value"),
        (True, ["--room", "team", "--attribute", "a b=c"], "attributes.a b"),
    ],
)
def test_a_token_that_cannot_be_made(
    monkeypatch: pytest.MonkeyPatch, keys: bool, options: list[str], message: str
) -> None:
    if keys:
        monkeypatch.setenv("MCU_KEYS", json.dumps({"k1": KEY}))
    result = CliRunner().invoke(app, ["token", "create", *options])
    assert result.exit_code == 2
    assert message in result.stderr
    assert not result.stdout


def test_a_key_is_long_enough_to_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    result = CliRunner().invoke(app, ["token", "key"])
    monkeypatch.setenv("MCU_KEYS", json.dumps({"k1": result.stdout.strip()}))
    assert not load_settings().open


def test_help_loads_neither_media_nor_the_web_framework() -> None:
    assert loaded_by("api.cli.commands", "av", "aiortc", "cv2", "fastapi", "jwt") == "[]"
    shown = CliRunner().invoke(app, ["--help"])
    assert shown.exit_code == 0
    assert all(command in shown.stdout for command in ("serve", "token", "version"))


def test_the_app_is_made_without_media() -> None:
    assert loaded_by("api.app", "av", "aiortc", "cv2", "numpy") == "[]"


def loaded_by(module: str, *names: str) -> str:
    """Which of ``names`` a fresh interpreter has loaded after importing ``module``."""
    code = f"import sys, {module}; print([name for name in {names!r} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return result.stdout.strip()
