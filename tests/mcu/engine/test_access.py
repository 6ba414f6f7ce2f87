"""Rooms in worker processes keep their doors: talk and lobby cross the border, and a lock outlives its worker."""

import asyncio
from pathlib import Path

import pytest

from mcu.engine.processes import ProcessEngine
from mcu.errors import Forbidden, Locked
from mcu.passwords import hash_password
from mcu.protocol.access import Admit, ListWaiting, RoomChanges, UpdateRoom, Waiting, WaitingList
from mcu.protocol.commands import Done, GetRoom, Join, Joined, Leave
from mcu.protocol.events import AppMessage, ChatPosted
from mcu.protocol.models import RoomInfo, RoomSpec
from mcu.protocol.talk import ChatHistory, Delivered, GetChatHistory, Said, Say, SendApp
from tests.mcu.engine.test_processes import VIEW, ask, end_worker, found, running, until_event


async def test_talk_and_the_lobby_cross_the_border_and_a_lock_outlives_its_worker(tmp_path: Path) -> None:
    async with running(tmp_path) as engine:
        await talk_and_admit(engine)
        await lock_and_lose_the_worker(engine)


async def talk_and_admit(engine: ProcessEngine) -> None:
    room = await engine.open(RoomSpec(name="a", view=VIEW, lobby=True, metadata={"topic": "tea"}))
    host = await ask(room, Join(name="Host", identity="host", role="moderator", passes=True), Joined)
    assert (host.room.lobby, host.room.owner, host.room.metadata) == (True, "host", {"topic": "tea"})
    knock = await ask(room, Join(name="Ada", identity="ada", attributes={"team": "blue"}), Waiting)
    assert (await ask(room, ListWaiting(), WaitingList)).waiting[0].attributes == {"team": "blue"}
    news = room.events("ada")
    await ask(room, Admit(participant="ada"), WaitingList)
    assert (await until_event(news, "admitted")).to == "ada"
    await ask(room, Join(name="Ada", identity="ada", admission=knock.admission), Joined)
    await ask(room, GetChatHistory(participant="ada"), ChatHistory)
    assert (await ask(room, Say(sender="host", text="hi\n안녕", to=("ada",)), Said)).delivered == 1
    said = await until_event(news, "chat")
    assert isinstance(said, ChatPosted)
    assert (said.message.text, said.message.to) == ("hi\n안녕", ("ada",))
    await ask(room, SendApp(sender="host", topic="x", payload={"n": [1, None, 0.5]}), Delivered)
    app = await until_event(news, "app")
    assert isinstance(app, AppMessage)
    assert app.payload == {"n": [1, None, 0.5]}
    await ask(room, UpdateRoom(changes=RoomChanges(on_owner_left="close", metadata={"topic": None})), RoomInfo)
    await ask(room, Leave(participant="host"), Done)
    await until_event(news, "room_closed")


async def lock_and_lose_the_worker(engine: ProcessEngine) -> None:
    room = await engine.open(RoomSpec(name="b", view=VIEW))
    ada = await ask(room, Join(name="Ada", identity="ada"), Joined)
    hashed = await asyncio.to_thread(hash_password, "x")
    changes = RoomChanges(locked=True, password_hash=hashed, metadata={"topic": "tea"})
    await ask(room, UpdateRoom(changes=changes), RoomInfo)
    await end_worker(room)
    back = await found(engine, "b")
    info = await ask(back, GetRoom(), RoomInfo)
    assert (info.locked, info.password, info.metadata) == (True, True, {"topic": "tea"})
    with pytest.raises(Locked):
        await ask(back, Join(name="Bob"), Joined)
    again = await ask(back, Join(name="Ada", identity="ada", resume_token=ada.resume_token), Joined)
    assert again.participant.id == ada.participant.id
    await ask(back, UpdateRoom(changes=RoomChanges(locked=False)), RoomInfo)
    with pytest.raises(Forbidden) as refused:
        await ask(back, Join(name="Bob", password="y"), Joined)
    assert refused.value.error_code == "wrong_password"
    await ask(back, Join(name="Bob", password="x"), Joined)
