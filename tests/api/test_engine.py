"""What the settings make of the engine, and what worker processes are told of them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from api.engine import MALLOC, cores, start_engine, worker_program
from api.settings import LogSettings, Settings
from mcu.engine.inline import InlineEngine
from mcu.engine.processes import ProcessEngine
from mcu.protocol.models import RoomSpec, ViewSpec
from tests.api.conftest import KEY
from tests.kit.images import RED, file_of, plain


@pytest.mark.parametrize(("workers", "kind"), [(0, InlineEngine), (1, ProcessEngine)])
async def test_the_number_of_workers_says_where_rooms_run(tmp_path: Path, workers: int, kind: type) -> None:
    engine = await start_engine(Settings(recordings_dir=tmp_path, workers=workers))
    try:
        assert type(engine) is kind
        await engine.open(RoomSpec(name="team", view=ViewSpec(width=320, height=180)))
        assert [room.name for room in await engine.rooms()] == ["team"]
    finally:
        await engine.close()


async def test_there_is_a_worker_for_every_core(tmp_path: Path) -> None:
    engine = await start_engine(Settings(recordings_dir=tmp_path))
    try:
        assert isinstance(engine, ProcessEngine)
        assert len(engine.fleet.ready) == cores() >= 1
    finally:
        await engine.close()


def test_a_worker_never_learns_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCU_KEYS", json.dumps({"k1": KEY}))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    program = worker_program(Settings())
    assert KEY not in repr(program)
    assert program.environment["LC_ALL"] == "C.UTF-8"


def test_how_a_worker_keeps_its_memory_is_the_operators_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MALLOC_TRIM_THRESHOLD_", raising=False)
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", "1000000")
    environment = worker_program(Settings()).environment
    assert environment["MALLOC_MMAP_THRESHOLD_"] == "1000000"
    assert environment["MALLOC_TRIM_THRESHOLD_"] == MALLOC["MALLOC_TRIM_THRESHOLD_"]


def test_a_worker_logs_as_its_server_does() -> None:
    program = worker_program(Settings(log=LogSettings(format="json", level="warning")))
    code = (
        "import sys, structlog, api.worker, mcu.engine.worker as worker\n"
        "def run(number, descriptor, loops):\n"
        "    structlog.get_logger().info('quiet')\n"
        "    structlog.get_logger().warning('heard', resume_token='a secret')\n"
        "    return 0\n"
        "worker.run = run\n"
        "sys.exit(api.worker.main(*sys.argv[1:]))\n"
    )
    command = [sys.executable, "-c", code, *program.arguments[2:], "1", "7"]
    root = Path(__file__).parents[2]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=True)
    (line,) = run.stderr.splitlines()
    assert (json.loads(line)["event"], json.loads(line)["resume_token"]) == ("heard", "[redacted]")


GATEWAY = """
import asyncio, sys
from pathlib import Path
import httpx
from api.app import create_app
from api.settings import LogSettings, Settings
from api.logs import configure_logging

async def main():
    configure_logging(LogSettings(level="error"))
    app = create_app(Settings(recordings_dir=Path(sys.argv[1]), workers=1))
    async with app.router.lifespan_context(app):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://mcu.test") as client:
            image = {"content": Path(sys.argv[2]).read_bytes(), "headers": {"Content-Type": "image/png"}}
            for method, path, body in (
                ("POST", "/api/v1/rooms", {"json": {"name": "a"}}),
                ("PUT", "/api/v1/rooms/a/views/main/logo", image),
                ("PUT", "/api/v1/rooms/a/views/main/layout", {"json": {"preset": "speaker"}}),
                ("POST", "/api/v1/rooms/a/announcements", {"json": {"tone": {}}}),
                ("POST", "/api/v1/rooms/a/recordings", {}),
                ("GET", "/api/v1/rooms/a/views/main/snapshot.jpg", {}),
                ("GET", "/metrics", {}),
            ):
                answer = await client.request(method, path, **body)
                assert answer.is_success, (path, answer.text)
    media = ("av", "cv2", "aiortc", "aioice", "pylibsrtp", "numpy", "mcu.rtc", "mcu.media")
    print([name for name in media if name in sys.modules])

asyncio.run(main())
"""


def test_a_server_with_workers_loads_no_media_library(tmp_path: Path) -> None:
    logo = tmp_path / "logo.png"
    logo.write_bytes(file_of(plain(RED)))
    command = [sys.executable, "-c", GATEWAY, str(tmp_path), str(logo)]
    run = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=90)
    assert (run.stdout.strip(), run.returncode) == ("[]", 0), run.stderr
