"""The stock ``socket.io-client`` and pages of the teaching dialects in a real browser."""

import pytest

from tests.api.people import Meeting
from tests.api.socket import SocketClient
from tests.doors.pages import open_page
from tests.kit.browser import RoomPage, launch_chromium

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("transports", ["", "?transports=polling", "?transports=websocket"])
async def test_the_stock_client_joins_talks_and_hears(open_meeting: Meeting, transports: str) -> None:
    server = open_meeting.server
    async with (
        launch_chromium() as chromium,
        open_page(chromium, server.url, "stock.html", transports) as page,
        SocketClient(server) as bo,
    ):
        joined = await page.page.evaluate("ask('join', {room: '회의', name: 'Ada'})")
        assert joined["data"]["participant"]["name"] == "Ada"
        await bo.ask("join", room="회의", name="Bo")
        await bo.ask("chat", text="hello")
        await page.wait_for("seen.some(([event, data]) => event === 'chat' && data.message.text === 'hello')")
        said = await page.page.evaluate("ask('chat', {text: 'hi'})")
        assert said["data"]["delivered"] == 1
        assert (await bo.event("chat"))["message"]["text"] == "hi"
        refused = await page.page.evaluate("ask('kick', {participant: '-'})")
        assert refused["error"]["code"] == "no_such_participant"


async def test_the_stock_client_comes_back(open_meeting: Meeting) -> None:
    async with launch_chromium() as chromium, open_page(chromium, open_meeting.server.url, "stock.html") as page:
        joined = await page.page.evaluate("ask('join', {room: 'team'})")
        await page.page.evaluate("socket.io.engine.close()")
        await page.wait_for("!socket.connected")
        await page.wait_for("socket.connected")
        resumed = await page.page.evaluate(f"ask('join', {{room: 'team', resume: '{joined['data']['resume_token']}'}})")
        assert resumed["data"]["resumed"]
        assert resumed["data"]["participant"]["id"] == joined["data"]["participant"]["id"]


async def enter(page: RoomPage, room: str, nick: str) -> None:
    await page.wait_for("socket.connected")
    await page.page.fill("#room", room)
    await page.page.click("#enter button")
    await page.wait_for("!document.querySelector('#inside').hidden")
    await page.page.fill("#nick input", nick)
    await page.page.click("#nick button")


async def says(page: RoomPage, text: str) -> None:
    await page.wait_for(f"document.querySelector('#messages').innerText.includes({text!r})")


async def test_pages_of_the_chat_dialect_talk(open_meeting: Meeting) -> None:
    url = open_meeting.server.url
    async with (
        launch_chromium() as chromium,
        open_page(chromium, url, "chat.html") as ada,
        open_page(chromium, url, "chat.html") as bo,
    ):
        await enter(ada, "티타임", "아다")
        await bo.wait_for("document.querySelector('#rooms').innerText === '티타임'")
        await enter(bo, "티타임", "Bo")
        await says(ada, "Anon arrived!")
        await ada.wait_for("document.querySelector('h3').innerText === 'Room 티타임 (2)'")
        await ada.page.fill("#message input", "안녕")
        await ada.page.click("#message button")
        await says(bo, "아다: 안녕")
        await says(ada, "You: 안녕")
        await bo.page.goto("about:blank")
        await says(ada, "Bo left")
        await ada.wait_for("document.querySelector('h3').innerText === 'Room 티타임 (1)'")
        assert ada.complaints == []
