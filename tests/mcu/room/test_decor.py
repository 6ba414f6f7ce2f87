"""What a picture shows besides people, from a command to the pixels: raised hands."""

import asyncio
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mcu.errors import NotFound
from mcu.protocol.commands import Join, Joined, SetHand, Snapshot, TakeSnapshot
from mcu.protocol.events import ParticipantUpdated
from mcu.protocol.models import ParticipantInfo
from mcu.room.room import Room
from tests.mcu.room.meeting import ask, connect, next_event, open_room, running_engine, until


async def picture(room: Room) -> NDArray[np.int16]:
    """The view ``main`` as BGR."""
    taken = await ask(room, TakeSnapshot(format="png"), Snapshot)
    decoded = cv2.imdecode(np.frombuffer(taken.data, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.asarray(decoded, np.int16)


async def shows(room: Room, before: NDArray[np.int16], *, changed: bool) -> NDArray[np.int16]:
    """Waits until the view differs from ``before``, or doesn't; the picture then."""
    async with asyncio.timeout(20):
        while True:
            now = await picture(room)
            if bool(np.any(np.abs(now - before) > 24)) == changed:
                return now


async def test_a_raised_hand_is_told_to_everybody_and_drawn_until_it_is_taken_down(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        joined = await ask(room, Join(name="Ada"), Joined)
        ada = joined.participant.id
        client = await connect(room, ada, video=False)
        await until(lambda: room.views.main.composite.tile_map.tiles)
        before, events = await picture(room), room.events()
        assert (await ask(room, SetHand(participant=ada, raised=True), ParticipantInfo)).hand
        told = await next_event(events, "participant_updated")
        assert isinstance(told, ParticipantUpdated)
        assert (told.participant.id, told.participant.hand) == (ada, True)
        await shows(room, before, changed=True)
        assert not (await ask(room, SetHand(participant=ada, raised=False), ParticipantInfo)).hand
        await shows(room, before, changed=False)
        with pytest.raises(NotFound):
            await room.call(SetHand(participant="nobody", raised=True))
        await client.close()
