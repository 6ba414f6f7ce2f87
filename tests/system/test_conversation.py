"""A whole meeting by its rules, on a whole server: who comes in, who may do what, what is said, and how it ends.

Ada (whose room it is) and Bo are in browsers, the others in Python. The page is used as people use it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from pydantic import SecretStr

from api.auth import Authority, Grants, TokenSpec
from client.errors import JoinRefused, Removed
from client.room import Room
from tests.kit.browser import Chromium, RoomPage, launch_chromium
from tests.kit.server import Server, running_server

ROOM = "council"
PASSWORD = "open sesame"
NEW_PASSWORD = "open barley, please"
KEY = "a key of this test, long enough for HS256"
ADMIN_KEY = "an admin key of this test"
PATIENCE_S = 30.0
SETTINGS = {
    "MCU_KEYS__K1": KEY,
    "MCU_ADMIN_KEYS": f'["{ADMIN_KEY}"]',
    "MCU_VIEW__WIDTH": "320",
    "MCU_VIEW__HEIGHT": "180",
    "MCU_VIEW__FPS": "10",
    "MCU_VIEW__VIDEO_KBPS": "200",
    "MCU_VIEW__TIERS": "1",
}
SECRET = "the vault's number is 7"

WATCH_CONNECTIONS = """() => {
  window.made = [];
  for (const name of ["WebSocket", "RTCPeerConnection"]) {
    window[name] = class extends window[name] {
      constructor(...given) { super(...given); window.made.push(this); }
    };
  }
}"""
"""Before joining: so that the test can take from the page what a network takes."""

LOSE_EVERYTHING = """() => {
  for (const one of window.made.splice(0)) {
    if (one instanceof WebSocket) { one.close(); continue; }
    Object.defineProperty(one, "connectionState", { value: "failed" });
    one.dispatchEvent(new Event("connectionstatechange"));
  }
}"""


def token(identity: str, **grants: Any) -> str:
    spec = TokenSpec(identity=identity, name=identity.title(), grants=Grants(room=ROOM, **grants))
    return Authority({"k1": SecretStr(KEY)}).issue(spec).token


@dataclass
class Council:
    server: Server
    chromium: Chromium
    stack: contextlib.AsyncExitStack
    admin: httpx.AsyncClient
    people: dict[str, Room] = field(default_factory=dict)

    def address(self, identity: str, **options: str) -> str:
        fields = {"room": ROOM, "name": identity, "token": token(identity, **self._grants(identity)), "camera": "0"}
        return f"{self.server.url}/?{urlencode(fields | options)}"

    async def open(self, identity: str, **options: str) -> RoomPage:
        return await self.stack.enter_async_context(self.chromium.open(self.address(identity, **options)))

    async def connect(self, identity: str, password: str = PASSWORD) -> Room:
        """In Python. Returns once they are in; raises JoinRefused."""
        mine = token(identity, **self._grants(identity))
        joining = Room.connect(self.server.url, ROOM, identity, token=mine, receive=False, password=password)
        room = await self.stack.enter_async_context(joining)
        self.people[identity] = room
        return room

    async def messages(self) -> list[str]:
        """What the room tells whoever may ask."""
        answer = await self.admin.get(f"/api/v1/rooms/{ROOM}/messages")
        return [message["text"] for message in answer.json()["messages"]]

    @staticmethod
    def _grants(identity: str) -> dict[str, Any]:
        return {"role": "moderator"} if identity == "ada" else {}


@contextlib.asynccontextmanager
async def council(directory: Path) -> AsyncIterator[Council]:
    """A room with a lobby and a password that ends when Ada leaves."""
    rules = {"name": ROOM, "lobby": True, "password": PASSWORD, "owner": "ada", "on_owner_left": "close"}
    headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
    with running_server(directory, SETTINGS) as server:
        async with contextlib.AsyncExitStack() as stack:
            chromium = await stack.enter_async_context(launch_chromium())
            admin = await stack.enter_async_context(httpx.AsyncClient(base_url=server.url, headers=headers))
            assert (await admin.post("/api/v1/rooms", json=rules)).status_code == 201
            yield Council(server, chromium, stack, admin)


async def until(room: Room, holds: Callable[[], bool]) -> None:
    """Waits for news after which it holds."""
    async with asyncio.timeout(PATIENCE_S):
        events = room.events()
        if holds():
            return
        async for _ in events:
            if holds():
                return
    raise AssertionError("the events ended")


async def press(page: RoomPage, name: str) -> None:
    await page.page.get_by_role("button", name=name, exact=True).click()


async def open_person(page: RoomPage, name: str) -> None:
    more = page.page.get_by_role("button", name=f"More for {name}", exact=True)
    await more.focus()
    await more.press("Enter")


async def bo_knocks_with_the_password_and_is_let_in(met: Council, ada: RoomPage) -> RoomPage:
    bo = await met.open("bo")
    await bo.page.evaluate(WATCH_CONNECTIONS)
    await press(bo, "Join")
    await bo.page.get_by_label("Password of the room").fill("open barley")
    await press(bo, "Join")
    await bo.page.get_by_text("That is not the room's password.").wait_for()
    await bo.page.get_by_label("Password of the room").fill(PASSWORD)
    await press(bo, "Join")
    await bo.wait_for_state("waiting", PATIENCE_S)
    await press(ada, "Admit Bo")
    await bo.wait_for_state("live", PATIENCE_S)
    return bo


async def others_are_let_in_or_turned_away(met: Council, ada: RoomPage) -> None:
    dan, *joining = [asyncio.create_task(met.connect(name)) for name in ("dan", "chloe", "eve")]
    await press(ada, "Deny Dan")
    with pytest.raises(JoinRefused) as refused:
        await asyncio.wait_for(dan, PATIENCE_S)
    assert refused.value.code == "denied"
    await press(ada, "Admit Chloe")
    await press(ada, "Admit Eve")
    await asyncio.wait_for(asyncio.gather(*joining), PATIENCE_S)


async def a_moderator_made_by_a_moderator_mutes(met: Council, ada: RoomPage, bo: RoomPage) -> None:
    chloe = met.people["chloe"]
    assert not await bo.page.locator("#door").is_visible()
    await open_person(ada, "Chloe")
    await press(ada, "Make a moderator")
    await press(ada, "Done")
    await until(chloe, lambda: chloe.participant.role == "moderator")
    await chloe.moderation.mute("bo", audio=True, video=True)
    for page in (ada, bo):
        row = page.page.locator("#roster li[data-participant=bo]")
        await row.get_by_label("muted", exact=True).wait_for()
        await row.get_by_label("camera off", exact=True).wait_for()
    await chloe.moderation.mute("bo", audio=False, video=False)
    await chloe.moderation.pin("bo")


async def what_is_private_stays_so(met: Council, ada: RoomPage, bo: RoomPage) -> None:
    chloe, eve = met.people["chloe"], met.people["eve"]
    await bo.page.get_by_role("tab", name="Chat").click()
    await bo.page.get_by_label("Message to everybody").press_sequentially("hello all\n")
    await until(eve, lambda: bool(eve.chat.messages))
    await bo.page.get_by_label("To whom").select_option("chloe")
    await bo.page.get_by_label("Privately to Chloe").fill(SECRET)
    await bo.page.keyboard.press("Enter")
    await until(chloe, lambda: len(chloe.chat.messages) == 2)
    assert chloe.chat.messages[1].text == SECRET
    assert chloe.chat.messages[1].to == ("chloe",)
    await chloe.chat.say("<b>welcome</b>")
    await until(eve, lambda: len(eve.chat.messages) == 2)
    assert [message.text for message in eve.chat.messages] == ["hello all", "<b>welcome</b>"]
    assert await met.messages() == ["hello all", "<b>welcome</b>"]
    await ada.page.get_by_role("button", name="Chat: 2 unread").click()
    await ada.page.locator("#chat-log").get_by_text("<b>welcome</b>").wait_for()
    assert SECRET not in await ada.page.content()
    await ada.page.get_by_role("tab", name="People").click()


async def eve_is_removed_for_a_while(met: Council, ada: RoomPage) -> None:
    eve = met.people.pop("eve")
    await open_person(ada, "Eve")
    await ada.page.get_by_label("They may come back").select_option("after 5 minutes")
    await press(ada, "Remove from the room")
    assert isinstance(await asyncio.wait_for(eve.ended(), PATIENCE_S), Removed)
    with pytest.raises(JoinRefused) as refused:
        await met.connect("eve")
    assert refused.value.code == "banned"


async def her_ban_is_lifted(met: Council, ada: RoomPage) -> None:
    await press(ada, "Password, bans")
    await press(ada, "Let eve come back")
    await ada.page.get_by_text("Nobody is banned.").wait_for()
    await ada.page.get_by_label("New password").press_sequentially(f"{NEW_PASSWORD}\n")
    await ada.page.get_by_text("Whoever comes is asked for the password.").wait_for()
    await ada.wait_for("document.getElementById('door-password').value === ''")
    await ada.page.keyboard.press("Escape")
    with pytest.raises(JoinRefused) as refused:
        await met.connect("eve")
    assert refused.value.code == "wrong_password"


async def they_say_who_is_ready(ada: RoomPage, bo: RoomPage) -> None:
    await press(bo, "Say that you are ready (R)")
    await ada.page.get_by_text("1 of 3 ready").wait_for()
    await press(ada, "Nobody is ready any more")
    await bo.page.get_by_role("button", name="Say that you are ready (R)").wait_for()


async def a_locked_room_takes_nobody_new(met: Council, ada: RoomPage, bo: RoomPage) -> None:
    await press(ada, "Lock the room")
    await bo.page.locator("#locked").wait_for()
    with pytest.raises(JoinRefused) as refused:
        await met.connect("fay")
    assert refused.value.code == "room_locked"
    await press(ada, "Unlock the room")
    await press(ada, "Let everybody in")
    await ada.page.get_by_role("button", name="Ask before letting in").wait_for()
    fay = await asyncio.wait_for(met.connect("fay", NEW_PASSWORD), PATIENCE_S)
    await until(fay, lambda: len(fay.chat.messages) == 2)
    assert SECRET not in [message.text for message in fay.chat.messages], "who comes later reads no private words"


async def bo_comes_back_as_the_same(met: Council, bo: RoomPage) -> None:
    """The socket and the path of sound and picture end at once: as when a phone leaves the house."""
    chloe = met.people["chloe"]
    tiles = {tile["participant"] for tile in await bo.tiles()}
    joined_at = chloe.participants["bo"].joined_at
    await bo.page.evaluate(LOSE_EVERYTHING)
    await bo.page.get_by_text("Reconnecting…", exact=True).wait_for()
    await chloe.chat.say("meanwhile")
    await bo.wait_for_state("live", PATIENCE_S)
    await bo.wait_for("window.made.some((one) => one.connectionState === 'connected')", PATIENCE_S)
    await bo.wait_for_frames(3, PATIENCE_S)
    await bo.page.locator("#chat-log").get_by_text("meanwhile").wait_for()
    await bo.page.locator("#chat-log").get_by_text(SECRET).wait_for()
    assert await bo.page.evaluate("window.mcu.me") == "bo"
    assert {tile["participant"] for tile in await bo.tiles()} == tiles
    assert chloe.participants["bo"].joined_at == joined_at, "they never left"
    layout = (await met.admin.get(f"/api/v1/rooms/{ROOM}/views/main/layout")).json()
    assert layout["pinned"] == "bo"


async def a_second_join_replaces_the_first(met: Council, bo: RoomPage) -> None:
    await asyncio.wait_for(met.connect("bo", NEW_PASSWORD), PATIENCE_S)
    await bo.page.get_by_text("You joined from another window.").wait_for()
    listed = (await met.admin.get(f"/api/v1/rooms/{ROOM}/participants")).json()["participants"]
    assert sorted(person["id"] for person in listed) == ["ada", "bo", "chloe", "fay"]


async def it_ends_when_its_owner_leaves(met: Council, ada: RoomPage) -> None:
    await press(ada, "Leave")
    for room in met.people.values():
        assert isinstance(await asyncio.wait_for(room.ended(), PATIENCE_S), Removed)
    assert (await met.admin.get(f"/api/v1/rooms/{ROOM}")).status_code == 404


@pytest.mark.browser
@pytest.mark.timeout(180)
async def test_a_meeting_by_its_rules(tmp_path: Path) -> None:
    async with council(tmp_path) as met:
        ada = await met.open("ada", autojoin="1")
        await ada.wait_for_state("live", PATIENCE_S)  # who moderates needs no password, and nobody to let them in
        bo = await bo_knocks_with_the_password_and_is_let_in(met, ada)
        await others_are_let_in_or_turned_away(met, ada)
        await a_moderator_made_by_a_moderator_mutes(met, ada, bo)
        await what_is_private_stays_so(met, ada, bo)
        await eve_is_removed_for_a_while(met, ada)
        await her_ban_is_lifted(met, ada)
        await they_say_who_is_ready(ada, bo)
        await a_locked_room_takes_nobody_new(met, ada, bo)
        assert bo.complaints == []
        await bo_comes_back_as_the_same(met, bo)
        await a_second_join_replaces_the_first(met, bo)
        await it_ends_when_its_owner_leaves(met, ada)
        assert ada.complaints == []
        assert SECRET not in met.server.log
        assert PASSWORD not in met.server.log
        assert NEW_PASSWORD not in met.server.log
