"""The room's door, from both sides, in a real Chromium against a room made of nothing."""

from typing import Any

import pytest

from tests.client_web.fakeserver import FakeServer, autojoin
from tests.client_web.nouns import JOINED_AT, ME
from tests.kit.browser import Chromium

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="package")]


PHONE = (360, 640)


def waits(identifier: str, name: str) -> dict[str, Any]:
    """A WaitingInfo of the wire."""
    return {"id": identifier, "name": name, "attributes": {}, "since": JOINED_AT}


async def test_a_lobby_is_waited_in_until_somebody_decides(room: FakeServer, chromium: Chromium) -> None:
    room.lobby = True
    async with chromium.open(autojoin(room)) as page:
        await page.wait_for_state("waiting")
        await page.page.get_by_text("somebody inside has to let you in").wait_for()
        assert not await page.page.locator("#room").is_visible()
        await room.say("denied", {"code": "denied", "message": "members only"})
        await page.page.get_by_text("members only").wait_for()
        await page.wait_for_state("lobby")
        await page.page.get_by_role("button", name="Join", exact=True).click()
        await page.page.get_by_role("button", name="Don't wait").click()
        await page.wait_for_state("lobby")
        await page.page.get_by_role("button", name="Join", exact=True).click()
        await room.wait_for("join", at_least=3)
        await page.wait_for_state("waiting")
        await room.let_in()
        await page.wait_for_state("live")
        assert not await page.page.locator("#waiting").is_visible()
        assert page.complaints == []


async def test_a_password_is_asked_for_and_remembered_nowhere(room: FakeServer, chromium: Chromium) -> None:
    room.refuse_join = {"code": "password_required", "message": "this room has a password"}
    async with chromium.open(f"{room.url}/?room=demo&name=Kim") as page:
        field = page.page.get_by_label("Password of the room")
        assert not await field.is_visible()
        join = page.page.get_by_role("button", name="Join", exact=True)
        await join.click()
        await field.fill("open")
        room.refuse_join = {"code": "wrong_password", "message": "no"}
        await join.click()
        await page.page.get_by_text("That is not the room's password. Try again.").wait_for()
        assert await field.input_value() == ""
        room.refuse_join = None
        await field.fill("open sesame")
        await join.click()
        await page.wait_for_state("live")
        assert (await room.wait_for("join", password="open sesame"))["name"] == "Kim"
        kept = await page.page.evaluate("JSON.stringify(localStorage) + JSON.stringify(sessionStorage) + location.href")
        assert "sesame" not in kept
        assert page.complaints == []


async def test_moderators_let_in_and_turn_away(room: FakeServer, chromium: Chromium) -> None:
    room.role = "moderator"
    async with chromium.open(autojoin(room)) as page:
        await page.wait_for_state("live")
        evil = "<img src=x onerror=\"document.title='owned'\">"
        await room.say("lobby", {"waiting": [waits("w1", "Zoë"), waits("w2", evil)]})
        await page.page.get_by_text("2 waiting", exact=True).wait_for()
        assert "waits to be let in" in await page.page.locator("#announcements").inner_text()
        assert await page.page.locator("#lobby-list img").count() == 0
        await page.page.get_by_role("button", name="Deny <img").click()
        assert await room.wait_for("admit") == {"participant": "w2", "admit": False}
        await page.page.get_by_role("button", name="Admit all").click()
        assert await room.wait_for("admit", participant=None) == {"participant": None, "admit": True}
        await room.say("lobby", {"waiting": [waits("w1", "Zoë")]})
        admit = page.page.get_by_role("button", name="Admit Zoë")
        await admit.focus()
        await page.page.keyboard.press("Enter")
        assert await room.wait_for("admit", participant="w1") == {"participant": "w1", "admit": True}
        await room.say("lobby", {"waiting": []})
        await page.page.locator("#lobby-list").wait_for(state="hidden")
        assert not await page.page.locator("#waiting-count").is_visible()
        assert page.complaints == []


async def test_moderators_set_a_password_and_take_it_away(room: FakeServer, chromium: Chromium) -> None:
    room.role = "moderator"
    async with chromium.open(autojoin(room)) as page:
        await page.wait_for_state("live")
        await page.page.get_by_role("button", name="Password, bans").click()
        await page.page.get_by_text("The room has no password.").wait_for()
        remove = page.page.get_by_role("button", name="Remove", exact=True)
        assert not await remove.is_visible()
        field = page.page.get_by_label("New password")
        await page.page.get_by_role("button", name="Set", exact=True).click()
        await field.press_sequentially("open sesame\n")
        await page.page.get_by_text("Whoever comes is asked for the password.").wait_for()
        await page.wait_for("document.getElementById('door-password').value === ''")
        assert [d for kind, d in room.asked if kind == "patch_room"] == [{"password": "open sesame"}], (
            "an empty one is none"
        )
        await remove.click()
        await page.page.get_by_text("The room has no password.").wait_for()
        assert await room.wait_for("patch_room", password=None) == {"password": None}
        await page.page.keyboard.press("Escape")
        assert not await page.page.locator("#door-dialog").is_visible()
        assert page.complaints == []


async def test_moderators_see_who_is_banned_and_lift_it(room: FakeServer, chromium: Chromium) -> None:
    evil = "<img src=x onerror=\"document.title='owned'\">"
    room.role = "moderator"
    room.bans = [{"identity": one, "until": JOINED_AT, "reason": evil} for one in ("eve", "max")]
    async with chromium.open(autojoin(room), viewport=PHONE) as page:
        await page.wait_for_state("live")
        await page.page.get_by_role("button", name="Password, bans").click()
        await page.page.get_by_role("button", name="Let eve come back").click()
        await page.wait_for("document.querySelectorAll('#door-bans li').length === 1")
        assert await room.wait_for("lift") == {"identity": "eve"}
        assert evil in await page.page.locator("#door-bans").inner_text()
        assert await page.page.locator("#door-bans img").count() == 0
        assert await page.page.evaluate("document.activeElement.ariaLabel") == "Let max come back"
        await page.page.keyboard.press("Enter")
        await page.page.get_by_text("Nobody is banned.").wait_for()
        assert await page.page.evaluate("document.activeElement.id") == "door-done"
        await room.say("participant_updated", {"participant": {"id": ME, "role": "participant"}})
        await page.page.locator("#door-dialog").wait_for(state="hidden")
        assert page.complaints == []


async def test_the_list_of_bans_follows_what_others_do(room: FakeServer, chromium: Chromium) -> None:
    room.role = "moderator"
    room.bans = [{"identity": one, "until": JOINED_AT, "reason": ""} for one in ("eve", "max")]
    async with chromium.open(autojoin(room)) as page:
        await page.wait_for_state("live")
        await page.page.get_by_role("button", name="Password, bans").click()
        await page.page.get_by_role("button", name="Let max come back").focus()
        room.bans.insert(0, {"identity": "zoe", "until": JOINED_AT, "reason": ""})
        await room.say("bans", {})
        await page.page.get_by_role("button", name="Let zoe come back").wait_for()
        assert await page.page.evaluate("document.activeElement.ariaLabel") == "Let max come back"
        room.bans.clear()
        await room.say("bans", {})
        await page.page.get_by_text("Nobody is banned.").wait_for()
        assert await page.page.evaluate("document.activeElement.id") == "door-done"
        assert page.complaints == []


async def test_moderators_lock_the_room_and_all_see_it(room: FakeServer, chromium: Chromium) -> None:
    async with chromium.open(autojoin(room)) as page:
        await page.wait_for_state("live")
        assert not await page.page.locator("#door").is_visible(), "the door is for moderators"
        await room.say("room_updated", {"room": {"name": "demo", "locked": True, "lobby": False}})
        await page.page.locator("#locked").wait_for()
    room.role = "moderator"
    async with chromium.open(autojoin(room)) as page:
        await page.wait_for_state("live")
        await page.page.get_by_role("button", name="Lock the room").click()
        assert await room.wait_for("lock") == {"locked": True}
        await room.say("room_updated", {"room": {"name": "demo", "locked": True, "lobby": False}})
        await page.page.get_by_role("button", name="Unlock the room").click()
        assert await room.wait_for("lock", locked=False) == {"locked": False}
        assert page.complaints == []
