"""Canonical Socket.IO as a hand-made client sees it: acknowledgements, news, bounds, credentials."""

import json

import httpx
import pytest

from api.server import Server
from mcu.protocol.wire import MAX_MESSAGE_BYTES
from tests.api.conftest import MakeServer
from tests.api.people import ADMIN_KEY, KEY, pass_for
from tests.api.socket import SocketClient
from tests.doors.eventclient import EventClient
from tests.kit.engine import FakeEngine


async def test_requests_are_acknowledged_as_the_websocket_replies(server: Server) -> None:
    async with EventClient(server) as ada, SocketClient(server) as bo:
        (joined,) = await ada.ask("join", {"room": "team", "name": "Ada"})
        assert joined["ok"]
        assert joined["data"]["participant"]["name"] == "Ada"
        me = (await bo.ask("join", room="team", name="Bo"))["participant"]["id"]
        (news,) = await ada.event("participant_joined")
        while news["participant"]["id"] != me:
            (news,) = await ada.event("participant_joined")
        assert news["participant"]["name"] == "Bo"
        await ada.send("media_state", {"audio": False})
        assert (await bo.event("participant_updated"))["participant"]["media"]["audio"] is False


async def test_wrong_requests_are_refused_with_the_field(server: Server) -> None:
    async with EventClient(server) as ada:
        assert (await ada.ask("chat", {"text": "hi"}))[0]["error"]["code"] == "wrong_state"
        assert (await ada.ask("join", {"room": 7}))[0]["error"]["field"] == "room"
        assert (await ada.ask("join", "team"))[0]["error"]["code"] == "invalid"
        await ada.ask("join", {"room": "team"})
        assert (await ada.ask("dance"))[0]["error"]["code"] == "unknown_type"


async def test_who_asks_for_no_answer_hears_of_errors_as_an_event(server: Server) -> None:
    async with EventClient(server) as ada:
        await ada.send("join", {"room": ""})
        (error,) = await ada.event("error")
    assert error["code"] == "invalid"
    assert error["request"] == "join"


async def test_leaving_ends_the_session(server: Server, engine: FakeEngine) -> None:
    async with EventClient(server) as ada:
        await ada.ask("join", {"room": "team"})
        await ada.send("leave")
        while not (packet := await ada.packet()).startswith("41"):
            assert packet.startswith("42")
    assert not engine.open_rooms["team"].people


async def test_a_token_is_asked_for_before_anything_else(make_server: MakeServer) -> None:
    server = await make_server(keys={"k1": KEY}, admin_keys=(ADMIN_KEY,))
    async with EventClient(server) as stranger, EventClient(server, auth={"token": 7}) as wrong:
        for client in (stranger, wrong):
            assert client.answer.startswith("44")
            assert json.loads(client.answer[2:])["data"]["code"] == "unauthorised"
    token = pass_for("ada")
    async with EventClient(server, auth={"token": token}) as ada, EventClient(server, query=f"&token={token}") as again:
        assert ada.answer.startswith("40")
        assert again.answer.startswith("40")
        (refused,) = await ada.ask("join", {"room": "other"})
        assert refused["error"]["code"] == "forbidden"
        (joined,) = await ada.ask("join", {"room": "team", "name": "Eve"})
        assert joined["data"]["participant"]["name"] == "Ada"


@pytest.mark.parametrize(
    ("packet", "code"),
    [
        ("9", 1008),
        ("", 1008),
        ("45" + '1-["join",{"_placeholder":true,"num":0}]', 1008),
        (b"\x00", 1008),
        ("42" + '["chat",{"text":"' + MAX_MESSAGE_BYTES * "x" + '"}]', 1009),
    ],
)
async def test_what_is_no_packet_ends_the_connection(server: Server, packet: str | bytes, code: int) -> None:
    async with EventClient(server) as hostile, EventClient(server) as ada:
        await hostile.connection.send(packet)
        assert await hostile.closed() == code
        assert (await ada.ask("join", {"room": "team"}))[0]["ok"]


@pytest.mark.parametrize(
    "packet", ["42" + "[" * 5000, "42{}", "42", "42[7]", '42["disconnect"]', '42["*"]', "40", '42["x",NaN]']
)
async def test_malformed_events_end_the_connection(server: Server, packet: str) -> None:
    async with EventClient(server) as hostile, EventClient(server) as ada:
        await hostile.connection.send(packet)
        assert await hostile.packet() == "1"
        assert (await ada.ask("join", {"room": "team"}))[0]["ok"]


async def test_a_flood_ends_the_connection(server: Server) -> None:
    async with EventClient(server) as hostile:
        for _ in range(300):
            await hostile.connection.send('42["ping"]')
        assert await hostile.closed() == 1013


async def test_polling_has_the_same_bounds(server: Server) -> None:
    async with httpx.AsyncClient(base_url=f"{server.url}/socket.io/") as http:
        opened = (await http.get("?EIO=4&transport=polling")).text
        address = f"?EIO=4&transport=polling&sid={json.loads(opened[1:])['sid']}"
        assert (await http.post(address, content="40")).text == "OK"
        assert (await http.get(address)).text.startswith("40")
        assert (await http.post(address, content='421["join",{"room":"team"}]')).text == "OK"
        assert (await http.get(address)).text.startswith('431[{"ok":true')
        assert (await http.post(address, content="bAAAA")).status_code == 400
        assert (await http.post(address, content="42" + MAX_MESSAGE_BYTES * "x")).status_code == 413
        many = "\x1e".join(['42["ping"]'] * 200)
        assert (await http.post(address, content=many)).status_code == 429
        assert (await http.post(address, content="3")).status_code == 400


async def test_the_stock_client_is_served(server: Server) -> None:
    async with httpx.AsyncClient(base_url=server.url) as http:
        answer = await http.get("/socket.io/socket.io.js")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "Socket.IO v4" in answer.text


async def panel(client: EventClient, credentials: object) -> str:
    """What the server says to the admin UI's connect."""
    await client.connection.send("40/admin," + json.dumps(credentials))
    return await client.packet()


async def test_the_admin_ui_is_behind_the_admin_key(make_server: MakeServer) -> None:
    server = await make_server(keys={"k1": KEY}, admin_keys=(ADMIN_KEY,))
    async with EventClient(server) as client:
        token = pass_for("ada", admin=True)
        guesses: tuple[object, ...] = (
            {},
            [],
            {"password": 7},
            {"username": "admin", "password": "guess"},
            {"password": token},
        )
        for wrong in guesses:
            assert (await panel(client, wrong)).startswith("44/admin,")
        assert (await panel(client, {"username": "admin", "password": ADMIN_KEY})).startswith("40/admin,")
        while "server_stats" not in (news := await client.packet()):
            assert news.startswith("42/admin,")
    assert json.loads(news.removeprefix("42/admin,"))[1]["clientsCount"] == 1


async def test_without_admin_keys_there_is_no_admin_ui(server: Server) -> None:
    async with EventClient(server) as client:
        assert (await panel(client, {"password": ""})).startswith("44/admin,")
