"""What the log holds, and what it must never hold."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import structlog

from api.logs import configure_logging
from api.settings import LogSettings
from tests.api.conftest import ADMIN_KEY, BOUND_S, KEY, MakeServer
from tests.api.socket import SocketClient


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """The process's log as JSON lines, put back afterwards."""
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    configure_logging(LogSettings(format="json", level="debug"), (KEY, ADMIN_KEY), stream)
    yield stream
    structlog.configure(**before)
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


async def test_no_secret_of_a_session_reaches_the_log(log: io.StringIO, make_server: MakeServer) -> None:
    server = await make_server(keys={"k1": KEY}, admin_keys=(ADMIN_KEY,))
    admin = {"Authorization": f"Bearer {ADMIN_KEY}"}
    async with httpx.AsyncClient(base_url=server.url) as client:
        spec = {"grants": {"room": "team"}, "identity": "ada"}
        token = (await client.post("/api/v1/tokens", json=spec, headers=admin)).json()["token"]
        url = (await client.post("/api/v1/rooms/team/join", json={"token": token})).json()["session_url"]
        await client.get(f"/api/v1/rooms?token={token}", headers={"Authorization": f"Bearer {token}x"})
    query = url.partition("?")[2]
    async with SocketClient(server, f"?{query}") as ada:
        resume_token = (await ada.ask("join", room="team"))["resume_token"]
        await ada.refused("join", room="team", token=token)
    text = log.getvalue()
    assert "/api/v1/ws?ticket=[redacted]" in text
    for secret in (KEY, ADMIN_KEY, token, token.split(".")[2], query.removeprefix("ticket="), resume_token):
        assert secret not in text


async def test_room_and_participant_are_in_the_log(log: io.StringIO, make_server: MakeServer) -> None:
    server = await make_server()
    async with SocketClient(server) as ada:
        me = (await ada.ask("join", room="회의"))["participant"]["id"]
    async with asyncio.timeout(BOUND_S):
        while "participant_detached" not in log.getvalue():  # noqa: ASYNC110 - a log has no event
            await asyncio.sleep(0.005)
    (line,) = [line for line in lines(log) if line["event"] == "participant_detached"]
    assert (line["room"], line["participant"], line["level"]) == ("회의", me, "info")
    assert line["timestamp"].endswith("Z")


async def test_an_open_server_says_so(log: io.StringIO, make_server: MakeServer) -> None:
    await make_server()
    (warning,) = [line for line in lines(log) if line["event"] == "open_mode"]
    assert warning["level"] == "warning"
    assert "no keys" in warning["message"]


def test_secrets_are_known_by_name_by_look_and_by_value(log: io.StringIO) -> None:
    logger = structlog.get_logger()
    jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl"
    logger.info("names", token="one", resume_token="two", api_key="three", password="four", keys={"k1": "five"})
    logger.info("looks", url="ws://x/api/v1/ws?ticket=six&a=b", header="Authorization: Bearer seven", text=f"<{jwt}>")
    logger.info("values", text=f"the key is {KEY}", deep={"list": [f"{ADMIN_KEY}!"], "secret": "eight"})
    logging.getLogger("uvicorn.access").info('%s - "GET %s"', "1.2.3.4", "/ws?ticket=nine")
    try:
        raise ValueError(f"cannot use {KEY}")
    except ValueError:
        logger.exception("crash")
    text = log.getvalue()
    for secret in ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", jwt, KEY, ADMIN_KEY):
        assert f'"{secret}"' not in text
        assert secret not in text.replace("uvicorn", "")
    assert "a=b" in text
    assert "ValueError" in text


def test_a_level_left_on_a_logger_of_uvicorn_hides_nothing() -> None:
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    try:
        configure_logging(LogSettings(format="json", level="info"), stream=stream)
        logging.getLogger("uvicorn.error").info("accepted")
    finally:
        structlog.configure(**before)
        root.handlers[:] = handlers
        root.setLevel(level)
    assert "accepted" in stream.getvalue()


def test_what_is_no_secret_stays(log: io.StringIO) -> None:
    structlog.get_logger().info("kept", keyframe=3, participant="ada", room="key to success", error=OSError("broken"))
    (line,) = lines(log)
    assert (line["keyframe"], line["room"], line["error"]) == (3, "key to success", "broken")


def test_the_console_form_is_one_line_an_event() -> None:
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    try:
        configure_logging(LogSettings(level="warning"), stream=stream)
        structlog.get_logger().info("not this")
        structlog.get_logger().warning("but this", participant="ada")
        logging.getLogger("any").warning("and this")
    finally:
        structlog.configure(**before)
        root.handlers[:] = handlers
        root.setLevel(level)
    shown = stream.getvalue().splitlines()
    assert len(shown) == 2
    assert "but this" in shown[0]
    assert "participant=ada" in shown[0]
