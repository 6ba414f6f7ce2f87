"""Who waits before a room's door while its worker is killed: they wait on, on the socket they have."""

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from mcu.config import EngineConfig
from mcu.engine.engine import Engine
from mcu.engine.processes import ProcessEngine
from tests.api.conftest import meet
from tests.api.people import ADMIN_KEY, KEY, ROOM, Meeting
from tests.api.test_door import MODERATOR, wait_in_lobby
from tests.conftest import CLOSE_TIMEOUT_S
from tests.mcu.engine.test_processes import found


@pytest.fixture
async def processes(monkeypatch: pytest.MonkeyPatch) -> list[ProcessEngine]:
    monkeypatch.setattr("api.app.ENGINE_CLOSE_TIMEOUT_S", CLOSE_TIMEOUT_S)
    return []


@pytest.fixture
async def meeting(recordings_dir: Path, stack: AsyncExitStack, processes: list[ProcessEngine]) -> Meeting:
    """A server with keys whose rooms are in a worker process."""

    async def start(config: EngineConfig) -> Engine:
        processes.append(ProcessEngine(config, 1))
        await processes[0].start()
        return processes[0]

    return await meet(start, recordings_dir, stack, keys={"k1": KEY}, admin_keys=(ADMIN_KEY,))


async def kill_worker(engine: ProcessEngine) -> None:
    room = await found(engine, "team")
    assert room.worker.pid is not None
    os.kill(room.worker.pid, signal.SIGKILL)
    await asyncio.wait_for(room.worker.lost.wait(), CLOSE_TIMEOUT_S)


async def test_who_waits_waits_on_where_the_room_goes_on(meeting: Meeting, processes: list[ProcessEngine]) -> None:
    await meeting.set_room(lobby=True)
    zoe, yan, xu, win = [await wait_in_lobby(meeting, who) for who in ("zoe", "yan", "xu", "win")]
    before = (await meeting.admin.get(f"{ROOM}/lobby")).json()["waiting"]
    await kill_worker(processes[0])
    await xu.connection.close()
    await found(processes[0], "team")
    moderator = await meeting.enter("mod", **MODERATOR)
    waiting = (await moderator.event("lobby"))["waiting"]
    while len(waiting) == 4:  # xu is gone once the room has heard it
        waiting = (await moderator.event("lobby"))["waiting"]
    assert waiting == [one for one in before if one["id"] != "xu"]

    await moderator.ask("admit", participant="yan")
    joined = await yan.event("joined")
    assert joined["participant"]["id"] == "yan"
    assert (await yan.ask("chat", text="hello"))["delivered"] == 1
    await moderator.ask("admit", participant="zoe", admit=False, reason="not today")
    assert (await zoe.event("denied"))["message"] == "not today"

    await win.connection.send('{"id": 9, "type": "leave"}')
    assert await win.closed() == 1000
    while (await moderator.event("lobby"))["waiting"]:
        pass
