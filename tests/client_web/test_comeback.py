"""How the page comes back when the network takes something away, in a real Chromium."""

import pytest

from tests.client_web.fakeserver import FakeServer, autojoin
from tests.client_web.nouns import ME
from tests.kit.browser import Chromium

NO_REGULAR_PING = "{ const real = setInterval; window.setInterval = (f, ms) => (ms < 10_000 ? real(f, ms) : 0); }"

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="package")]


async def test_a_lost_socket_comes_back_with_its_token(room: FakeServer, chromium: Chromium) -> None:
    async with chromium.open(autojoin(room)) as page:
        await page.wait_for_state("live")
        await room.cut()
        again = await room.wait_for("join", at_least=2)
        assert again["resume"] == "token-1"
        await page.wait_for_state("live")
        await room.wait_for("media_state", at_least=2, audio=True, video=True)
        assert len([kind for kind, _ in room.asked if kind == "offer"]) == 1, "the picture went on meanwhile"


async def test_a_failed_connection_is_replaced(room: FakeServer, chromium: Chromium) -> None:
    async with chromium.open(autojoin(room)) as page:
        await page.wait_for_state("live")
        failed = {"code": "connection_failed", "message": "it died", "connection": "main"}
        await room.say("error", failed)
        await room.wait_for("offer", at_least=2)
        await page.wait_for_state("live")
        await page.wait_for_frames(5)
        assert page.complaints == []


async def test_a_socket_that_leads_nowhere_is_found_out_with_the_path(room: FakeServer, chromium: Chromium) -> None:
    """The network changed: neither end is told. What fails first makes the page look after the rest at once."""
    async with chromium.open(f"{room.url}/?room=demo&name=Kim") as page:
        await page.page.evaluate(NO_REGULAR_PING)
        await page.page.get_by_role("button", name="Join", exact=True).click()
        await page.wait_for_state("live")
        room.ignore()
        await room.say("error", {"code": "connection_failed", "message": "it died", "connection": "main"})
        await page.page.get_by_text("Reconnecting…", exact=True).wait_for()
        assert (await room.wait_for("join", at_least=2))["resume"] == "token-1"
        await page.wait_for_state("live")
        await room.wait_for("offer", at_least=2)
        await page.wait_for_frames(3)
        assert await page.page.evaluate("window.mcu.me") == ME
        assert not await page.page.locator("#connection").is_visible()
        assert page.complaints == []


async def test_who_is_offline_is_told(room: FakeServer, chromium: Chromium) -> None:
    async with chromium.open(autojoin(room)) as page:
        await page.wait_for_state("live")
        await page.page.context.set_offline(True)
        await page.page.get_by_text("You are offline", exact=True).wait_for()
        await page.page.context.set_offline(False)
        await page.page.locator("#connection").wait_for(state="hidden")
        await page.wait_for_state("live")
