"""The stock Socket.IO Admin UI in a browser, on a server with admin keys: what it shows, and to whom.

``vendor/admin-ui-0.5.1.zip`` is the folder ``ui/dist`` of the package ``@socket.io/admin-ui`` without its source maps,
and the package's licence.
"""

import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.api.conftest import MakeServer
from tests.api.people import ADMIN_KEY, KEY, pass_for
from tests.doors.eventclient import EventClient
from tests.kit.browser import RoomPage, launch_chromium

ARCHIVE = Path(__file__).parent / "vendor" / "admin-ui-0.5.1.zip"

pytestmark = [pytest.mark.browser, pytest.mark.long]


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@contextmanager
def admin_ui(folder: Path) -> Iterator[str]:
    """The page on an origin of its own."""
    with zipfile.ZipFile(ARCHIVE) as archive:
        archive.extractall(folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder))) as web:
        thread = threading.Thread(target=web.serve_forever, name="admin-ui")
        thread.start()
        try:
            yield f"http://localhost:{web.server_port}"
        finally:
            web.shutdown()
            thread.join()


async def log_in(page: RoomPage, url: str, password: str) -> None:
    form = page.page.locator(".v-dialog--active form")
    for label, text in (("Server URL", url), ("Username", "admin"), ("Password", password)):
        await form.get_by_label(label).fill(text)
    await form.get_by_role("button", name="Connect").click()


async def test_the_stock_admin_ui_shows_the_load_to_who_has_the_key(make_server: MakeServer, tmp_path: Path) -> None:
    with admin_ui(tmp_path / "ui") as origin:
        server = await make_server(keys={"k1": KEY}, admin_keys=(ADMIN_KEY,), cors_origins=(origin,))
        token = pass_for("ada")
        async with (
            EventClient(server, auth={"token": token}) as ada,
            launch_chromium() as chromium,
            chromium.open(origin) as page,
        ):
            assert (await ada.ask("join", {"room": "team"}))[0]["ok"]
            await log_in(page, server.url, "a guess")
            await page.wait_for("document.body.innerText.includes('authentication failed')")
            await log_in(page, server.url, ADMIN_KEY)
            await page.wait_for("/CONNECTED\\n/.test(document.body.innerText)")
            await page.wait_for("!document.querySelector('.v-dialog--active')")
            # Ada's socket, and the page's own.
            await page.wait_for("/WebSocket\\s+2\\s/.test(document.body.innerText)")
            await page.wait_for("/HEALTHY\\s+1\\s/.test(document.body.innerText)")
            shown = await page.page.evaluate("document.documentElement.innerHTML")
            assert token not in shown
            await ada.connection.close()
            await page.wait_for("/WebSocket\\s+1\\s/.test(document.body.innerText)")
            await page.page.get_by_text("Servers", exact=True).first.click()
            await page.wait_for("document.body.innerText.includes('Hostname')")
