"""Events reach those they are for, and a reader that sleeps costs nobody else anything."""

import asyncio

from mcu.protocol.events import Kicked, ParticipantLeft, RoomClosed
from mcu.room.events import BACKLOG, Events


def left(who: str) -> ParticipantLeft:
    return ParticipantLeft(id=who, reason="left")


async def test_everybody_hears_public_news_and_only_its_owner_the_private() -> None:
    events = Events()
    ada, bob, admin = events.subscribe("ada"), events.subscribe("bob"), events.subscribe(None)
    events.emit(left("eve"))
    events.emit(Kicked(to="bob", reason="x"))
    events.emit(RoomClosed())
    heard = {who: [e.type async for e in subscription] for who, subscription in
             {"ada": ada, "bob": bob, "admin": admin}.items()}  # fmt: skip
    assert heard["ada"] == ["participant_left", "room_closed"]
    assert heard["bob"] == heard["admin"] == ["participant_left", "kicked", "room_closed"]


async def test_a_reader_that_sleeps_is_ended_and_others_go_on() -> None:
    events = Events()
    sleeper, reader = events.subscribe("s"), events.subscribe("r")
    got = 0
    for n in range(BACKLOG + 10):
        events.emit(left(f"p{n}"))
        await anext(reader)
        got += 1
    assert got == BACKLOG + 10
    assert events.overflows == 1
    assert len([e async for e in sleeper]) == BACKLOG


async def test_an_ended_subscription_hears_nothing_more() -> None:
    events = Events()
    subscription = events.subscribe(None)
    await subscription.aclose()
    await subscription.aclose()
    events.emit(left("p"))
    assert [e async for e in subscription] == []


async def test_a_waiting_reader_wakes_for_news() -> None:
    events = Events()
    subscription = events.subscribe(None)
    waiting = asyncio.ensure_future(anext(subscription))
    await asyncio.sleep(0)
    events.emit(left("p"))
    assert (await asyncio.wait_for(waiting, 5)).type == "participant_left"
