"""A room takes as many as it holds, in whatever order people come in one instant, and each of them once."""

import asyncio
from pathlib import Path

import pytest

from mcu.errors import Conflict
from mcu.protocol.commands import Command, Join, Joined, Reply
from mcu.protocol.models import RoomSpec
from mcu.room.connections import Connections
from mcu.room.participant import Participant
from mcu.room.room import Room
from tests.mcu.room.meeting import VIEW, ask, running_engine


@pytest.fixture(autouse=True)
def slow_farewell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Giving back what somebody held takes a while, in which others come."""
    drop_all = Connections.drop_all

    async def slowly(self: Connections, participant: Participant) -> None:
        await asyncio.sleep(0)
        await drop_all(self, participant)
        await asyncio.sleep(0)

    monkeypatch.setattr(Connections, "drop_all", slowly)


async def all_at_once(room: Room, *commands: Command) -> tuple[list[Reply], list[str]]:
    """The answers, and the codes of the refusals."""
    answers = await asyncio.gather(*(room.call(command) for command in commands), return_exceptions=True)
    refusals = [answer for answer in answers if isinstance(answer, BaseException)]
    assert all(isinstance(refusal, Conflict) for refusal in refusals), refusals
    return [answer for answer in answers if not isinstance(answer, BaseException)], [
        refusal.error_code for refusal in refusals if isinstance(refusal, Conflict)
    ]


async def test_of_twenty_who_come_at_once_a_room_takes_those_it_holds(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await engine.open(RoomSpec(name="room", view=VIEW, capacity=5))
        joined, refused = await all_at_once(room, *(Join(name=f"P{number}") for number in range(20)))
        assert (len(joined), refused) == (5, ["room_full"] * 15)
        assert room.info.participants == 5


async def test_who_is_replaced_by_themselves_keeps_their_place_meanwhile(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await engine.open(RoomSpec(name="room", view=VIEW, capacity=5))
        for number in range(5):
            await ask(room, Join(name="P", identity=f"p{number}"), Joined)
        again = [Join(name="P", identity=f"p{number}") for number in range(5)]
        joined, refused = await all_at_once(room, *again, *(Join(name="New") for _ in range(5)))
        assert (len(joined), len(refused)) == (5, 5)
        assert sorted(person.id for person in room.participants) == [f"p{number}" for number in range(5)]


async def test_two_of_one_identity_in_one_instant_are_one_person(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await engine.open(RoomSpec(name="room", view=VIEW, capacity=1))
        await ask(room, Join(name="Ada", identity="ada"), Joined)
        kicks = room.events("ada")
        joined, refused = await all_at_once(room, *(Join(name=f"Ada {number}", identity="ada") for number in range(3)))
        assert (len(joined), refused) == (3, [])
        assert [person.id for person in room.participants] == ["ada"]
        tokens = {one.resume_token for one in joined if isinstance(one, Joined)}
        assert room.participants[0].resume_token in tokens
        replaced = 0
        while replaced < 3:
            event = await asyncio.wait_for(anext(kicks), 10)
            replaced += event.type == "kicked"
