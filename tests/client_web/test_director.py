"""What somebody does who directs: records the view they watch, and looks after what is scheduled. A real Chromium."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.client_web.fakeserver import FakeServer, autojoin
from tests.client_web.nouns import ME, person
from tests.kit.browser import Chromium, RoomPage

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="package")]

VIEWS = {"main": (640, 360), "tall": (360, 480)}
PHONE = (390, 844)


def change(number: int, hours: float, **wanted: Any) -> dict[str, Any]:
    """A scheduled change of a layout as the wire has it."""
    at = (datetime.now(UTC) + timedelta(hours=hours)).isoformat()
    return {"id": f"c{number}", "at": at, "layout": None, "patch": wanted, "by": "p-ada"}


async def until_coming_up(page: RoomPage, *ids: str) -> None:
    """Waits until the menu names these changes."""
    shown = "[...document.querySelectorAll('#layout-scheduled-list li')].map((row) => row.dataset.change).join()"
    await page.wait_for(f"{shown} === {','.join(ids)!r}")


async def test_the_view_that_is_watched_is_recorded(room: FakeServer, chromium: Chromium) -> None:
    room.views, room.layouts["tall"] = VIEWS, {"preset": "strip"}
    async with chromium.open(autojoin(room)) as page:
        await page.wait_for_state("live")
        badge, record = page.page.locator("#recording"), page.page.locator("#record")
        await page.page.get_by_role("combobox", name="View").select_option("tall")
        await page.wait_for("window.mcu.view === 'tall'")
        await record.click()
        assert await room.wait_for("record") == {"action": "start", "view": "tall"}
        tall = {"id": "r1", "view": "tall", "state": "active", "file": "r1.mp4", "duration_s": 61.0}
        await room.say("recording", tall)
        await badge.get_by_text("Recording", exact=True).wait_for()
        await room.say("recording", {**tall, "id": "r2", "view": "main", "duration_s": 3661.0})
        await page.page.get_by_role("combobox", name="View").select_option("main")
        await page.wait_for("document.getElementById('recording-time').textContent.startsWith('61:0')")
        await room.say("recording", {**tall, "id": "r2", "view": "main", "state": "finished"})
        await badge.get_by_text("Recording tall").wait_for()
        await page.wait_for("document.getElementById('recording-time').textContent.startsWith('1:0')")
        assert await record.get_attribute("aria-label") == "Record what you see here, and everybody's sound"
        assert "Recording of the view main stopped" in await page.page.locator("#announcements").inner_text()
        await page.page.get_by_role("combobox", name="View").select_option("tall")
        await page.page.get_by_role("button", name="Stop recording").click()
        assert await room.wait_for("record", at_least=1, action="stop") == {"action": "stop", "view": "tall"}
        await room.say("recording", {**tall, "state": "finished"})
        await badge.wait_for(state="hidden")
        assert page.complaints == []


async def test_who_comes_later_sees_which_view_is_recorded(room: FakeServer, chromium: Chromium) -> None:
    room.views, room.recorded = VIEWS, ["tall"]
    async with chromium.open(autojoin(room)) as page:
        await page.wait_for_state("live")
        await page.page.locator("#recording").get_by_text("Recording tall").wait_for()
        assert await page.page.locator("#record-pause").is_hidden(), "it is another view's"
        assert await page.page.locator("#record").get_attribute("aria-label") != "Stop recording"
        assert page.complaints == []


async def test_who_comes_later_sees_that_it_is_paused(room: FakeServer, chromium: Chromium) -> None:
    room.recorded, room.paused = ["main"], ["main"]
    async with chromium.open(autojoin(room)) as page:
        await page.wait_for_state("live")
        await page.page.locator("#recording").get_by_text("Recording paused").wait_for()
        await page.page.get_by_role("button", name="Go on recording").click()
        await room.wait_for("record", action="resume")
        assert page.complaints == []


async def test_a_moderator_sees_what_is_scheduled_and_cancels_it(room: FakeServer, chromium: Chromium) -> None:
    room.role = "moderator"
    room.scheduled += [change(1, 1.0, preset="speaker"), change(2, 48.0, preset="plugin:circle")]
    async with chromium.open(autojoin(room), viewport=PHONE) as page:
        await page.wait_for_state("live")
        await until_coming_up(page, "c1", "c2")
        soon = change(3, 0.5, gap=20, background="#000000")
        await room.say("layout_scheduled", {"view": "elsewhere", "change": change(4, 0.1, preset="pip")})
        await room.say("layout_scheduled", {"view": "main", "change": soon})
        await until_coming_up(page, "c3", "c1", "c2")
        await page.page.get_by_role("button", name="Layout").click()
        section = page.page.get_by_role("region", name="Coming up")
        texts = [text.strip() for text in await section.locator("li > span").all_inner_texts()]
        assert [text.splitlines()[0] for text in texts] == ["Another gap, background", "Speaker", "Plug-in: circle"]
        year = str((datetime.now(UTC) + timedelta(hours=48)).year)
        assert year in texts[2], "a day that is not today is named"
        box = await section.get_by_role("button", name="Cancel: Speaker").bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 44, "a thumb needs 44 px"
        await section.get_by_role("button", name="Cancel: Speaker").click()
        await until_coming_up(page, "c3", "c2")
        assert await section.is_visible(), "the menu stays open"
        state = {"layout": {"preset": "grid", "gap": 20}, "etag": "3"}
        await room.say("layout_changed", {"view": "main", "state": state, "by": "p-ada", "scheduled": "c3"})
        await until_coming_up(page, "c2")
        await section.get_by_role("button", name="Cancel: Plug-in").click()
        await section.wait_for(state="hidden")
        assert page.complaints == []
        await room.say("layout_scheduled", {"view": "main", "change": change(5, 0.5, preset="pip")})
        await section.get_by_role("button", name="Cancel: Picture in picture").click()
        await page.page.locator(".toast:not(.error)", has_text="made or cancelled already").wait_for()


async def test_others_see_what_is_scheduled_and_cannot_cancel(room: FakeServer, chromium: Chromium) -> None:
    room.views, room.layouts["tall"] = VIEWS, {"preset": "strip"}
    room.scheduled.append(change(1, 1.0, preset="strip"))
    async with chromium.open(autojoin(room)) as page:
        await page.wait_for_state("live")
        await until_coming_up(page, "c1")
        assert await page.page.locator("#layout-scheduled button").count() == 0
        await room.say("participant_updated", {"participant": {"id": ME, "view": "tall"}})
        await until_coming_up(page)
        await room.say("participant_updated", {"participant": {"id": ME, "view": "main", "role": "moderator"}})
        await until_coming_up(page, "c1")
        assert await page.page.locator("#layout-scheduled button").count() == 1
        await room.cut()
        room.scheduled.clear()
        await room.wait_for("join", at_least=2)
        await until_coming_up(page)
        assert page.complaints == []


async def test_a_moderator_lowers_the_hands_of_others(room: FakeServer, chromium: Chromium) -> None:
    room.others = [{**person("p-ada", "Ada"), "hand": True}, person("p-bo", "Bo")]
    async with chromium.open(autojoin(room)) as page:
        await page.wait_for_state("live")
        lower = page.page.locator("li[data-participant=p-ada]").get_by_role("button", name="Lower the hand of Ada")
        await page.page.locator("li[data-participant=p-ada]").hover()
        assert await lower.count() == 0, "not everybody's to do"
        await room.say("participant_updated", {"participant": {"id": ME, "role": "moderator"}})
        await lower.click()
        assert await room.wait_for("patch") == {"participant": "p-ada", "hand": False}
        await lower.wait_for(state="hidden")
        assert await page.page.get_by_role("button", name="Lower the hand of").count() == 0
        assert page.complaints == []
