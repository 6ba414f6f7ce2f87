"""What a room that has closed still takes: nothing large, and not only once Python's collector has come."""

import gc
from pathlib import Path

from mixer.canvas import Canvas
from mixer.scaled import Scaled
from tests.kit.reachable import living
from tests.mcu.room.meeting import enter, open_room, running_engine, until


async def test_a_closed_room_keeps_no_picture(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        gc.collect()
        gc.disable()
        try:
            before = living(Canvas, Scaled)
            room = await open_room(engine)
            ada = await enter(room, "Ada")
            await until(lambda: living(Scaled) and room.views.main.composite.statistics.submitted)
            await ada.close()
            await engine.close_room("room")
            await until(lambda: living(Canvas, Scaled) <= before)
        finally:
            gc.enable()
