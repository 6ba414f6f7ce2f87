"""One page of a browser for the tests of a file, one after the other: a new one costs four times as much to open."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from tests.kit.browser import Chromium, RoomPage

NOWHERE = "about:blank"


class OnePage(Chromium):
    """Opens addresses as ``Chromium`` does, and none remembers anything of those before it. Who opens a second page
    beside the first gets one of its own.
    """

    def __init__(self, chromium: Chromium, stack: AsyncExitStack) -> None:
        """Until ``stack`` ends."""
        super().__init__(chromium.browser)
        self._stack = stack
        self._page: RoomPage | None = None
        self._busy = False

    @asynccontextmanager
    async def open(self, url: str, *, viewport: tuple[int, int] = (1280, 720)) -> AsyncIterator[RoomPage]:
        if self._busy:
            async with super().open(url, viewport=viewport) as another:
                yield another
            return
        self._busy = True
        try:
            if self._page is None:
                self._page = await self._stack.enter_async_context(super().open(NOWHERE))
            page: RoomPage = self._page
            page.complaints.clear()
            width, height = viewport
            await page.page.set_viewport_size({"width": width, "height": height})
            await page.page.goto(url)
            yield page
            await self._forget(page)
        except BaseException:
            self._page = None  # who knows what state it is in
            raise
        finally:
            self._busy = False

    async def _forget(self, page: RoomPage) -> None:
        await page.page.context.set_offline(False)
        await page.page.evaluate("() => { localStorage.clear(); sessionStorage.clear(); }")
        await page.page.goto(NOWHERE)
