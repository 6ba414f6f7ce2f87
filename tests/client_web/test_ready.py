"""Who is ready, in a real Chromium against a room made of nothing."""

import pytest

from tests.client_web.fakeserver import FakeServer, autojoin
from tests.client_web.nouns import ME, person
from tests.kit.browser import Chromium

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="package")]


async def test_who_is_ready_is_said_and_seen(room: FakeServer, chromium: Chromium) -> None:
    room.others = [person("p-ada", "Ada")]
    async with chromium.open(autojoin(room)) as page:
        await page.wait_for_state("live")
        line, ada = page.page.locator("#ready-line"), page.page.locator("#roster li[data-participant=p-ada]")
        assert not await line.is_visible(), "where nobody uses it there is nothing to see"
        await page.page.keyboard.press("r")
        assert await room.wait_for("ready") == {"ready": True}
        await room.say("ready", {"ready": [ME], "waiting": ["p-ada"]})
        await line.get_by_text("1 of 2 ready").wait_for()
        assert not await line.get_by_role("button").is_visible(), "a new round is for moderators to begin"
        assert not await ada.get_by_label("ready", exact=True).is_visible()
        await room.say("ready", {"ready": [ME, "p-ada"], "waiting": []})
        await ada.get_by_label("ready", exact=True).wait_for()
        await page.page.locator("#announcements", has_text="Everybody is ready").wait_for()
        await page.page.get_by_role("button", name="You are not ready after all").click()
        await room.wait_for("ready", ready=False)
        await room.say("participant_left", {"id": "p-ada", "reason": "left"})
        await line.get_by_text("1 of 1 ready").wait_for()
        assert page.complaints == []


async def test_a_moderator_begins_a_new_round(room: FakeServer, chromium: Chromium) -> None:
    room.role = "moderator"
    async with chromium.open(autojoin(room)) as page:
        await page.wait_for_state("live")
        await room.say("ready", {"ready": [ME], "waiting": []})
        await page.page.get_by_role("button", name="Nobody is ready any more").click()
        assert await room.wait_for("ready", clear=True) == {"clear": True}
        await room.say("ready", {"ready": [], "waiting": [ME]})
        await page.page.locator("#ready-line").wait_for(state="hidden")
        assert page.complaints == []
