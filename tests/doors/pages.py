"""Pages that old clients are, opened in Chromium as if the server had them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Route

from tests.kit.browser import Chromium, RoomPage

HERE = Path(__file__).parent


@asynccontextmanager
async def open_page(chromium: Chromium, url: str, name: str, query: str = "") -> AsyncIterator[RoomPage]:
    """``pages/<name>`` written into a document that came from the server at ``url``: a page that did not come over the
    network might not open a WebSocket to this machine. ``/old/<script>`` is what ``vendor`` has of that name.
    """

    async def give(route: Route) -> None:
        await route.fulfill(path=HERE / "vendor" / route.request.url.rsplit("/", 1)[-1])

    async with chromium.open(url) as page:
        await page.page.route("**/old/*", give)
        devtools = await page.page.context.new_cdp_session(page.page)
        await devtools.send("Page.setBypassCSP", {"enabled": True})
        await page.page.goto(f"{url}/healthz{query}")
        await page.page.set_content((HERE / "pages" / name).read_text())
        yield page
