"""A layout of a live room chooses people by what is known of them, and follows when that changes."""

from pathlib import Path

import pytest

from mcu.errors import Unprocessable
from mcu.protocol.commands import Join, Joined, ListParticipants, ParticipantList, SetLayout, UpdateParticipant
from mcu.protocol.events import ParticipantUpdated
from mcu.protocol.layout import Layout, LayoutState
from mcu.protocol.models import ParticipantInfo
from mcu.protocol.names import MAX_ATTRIBUTES
from mcu.room.room import Room
from tests.mcu.room.meeting import ask, connect, next_event, open_room, running_engine, until

BLUE = {
    "variants": [
        {
            "regions": [
                {
                    "id": "team",
                    "box": [0, 0, 1, 1],
                    "grid": {"columns": 2, "rows": 2},
                    "pick": {"match": "attr:team=b*"},
                }
            ]
        }
    ]
}


def shown(room: Room) -> set[str]:
    return {tile.participant for tile in room.views.main.composite.tile_map.tiles}


async def change(room: Room, who: str, **attributes: str | None) -> ParticipantInfo:
    return await ask(room, UpdateParticipant(participant=who, attributes=attributes), ParticipantInfo)


async def test_a_live_layout_shows_who_has_the_attribute_and_follows_its_changes(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        clients = []
        for who, attributes in (("ada", {"team": "blue"}), ("bo", {"team": "red"}), ("cleo", {})):
            await ask(room, Join(name=who, identity=who, attributes=attributes), Joined)
            clients.append(await connect(room, who, audio=False))
        await until(lambda: shown(room) == {"ada", "bo", "cleo"})
        await ask(room, SetLayout(layout=Layout.model_validate(BLUE)), LayoutState)
        await until(lambda: shown(room) == {"ada"})
        await change(room, "cleo", team="Black")
        await until(lambda: shown(room) == {"ada", "cleo"})
        await change(room, "ada", team=None)
        await until(lambda: shown(room) == {"cleo"})
        for client in clients:
            await client.close()


async def test_attributes_merge_are_told_and_stay_few(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        joined = await ask(room, Join(name="Ada", identity="ada", attributes={"team": "blue", "seat": "3"}), Joined)
        assert joined.participant.attributes == {"team": "blue", "seat": "3"}
        events = room.events()
        assert (await change(room, "ada", seat=None, floor="2", none=None)).attributes == {"team": "blue", "floor": "2"}
        told = await next_event(events, "participant_updated")
        assert isinstance(told, ParticipantUpdated)
        assert told.participant.attributes == {"team": "blue", "floor": "2"}
        with pytest.raises(Unprocessable) as refused:
            await change(room, "ada", **{f"key{n}": "" for n in range(MAX_ATTRIBUTES - 1)})
        assert refused.value.field == "attributes"
        (ada,) = (await ask(room, ListParticipants(), ParticipantList)).participants
        assert ada.attributes == {"team": "blue", "floor": "2"}, "a refused change changes nothing"
        await ask(room, UpdateParticipant(participant="ada", gain=0.5), ParticipantInfo)
        assert joined.participant.attributes == {"team": "blue", "seat": "3"}, "what was told stays as it was"
