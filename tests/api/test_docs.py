"""The page of the API in a real Chromium: it works where no other host can be reached, and asks none."""

from urllib.parse import urlsplit

import httpx
import pytest
from playwright.async_api import Route

from api import swagger
from tests.api.conftest import MakeServer
from tests.api.every_route import document
from tests.kit.browser import launch_chromium


@pytest.mark.browser
async def test_the_page_of_the_api_asks_no_other_host_and_tries_calls(make_server: MakeServer) -> None:
    server = await make_server()
    async with launch_chromium() as chromium, chromium.open("about:blank") as page:
        hosts: set[str] = set()
        page.page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
        await page.page.route("**/openapi.json", _shortened)
        await page.page.goto(f"{server.url}{swagger.PATH}")
        operation = page.page.locator("#operations-rooms-list_rooms")
        await operation.locator(".opblock-summary-control").click()
        await operation.get_by_role("button", name="Try it out").click()
        await operation.get_by_role("button", name="Execute").click()
        await operation.locator(".live-responses-table .response-col_status", has_text="200").wait_for()
        assert hosts - {""} == {urlsplit(server.url).netloc}
        assert page.complaints == []


async def _shortened(route: Route) -> None:
    """All operations take Swagger UI some seconds to draw."""
    paths = {path: document()["paths"][path] for path in ("/api/v1/rooms", "/healthz")}
    await route.fulfill(json=document() | {"paths": paths})


async def test_its_files_and_their_policy(client: httpx.AsyncClient) -> None:
    for path in swagger.paths():
        answer = await client.get(path)
        assert answer.status_code == 200, path
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy, "no script but those of this server"
        assert "http" not in policy
        again = await client.get(path, headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert (await client.post(path)).status_code == 405
    for path in ("/docs/", "/docs/LICENSE.swagger-ui", "/docs/../page.py", "/docs/..%2fpage.py"):
        assert (await client.get(path)).status_code == 404, path
