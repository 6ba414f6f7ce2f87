"""The list of rooms that chat pages show."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from api.gateway import Gateway
from api.signaling.socketio.board import Board


async def test_a_client_that_cannot_be_told_costs_nobody_else_the_list() -> None:
    told: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()

    async def rooms() -> list[Any]:
        return [SimpleNamespace(name="team", participants=1)]

    async def fail(*_: Any) -> None:
        raise KeyError("gone")

    async def tell(*said: Any) -> None:
        told.put_nowait(said)

    anybody = SimpleNamespace(may=lambda action, room: True)
    lines = [SimpleNamespace(emit=fail, principal=anybody), SimpleNamespace(emit=tell, principal=anybody)]
    gateway = SimpleNamespace(engine=SimpleNamespace(rooms=rooms), visible=Gateway.visible)
    board = Board(cast(Any, gateway), lambda: cast(Any, lines))
    try:
        for _ in range(2):
            board.changed()
            assert await asyncio.wait_for(told.get(), 5) == ("room_change", ["team"])
    finally:
        await board.close()
