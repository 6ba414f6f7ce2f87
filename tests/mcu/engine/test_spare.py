"""A process in reserve: it takes the place of a worker that was killed, and another follows it."""

import os
import signal
from pathlib import Path

import pytest

from mcu.config import EngineConfig
from mcu.engine import spare
from mcu.engine.processes import ProcessEngine
from mcu.protocol.commands import GetRoom
from mcu.protocol.models import RoomInfo, RoomSpec
from tests.kit import rtc
from tests.mcu.engine.test_processes import VIEW, alive, ask, end_worker, found, until


async def test_a_spare_takes_the_place_of_a_killed_worker_and_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spare, "PAUSE_S", 0.0)
    engine = ProcessEngine(EngineConfig(rtc=rtc.LOOPBACK, recordings_dir=tmp_path), 1, spare=True)
    await engine.start()
    reserve = engine.fleet.spare
    assert reserve is not None
    try:
        room = await engine.open(RoomSpec(name="a", view=VIEW))
        await until(lambda: reserve.ready)
        first = reserve.pid
        assert first not in (None, room.worker.pid)
        (place,) = await engine.places()
        assert [info.name for info in place.rooms] == ["a"], "a spare is no place for rooms"
        assert "mcu_spare_worker_ready 1.0" in await engine.metrics()

        assert (await end_worker(room))[-1] == "moved"
        back = await found(engine, "a")
        assert (back.worker.pid, back.worker.number) == (first, 1)
        assert (await ask(back, GetRoom(), RoomInfo)).name == "a"

        await until(lambda: reserve.ready and reserve.pid != first)
        second = reserve.pid or 0
        os.kill(second, signal.SIGKILL)
        await until(lambda: reserve.ready and reserve.pid != second)
        assert await engine.find("a") is back
        third = reserve.pid or 0
    finally:
        await engine.close()
    assert not alive(third)
