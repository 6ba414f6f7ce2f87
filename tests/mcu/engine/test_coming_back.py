"""What waits for people while their room's worker is killed with -9: what was said to them, and their place in line."""

from pathlib import Path

from mcu.protocol.access import Admit, ListWaiting, Waiting, WaitingList
from mcu.protocol.commands import Detach, Done, GetLayout, GetLayoutHistory, Join, Joined, MergeLayout
from mcu.protocol.layout import LayoutState
from mcu.protocol.models import RoomSpec
from mcu.protocol.talk import (
    ChatHistory,
    ChatMessage,
    EditMessage,
    GetChatHistory,
    GetReady,
    ReadySet,
    Said,
    Say,
    SetReady,
)
from mcu.protocol.versions import LayoutHistory
from tests.mcu.engine.test_processes import VIEW, ask, running, until_event
from tests.mcu.engine.test_restoring import lost_and_found


async def test_pins_and_who_is_ready_hold_on(tmp_path: Path) -> None:
    async with running(tmp_path) as engine:
        room = await engine.open(RoomSpec(name="a", view=VIEW))
        ada, bo = [await ask(room, Join(name=name, identity=name), Joined) for name in ("ada", "bo")]
        pinned = await ask(room, MergeLayout(patch={"preset": "speaker", "pinned": "bo"}, by="ada"), LayoutState)
        await ask(room, SetReady(participant="ada", ready=True), ReadySet)
        await ask(room, SetReady(participant="bo", ready=True), ReadySet)
        await ask(room, SetReady(participant="bo", ready=False), ReadySet)

        back = await lost_and_found(engine, room)
        assert await ask(back, GetLayout(), LayoutState) == pinned
        assert (await ask(back, GetLayoutHistory(), LayoutHistory)).versions[0].by == "ada"
        await ask(back, Join(name="ada", identity="ada"), Joined)
        assert (await ask(back, GetReady(), ReadySet)).ready == (), "who can't show their token is somebody new"
        await ask(back, Join(name="bo", identity="bo", resume_token=bo.resume_token), Joined)
        await ask(back, Join(name="ada", identity="ada", resume_token=ada.resume_token), Joined)
        assert (await ask(back, GetReady(), ReadySet)).ready == ("ada",)
        assert await ask(back, GetLayout(), LayoutState) == pinned

        again = await lost_and_found(engine, back)
        assert await ask(again, GetLayout(), LayoutState) == pinned


async def test_what_was_said_in_private_to_somebody_reconnecting_is_told_once(tmp_path: Path) -> None:
    async with running(tmp_path) as engine:
        room = await engine.open(RoomSpec(name="a", view=VIEW))
        ada, bo, cy = [await ask(room, Join(name=name), Joined) for name in ("ada", "bo", "cy")]
        me, reader = ada.participant.id, bo.participant.id
        await ask(room, GetChatHistory(participant=reader), ChatHistory)
        said = [await ask(room, Say(sender=me, text="psst", to=(reader,)), Said)]
        await ask(room, Detach(participant=reader, resume_token=bo.resume_token), Done)
        said.append(await ask(room, Say(sender=me, text="are you", to=(reader,)), Said))
        await ask(room, EditMessage(message=said[1].message_id, text="are you there?", by=me), ChatMessage)

        back = await lost_and_found(engine, room)
        other = await ask(back, Join(name="cy", resume_token=cy.resume_token), Joined)
        heard = await ask(back, GetChatHistory(participant=other.participant.id), ChatHistory)
        assert heard.messages == (), "it is nobody else's business"
        await ask(back, Join(name="bo", resume_token=bo.resume_token), Joined)

        back = await lost_and_found(engine, back)  # before they asked for it
        again = [token for token, who in back.memory.former.items() if who == reader]
        await ask(back, Join(name="bo", resume_token=again[-1]), Joined)
        history = (await ask(back, GetChatHistory(participant=reader), ChatHistory)).messages
        assert [one.text for one in history] == ["psst", "are you there?"]
        assert [one.id for one in history] == [one.message_id for one in said]
        assert (await ask(back, GetChatHistory(participant=reader), ChatHistory)).messages == ()


async def test_the_line_before_the_door_is_the_same_and_who_was_let_in_may_come(tmp_path: Path) -> None:
    async with running(tmp_path) as engine:
        room = await engine.open(RoomSpec(name="a", view=VIEW, lobby=True))
        line = [await ask(room, Join(name=name), Waiting) for name in ("zoe", "yan", "xu")]
        await ask(room, Admit(participant=line[1].waiting.id), WaitingList)

        back = await lost_and_found(engine, room)
        host = await ask(back, Join(name="Host", identity="host", role="moderator", passes=True), Joined)
        assert (await ask(back, ListWaiting(), WaitingList)).waiting == (line[0].waiting, line[2].waiting)
        yan = await ask(back, Join(name="yan", admission=line[1].admission), Joined)
        assert yan.participant.id == line[1].waiting.id
        zoe = Join(name="zoe", admission=line[0].admission)
        assert await ask(back, zoe, Waiting) == line[0]
        news = back.events(line[0].waiting.id)
        await ask(back, Admit(participant=line[0].waiting.id), WaitingList)
        await until_event(news, "admitted")
        await ask(back, zoe, Joined)

        again = await lost_and_found(engine, back)
        assert (await ask(again, ListWaiting(), WaitingList)).waiting == (line[2].waiting,)
        assert (await ask(again, Join(name="Host", resume_token=host.resume_token), Joined)).resumed is False
