"""The layout menu, the views and raised hands of the browser page in a real Chromium."""

import pytest

from tests.client_web.fakeserver import FakeServer, autojoin
from tests.client_web.nouns import ME, person
from tests.kit.browser import Chromium, RoomPage

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="package")]

PRESETS = ["grid", "speaker", "sidebar", "pip", "strip", "presentation", "spotlight"]
PHONE = (390, 844)
CHOSEN = "document.querySelector('#layout-choices [aria-checked=true]')"
RATIO = "(({ width, height }) => width / height)(document.getElementById('stage').getBoundingClientRect())"


async def choose(page: RoomPage, name: str) -> None:
    await page.page.get_by_role("button", name="Layout").click()
    await page.page.get_by_role("radio", name=name).click()


async def test_every_preset_can_be_chosen_and_undone(room: FakeServer, chromium: Chromium) -> None:
    async with chromium.open(autojoin(room)) as page:
        await page.wait_for_state("live")
        buttons = await page.page.locator("#layout-menu [data-preset]").all()
        assert [await button.get_attribute("data-preset") for button in buttons] == PRESETS
        for preset in PRESETS:
            icons = await page.page.locator(f"[id='icon-{preset}']").count()
            assert icons == 1, preset
        await choose(page, "Picture in picture")
        assert (await room.wait_for("layout"))["layout"] == {"preset": "pip", "gap": 4}
        await page.wait_for(f"{CHOSEN}.dataset.preset === 'pip'")
        await page.page.get_by_role("button", name="Layout").click()
        await page.page.get_by_role("button", name="Undo").click()
        await page.wait_for(f"{CHOSEN}.dataset.preset === 'grid'")
        assert page.complaints == []
        await page.page.get_by_role("button", name="Layout").click()
        await page.page.get_by_role("button", name="Undo").click()
        await page.page.locator(".toast:not(.error)", has_text="no change of the layout left to undo").wait_for()


async def test_custom_layouts_and_plugins_are_named_and_can_be_left(room: FakeServer, chromium: Chromium) -> None:
    variants: list[dict[str, list[str]]] = [{"regions": []}]
    room.layouts["main"] = {"preset": "grid", "variants": variants, "gap": 4}
    async with chromium.open(autojoin(room)) as page:
        await page.wait_for_state("live")
        await page.wait_for(f"{CHOSEN}.innerText !== undefined && {CHOSEN}.textContent.startsWith('Custom')")
        await page.page.get_by_role("button", name="Layout").click()
        await page.page.get_by_role("radio", name="Custom", checked=True).click()
        assert await page.page.locator("#layout-menu").is_hidden()
        await choose(page, "Grid")
        assert (await room.wait_for("layout"))["layout"] == {"preset": "grid", "variants": None, "gap": 4}
        await page.wait_for(f"{CHOSEN}.dataset.preset === 'grid'")
        await room.change_layout("main", {"preset": "plugin:circle", "variants": None})
        await page.wait_for(f"{CHOSEN}.textContent.startsWith('Plug-in: circle')")
        assert await page.page.locator("#layout-icon").get_attribute("href") == "#icon-plugin"
        for view in ("elsewhere", "main"):
            await room.say("layout_plugin_ejected", {"view": view, "name": f"circle-{view}", "reason": "too slow"})
        await page.page.locator(".toast", has_text="plug-in circle-main failed").wait_for()
        assert await page.page.locator(".toast", has_text="circle-elsewhere").count() == 0
        assert page.complaints == []


async def test_another_view_is_watched_and_arranged(room: FakeServer, chromium: Chromium) -> None:
    async with chromium.open(autojoin(room), viewport=PHONE) as page:
        await page.wait_for_state("live")
        chooser = page.page.get_by_role("combobox", name="View")
        assert await chooser.is_hidden(), "one view is no choice"
        await page.wait_for(f"Math.abs({RATIO} - 16 / 9) < 0.02")
        room.layouts["tall"] = {"preset": "strip", "gap": 2}
        await room.change_views({"main": (640, 360), "tall": (360, 480)})
        await chooser.select_option("tall")
        await room.wait_for("view", name="tall")
        await page.wait_for("document.getElementById('composite').videoHeight === 480")
        await page.wait_for(f"Math.abs({RATIO} - 3 / 4) < 0.02")
        assert await page.page.evaluate("window.mcu.view") == "tall"
        await page.wait_for(f"{CHOSEN}.dataset.preset === 'strip'")
        await room.change_layout("main", {"preset": "spotlight"})
        await choose(page, "Grid")
        assert await room.wait_for("layout") == {"view": "tall", "layout": {"preset": "grid", "gap": 2}}
        await page.wait_for(f"{CHOSEN}.dataset.preset === 'grid'")
        await room.say(
            "tiles", {"view": "main", "tiles": [{"participant": "x", "source": "camera", "name": "Elsewhere"}]}
        )
        await room.say("tiles", {"view": "tall", "tiles": [{"participant": "x", "source": "camera", "name": "Ada"}]})
        await page.wait_for("document.getElementById('composite').getAttribute('aria-label') === 'On screen: Ada'")
        await room.say("participant_updated", {"participant": {"id": ME, "view": "main"}})
        await room.change_views({"main": (640, 360)})
        await page.wait_for(f"{CHOSEN}.dataset.preset === 'spotlight'")
        assert await chooser.is_hidden()
        assert len([kind for kind, _ in room.asked if kind == "offer"]) == 1, "no view needs a new connection"
        assert page.complaints == []


async def test_hands_go_up_and_down(room: FakeServer, chromium: Chromium) -> None:
    room.others = [person("p-ada", "Ada")]
    async with chromium.open(autojoin(room)) as page:
        await page.wait_for_state("live")
        mine = page.page.locator(f"li[data-participant={ME}]").get_by_label("hand raised")
        assert await mine.is_hidden()
        await page.page.get_by_role("button", name="Raise your hand").click()
        await room.wait_for("hand", raised=True)
        await mine.wait_for()
        await room.say("participant_updated", {"participant": {**person("p-ada", "Ada"), "hand": True}})
        await page.page.locator("li[data-participant=p-ada]").get_by_label("hand raised").wait_for()
        assert "Ada raised a hand" in await page.page.locator("#announcements").inner_text()
        await page.page.keyboard.press("h")
        await room.wait_for("hand", raised=False)
        await mine.wait_for(state="hidden")
        assert page.complaints == []


async def test_an_older_server_has_no_hands(room: FakeServer, chromium: Chromium) -> None:
    """On a phone, where Hand and Record wait behind More."""
    room.knows_hands = False
    async with chromium.open(autojoin(room), viewport=PHONE) as page:
        await page.wait_for_state("live")
        hand, more = page.page.locator("#hand"), page.page.get_by_role("button", name="More")
        assert await hand.is_hidden()
        await more.click()
        await hand.click()
        await page.page.locator(".toast.error").wait_for()
        await more.click()
        await page.page.locator("#record").wait_for()
        assert await hand.is_hidden()
        await page.page.keyboard.press("Escape")
        await page.page.locator("#record").wait_for(state="hidden")
        assert page.complaints == []
