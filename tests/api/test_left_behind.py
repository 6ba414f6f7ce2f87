"""What stays of people and rooms that have gone: nothing, and not only once Python's collector has come."""

import asyncio
import gc
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api.session import Session
from api.signaling.conversation import Conversation
from api.signaling.textsocket import TextSocket
from mcu.room.participant import Participant
from tests.api.people import ROOM, Meeting
from tests.api.socket import BOUND_S
from tests.kit.reachable import living, mentions

GUESTS = 5
HOSTS_OWN = 3
"""Who stays has a session, a conversation and a socket."""


@pytest.fixture
def no_collector() -> Iterator[None]:
    """What goes now goes because nobody holds it."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def until(left: Callable[[], object]) -> None:
    """Returns once there is nothing ``left``."""
    deadline_s = asyncio.get_running_loop().time() + BOUND_S
    while found := left():
        assert asyncio.get_running_loop().time() < deadline_s, found
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("way", ["leaves", "vanishes", "is thrown out"])
async def test_nothing_of_a_guest_waits_for_the_collector(meeting: Meeting, way: str, no_collector: None) -> None:
    await meeting.enter("host")
    for number in range(GUESTS):
        guest = await meeting.enter(f"guest-{number}")
        match way:
            case "leaves":
                await guest.ask("leave")
            case "is thrown out":
                await meeting.admin.delete(f"{ROOM}/participants/guest-{number}")
            case _:
                await guest.connection.close()
        await guest.closed()
    await until(lambda: living(Session, Conversation, TextSocket) > HOSTS_OWN)


async def test_who_has_left_is_not_kept_in_the_room(meeting: Meeting, no_collector: None) -> None:
    await meeting.enter("host")
    for number in range(GUESTS):
        guest = await meeting.enter(f"guest-{number}")
        await guest.ask("media_state", audio=True, video=True, screen=False)
        await guest.ask("leave")
        await guest.closed()
    await until(lambda: living(Participant) > 1)


async def test_no_register_remembers_who_has_left_or_which_rooms_there_were(meeting: Meeting) -> None:
    host = await meeting.enter("host")
    for number in range(GUESTS):
        guest = await meeting.enter(f"leaver-{number}")
        await guest.ask("media_state", audio=True, video=True, screen=False)
        await guest.ask("hand", raised=True)
        await guest.ask("ready", ready=True)
        await guest.ask("leave")
        await guest.connection.close()
        spec = {"name": f"bygone-{number}"}
        assert (await meeting.admin.post("/api/v1/rooms", json=spec)).is_success
        assert (await meeting.admin.delete(f"/api/v1/rooms/bygone-{number}")).is_success
        assert (await meeting.admin.get(f"/api/v1/rooms/unheard-of-{number}")).status_code == 404
    # Variables of loops may still name the last ones.
    last = await meeting.enter("last")
    await last.ask("leave")
    assert (await meeting.admin.post("/api/v1/rooms", json={"name": "last"})).is_success
    assert (await meeting.admin.delete("/api/v1/rooms/last")).is_success
    gateway = meeting.server.config.app.state.gateway  # type: ignore[union-attr]  # it is the application
    await host.ask("ping")
    for word in ("leaver-", "bygone-", "unheard-of-"):
        # SQLAlchemy keeps each statement with what it was first asked with; there are few.
        await until(partial(mentions, gateway, word, AsyncEngine))
