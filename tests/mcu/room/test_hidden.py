"""A hidden observer sees and hears the room, and is neither seen nor heard."""

import asyncio
from pathlib import Path

from mcu.protocol.commands import Join, Joined
from mcu.protocol.models import RoomSpec
from tests.mcu.room.meeting import VIEW, Hum, ask, connect, enter, running_engine, until


async def test_a_hidden_observer_gets_everything_and_gives_nothing(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await engine.open(RoomSpec(name="room", view=VIEW, chimes=True))
        eye = (await ask(room, Join(name="Eye", hidden=True), Joined)).participant.id
        client = await connect(room, eye)
        assert not room.sounds.snapshot.announcements, "no chime tells of them"
        ada = await enter(room, "Ada")
        assert room.sounds.snapshot.announcements
        client.pc.getSenders()[0].replaceTrack(Hum())
        picture = await asyncio.wait_for(client.tracks["video"].recv(), 20)
        assert picture.width == 320  # type: ignore[union-attr]  # a video track gives pictures
        await asyncio.wait_for(client.tracks["audio"].recv(), 20)
        ada.client.pc.getSenders()[0].replaceTrack(Hum())
        await until(lambda: room.sounds.statistics.contributors == 1)
        (observer,) = [person for person in room.participants if person.id == eye]
        await until(lambda: observer.playout.statistics.received > 50)
        assert room.sounds.statistics.contributors == 1
        assert {tile.participant for tile in room.views.main.composite.tile_map.tiles} == {ada.id}
        assert observer.decodings["camera"].statistics.decoded == 0
        await ada.close()
        await client.close()
