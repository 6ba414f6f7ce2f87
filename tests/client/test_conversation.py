"""Python participants in a real room: they talk, wait in its lobby, and look after it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from api.app import create_app
from api.server import build_server
from api.settings import Settings
from client.errors import JoinRefused, Removed, RequestRefused
from client.room import Room
from mcu.config import EngineConfig
from mcu.network import RtcSettings
from mcu.protocol.events import AppMessage, Reacted, ReadyChanged
from mcu.protocol.models import RoomSpec, ViewSpec
from tests.api.people import KEY, pass_for
from tests.conftest import StartEngine

WAIT_S = 20.0


@pytest.fixture
async def url(tmp_path: Path, real_engine: StartEngine) -> AsyncIterator[str]:
    """A server whose room ``team`` is open, and ``club`` with a lobby."""
    settings = Settings(port=0, recordings_dir=tmp_path, keys={"k1": KEY})  # type: ignore[dict-item]  # pydantic's way
    rtc = RtcSettings(allow_loopback_addresses=True)
    engine = await real_engine(EngineConfig(rtc=rtc, recordings_dir=tmp_path))
    small = ViewSpec(width=64, height=64, fps=5)
    await engine.open(RoomSpec(name="team", view=small))
    await engine.open(RoomSpec(name="club", view=small, lobby=True))
    server = build_server(create_app(settings, engine), settings)
    serving = asyncio.create_task(server.serve())
    await asyncio.wait_for(server.listening.wait(), WAIT_S)
    yield server.url
    server.should_exit = True
    await asyncio.wait_for(serving, WAIT_S)


def join(
    url: str, who: str, room: str = "team", on_waiting: Callable[[], None] | None = None, **grants: Any
) -> AbstractAsyncContextManager[Room]:
    token = pass_for(who, room, **grants)
    return Room.connect(url, room, who, token=token, receive=False, on_waiting=on_waiting)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110 - the room's events bring it about
            await asyncio.sleep(0.01)


async def test_people_talk_and_both_sides_remember_it(url: str) -> None:
    async with join(url, "ada") as ada, join(url, "bob") as bob:
        news = bob.events()
        said = await ada.chat.say("hello")
        await ada.chat.say("psst", to=["bob"])
        await until(lambda: len(bob.chat.messages) == 2)
        assert bob.chat.messages == ada.chat.messages
        assert (bob.chat.messages[0].name, bob.chat.messages[1].to) == ("Ada", ("bob",))
        await ada.chat.edit(said.id, "hello!")
        await until(lambda: bob.chat.messages[0].text == "hello!")
        assert ada.chat.messages[0].edited_at is not None
        await ada.chat.delete(said.id)
        await until(lambda: len(bob.chat.messages) == len(ada.chat.messages) == 1)
        assert await ada.send_app("board/line", {"x": 1}, to=["bob"]) == 1
        await ada.react("👏")
        await ada.set_ready()
        told = []
        async with asyncio.timeout(WAIT_S):
            async for event in news:
                told += [event] if isinstance(event, AppMessage | Reacted | ReadyChanged) else []
                if len(told) == 3:
                    break
        assert [(event.type, getattr(event, "sender", "ada")) for event in told] == [
            ("app", "ada"),
            ("reaction", "ada"),
            ("ready", "ada"),
        ]


async def test_a_moderator_lets_in_locks_and_sends_away(url: str) -> None:
    async with AsyncExitStack() as stack:
        mod = await stack.enter_async_context(join(url, "mod", role="moderator", admin=True))
        await mod.moderation.lock()
        with pytest.raises(JoinRefused) as locked:
            await stack.enter_async_context(join(url, "ada"))
        assert locked.value.code == "room_locked"
        await mod.moderation.lock(False)
        ada = await stack.enter_async_context(join(url, "ada"))
        with pytest.raises(RequestRefused) as forbidden:
            await ada.moderation.kick("mod")
        assert forbidden.value.code == "forbidden"
        await mod.moderation.set_role("ada", "moderator")
        await until(lambda: ada.participant.role == "moderator")
        await mod.moderation.kick("ada", "enough", ban_s=60)
        assert isinstance(await asyncio.wait_for(ada.ended(), WAIT_S), Removed)
        with pytest.raises(JoinRefused) as banned:
            await stack.enter_async_context(join(url, "ada"))
        assert banned.value.code == "banned"


async def test_a_lobby_is_waited_in_until_somebody_decides(url: str) -> None:
    waits = asyncio.Event()
    async with AsyncExitStack() as stack:
        mod = await stack.enter_async_context(join(url, "mod", "club", role="moderator"))
        entering = asyncio.create_task(stack.enter_async_context(join(url, "ada", "club", waits.set)))
        await asyncio.wait_for(waits.wait(), WAIT_S)
        await until(lambda: [one.id for one in mod.waiting] == ["ada"])
        assert not entering.done()
        await mod.moderation.admit("ada")
        ada = await asyncio.wait_for(entering, WAIT_S)
        assert (ada.participant.id, ada.state) == ("ada", "joined")
        await until(lambda: "ada" in mod.participants and not mod.waiting)
        waits.clear()
        refused = asyncio.create_task(stack.enter_async_context(join(url, "bob", "club", waits.set)))
        await asyncio.wait_for(waits.wait(), WAIT_S)
        await mod.moderation.deny(reason="members only")
        with pytest.raises(JoinRefused, match="members only") as denied:
            await asyncio.wait_for(refused, WAIT_S)
        assert denied.value.code == "denied"
