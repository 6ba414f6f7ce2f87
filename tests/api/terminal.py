"""The ``mcu`` command as somebody at a terminal uses it."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from api.cli import app
from tests.api.conftest import ADMIN_KEY
from tests.api.people import Meeting


class Terminal:
    """Somebody at a terminal with an admin key."""

    def __init__(self, meeting: Meeting, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MCU_SERVER", meeting.server.url)
        monkeypatch.setenv("MCU_KEY", ADMIN_KEY)
        monkeypatch.setenv("COLUMNS", "200")

    async def run(self, *words: str, status: int = 0, says: str | None = None) -> Result:
        """With ``says``, which is typed in."""
        result = await asyncio.to_thread(CliRunner().invoke, app, words, input=says)
        assert result.exit_code == status, result.output
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    async def json(self, *words: str, says: str | None = None) -> Any:
        return json.loads((await self.run(*words, "--json", says=says)).stdout)


@pytest.fixture
def terminal(meeting: Meeting, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    with capture_logs():  # the server writes to the same stream
        yield Terminal(meeting, monkeypatch)
