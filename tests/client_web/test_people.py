"""The list of people and what moderators do there, in a real Chromium against a room made of nothing."""

from typing import Any

import pytest

from tests.client_web.fakeserver import FakeServer, autojoin
from tests.client_web.nouns import ME, person
from tests.kit.browser import Chromium, RoomPage

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="package")]

VIEWS = {"main": (640, 360), "tall": (360, 480)}
PHONE = (360, 640)


async def open_person(page: RoomPage, name: str) -> None:
    await page.page.get_by_role("button", name=f"More for {name}").focus()
    await page.page.keyboard.press("Enter")
    await page.page.get_by_role("dialog").get_by_role("heading", name=name).wait_for()


async def press(page: RoomPage, name: str) -> None:
    await page.page.get_by_role("dialog").get_by_role("button", name=name, exact=True).click()


async def change(room: FakeServer, **fields: Any) -> None:
    await room.say("participant_updated", {"participant": {"id": "p-ada", **fields}})


async def test_who_does_not_moderate_sees_nothing_of_it(room: FakeServer, chromium: Chromium) -> None:
    room.others = [{**person("p-ada", "Ada"), "role": "moderator", "group": "red"}]
    async with chromium.open(autojoin(room)) as page:
        await page.wait_for_state("live")
        await page.page.locator("#roster").get_by_text("moderator · group red").wait_for()
        for name in ("Mute Ada", "Put Ada", "Lower the hand of Ada", "More for Grace"):
            assert await page.page.get_by_role("button", name=name).count() == 0, name
        await open_person(page, "Ada")
        assert not await page.page.locator("#person-moderation").is_visible()
        await press(page, "Write privately")
        await page.page.get_by_label("Privately to Ada").press_sequentially("psst\n")
        assert await room.wait_for("chat") == {"text": "psst", "to": ["p-ada"]}
        assert page.complaints == []


async def test_moderators_mute_move_promote_and_place(room: FakeServer, chromium: Chromium) -> None:
    room.role, room.views, room.others = "moderator", VIEWS, [{**person("p-ada", "Ada"), "hand": True}]
    async with chromium.open(autojoin(room)) as page:
        await page.wait_for_state("live")
        await page.page.locator("li[data-participant=p-ada]").hover()
        await page.page.get_by_role("button", name="Mute Ada for everybody").click()
        assert await room.wait_for("mute") == {"participant": "p-ada", "audio": True}
        await change(room, server_muted_audio=True)
        await open_person(page, "Ada")
        await press(page, "Let them speak")
        assert await room.wait_for("mute", at_least=2) == {"participant": "p-ada", "audio": False}
        await press(page, "Hide the picture")
        assert await room.wait_for("mute", at_least=3) == {"participant": "p-ada", "video": True}
        await change(room, server_muted_video=True)
        await press(page, "Let them be seen")
        assert await room.wait_for("mute", at_least=4) == {"participant": "p-ada", "video": False}
        await press(page, "Lower the hand")
        assert await room.wait_for("patch", hand=False) == {"participant": "p-ada", "hand": False}
        await page.page.locator("#person-hand").wait_for(state="hidden")
        await press(page, "Make a moderator")
        assert await room.wait_for("role") == {"participant": "p-ada", "role": "moderator"}
        await page.page.get_by_label("Group").fill("red")
        await press(page, "Move")
        assert await room.wait_for("patch", group="red") == {"participant": "p-ada", "group": "red"}
        await page.page.get_by_label("View they watch").select_option("tall")
        assert await room.wait_for("patch", view="tall") == {"participant": "p-ada", "view": "tall"}
        await press(page, "Put on the stage")
        assert (await room.wait_for("layout"))["layout"]["pinned"] == "p-ada"
        await press(page, "Take off the stage")
        assert (await room.wait_for("layout", at_least=2))["layout"]["pinned"] is None
        assert page.complaints == []


async def test_moderators_remove_and_keep_out_who_can_be_known(room: FakeServer, chromium: Chromium) -> None:
    room.role = "moderator"
    room.others = [{**person("p-ada", "Ada"), "identified": True}, person("p-bo", "Bo"), person("p-chl", "Chloé")]
    room.others[2]["role"] = "admin"
    async with chromium.open(autojoin(room)) as page:
        await page.wait_for_state("live")
        await open_person(page, "Ada")
        await page.page.get_by_label("They may come back").select_option("after an hour")
        await press(page, "Remove from the room")
        assert await room.wait_for("kick") == {"participant": "p-ada", "ban_s": 3600}
        await open_person(page, "Bo")
        assert not await page.page.get_by_label("They may come back").is_visible(), "nothing would keep Bo out"
        await press(page, "Remove from the room")
        assert await room.wait_for("kick", at_least=2) == {"participant": "p-bo"}
        await open_person(page, "Chloé")
        assert not await page.page.locator("#person-role").is_visible(), "only admins touch admins"
        await room.say("participant_left", {"id": "p-chl", "reason": "left"})
        await page.page.get_by_role("dialog").wait_for(state="hidden")
        await room.say("participant_updated", {"participant": {"id": ME, "role": "participant"}})
        await page.page.get_by_role("button", name="More for Grace").wait_for(state="hidden")
        assert page.complaints == []


async def test_the_dialog_fits_a_phone(room: FakeServer, chromium: Chromium) -> None:
    room.role, room.views, room.others = "moderator", VIEWS, [{**person("p-ada", "A" * 64), "identified": True}]
    async with chromium.open(autojoin(room), viewport=PHONE) as page:
        await page.wait_for_state("live")
        await open_person(page, "A" * 64)
        box = await page.page.get_by_role("dialog").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE[0]
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= PHONE[1]
        await press(page, "Done")
        assert page.complaints == []
