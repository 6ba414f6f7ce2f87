"""Joins of people the server has no room for, and of people who were here before."""

from pathlib import Path

import pytest

from mcu.errors import NoCapacity
from mcu.protocol.access import Admit, Waiting, WaitingList
from mcu.protocol.commands import Join, Joined
from mcu.protocol.models import RoomSpec
from tests.mcu.room.meeting import VIEW, ask, running_engine


async def test_a_full_server_lets_only_those_in_who_are_here(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await engine.open(RoomSpec(name="room", view=VIEW, lobby=True))
        host = await ask(room, Join(name="Host", role="moderator"), Joined)
        await ask(room, Join(name="Host", resume_token=host.resume_token, newcomers=False), Joined)
        for somebody in (Join(name="Ada", passes=True), Join(name="Ada", resume_token="made up", passes=True)):
            with pytest.raises(NoCapacity) as refused:
                await room.call(somebody.model_copy(update={"newcomers": False}))
            assert refused.value.retry_after_s

        knock = Join(name="Bo", newcomers=False)
        waiting = await ask(room, knock, Waiting)
        await ask(room, Admit(participant=waiting.waiting.id), WaitingList)
        back = knock.model_copy(update={"admission": waiting.admission})
        with pytest.raises(NoCapacity):
            await room.call(back)
        await ask(room, back.model_copy(update={"newcomers": True}), Joined)


async def test_who_was_in_an_earlier_life_of_the_room_has_their_id_again_and_no_identity(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await engine.open(RoomSpec(name="room", view=VIEW))
        for _ in range(2):
            ada = (await ask(room, Join(name="Ada", former="a1"), Joined)).participant
            assert (ada.id, ada.identified) == ("a1", False)
        assert len(room.participants) == 1, "the second join replaced the first"
