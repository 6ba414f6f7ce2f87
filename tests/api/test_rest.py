"""Every REST route: what it answers when all is well, and with which problem when it isn't."""

import json
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest

from api.server import Server
from mcu.errors import Internal, TooMany
from mcu.protocol.commands import UpdateParticipant
from tests.api.conftest import MakeClient, MakeServer
from tests.api.problems import problem
from tests.api.socket import SocketClient
from tests.kit.engine import SOUND_HEALTH, FakeEngine

API = "/api/v1"
ROOM = f"{API}/rooms/team"


@pytest.fixture
async def room(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client of a server on which the room ``team`` is open."""
    answer = await client.post(f"{API}/rooms", json={"name": "team", "metadata": {"topic": "tea"}})
    assert answer.status_code == 201
    return client


async def join(engine: FakeEngine, name: str) -> str:
    from mcu.protocol.commands import Join

    reply = await engine.open_rooms["team"].call(Join(name=name))
    participant: str = reply.participant.id  # type: ignore[union-attr]  # a Join is answered with Joined
    return participant


async def test_a_room_is_opened_seen_and_closed(client: httpx.AsyncClient) -> None:
    opened = await client.post(f"{API}/rooms", json={"name": "방 #1", "capacity": 3, "view": {"width": 640}})
    assert opened.status_code == 201
    assert opened.json()["capacity"] == 3
    assert opened.json()["views"][0]["width"] == 640
    where = opened.headers["location"]
    assert where == f"{API}/rooms/{quote('방 #1', safe='')}"
    assert (await client.get(where)).json()["name"] == "방 #1"
    assert [one["name"] for one in (await client.get(f"{API}/rooms")).json()["rooms"]] == ["방 #1"]
    assert (await client.delete(where)).status_code == 204
    problem(await client.get(where), 404, "no_such_room")
    problem(await client.delete(where), 404, "no_such_room")


async def test_a_room_is_opened_as_the_settings_have_it(make_client: MakeClient) -> None:
    client = await make_client(view={"width": 320, "height": 180}, limits={"max_participants": 7})
    room = (await client.post(f"{API}/rooms", json={"name": "team"})).json()
    assert (room["capacity"], room["views"][0]["width"]) == (7, 320)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"name": "a/b"}, "name"),
        ({"name": ".."}, "name"),
        ({"name": "\u202e"}, "name"),
        ({"name": "x", "capacity": 0}, "capacity"),
        ({"name": "x", "view": {"width": 641}}, "view.width"),
        ({"name": "x", "color": "red"}, "color"),
        ({"name": "x", "\ud800": 1}, None),
        ({"name": "x", "metadata": {str(n): "" for n in range(33)}}, "metadata"),
    ],
)
async def test_a_room_that_cannot_be(client: httpx.AsyncClient, body: dict[str, Any], field: str | None) -> None:
    answer = await client.post(
        f"{API}/rooms", content=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )
    if field is None:
        assert answer.status_code == 422
        assert answer.json()["code"] == "invalid"
    else:
        problem(answer, 422, "invalid", field)


async def test_a_room_opened_twice_and_one_too_many(room: httpx.AsyncClient) -> None:
    problem(await room.post(f"{API}/rooms", json={"name": "team"}), 409, "room_exists", "name")
    for number in range(9):
        assert (await room.post(f"{API}/rooms", json={"name": f"r{number}"})).status_code == 201
    full = await room.post(f"{API}/rooms", json={"name": "one more"})
    problem(full, 503, "no_capacity")
    assert full.headers["retry-after"] == "5"


@pytest.mark.parametrize("body", [b"{", b"[" * 100_000, b"\xff\xfe", b'{"name": "x"', b""])
async def test_a_body_that_is_no_json(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post(f"{API}/rooms", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.json()["code"] in ("bad_request", "invalid")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_body_of_another_type(client: httpx.AsyncClient) -> None:
    answer = await client.post(f"{API}/rooms", content=b"name=x", headers={"Content-Type": "text/plain"})
    problem(answer, 415, "unsupported_media_type")


async def test_what_the_router_does_not_know(client: httpx.AsyncClient) -> None:
    problem(await client.get(f"{API}/nothing"), 404, "not_found")
    problem(await client.get(f"{API}/rooms/a%2Fb"), 404, "not_found")
    wrong = await client.put(f"{API}/rooms", json={})
    problem(wrong, 405, "method_not_allowed")
    assert "POST" in wrong.headers["allow"]
    problem(await client.get(f"{API}/tokens"), 405, "method_not_allowed")


async def test_how_many_voices_are_mixed_is_said_when_a_room_is_opened(
    client: httpx.AsyncClient, engine: FakeEngine
) -> None:
    for name, wish, mixed in (("few", {"max_speakers": 3}, 3), ("usual", {}, 5)):
        assert (await client.post(f"{API}/rooms", json={"name": name, **wish})).status_code == 201
        assert engine.open_rooms[name].spec.max_speakers == mixed
    for wrong in (2, 9):
        answer = await client.post(f"{API}/rooms", json={"name": "no", "max_speakers": wrong})
        problem(answer, 422, "invalid", "max_speakers")


async def test_faults_of_the_engine_keep_their_codes(room: httpx.AsyncClient, engine: FakeEngine) -> None:
    engine.open_rooms["team"].crash = TooMany("slow down", retry_after_s=7)
    answer = await room.get(ROOM)
    problem(answer, 429, "too_many_requests")
    assert answer.headers["retry-after"] == "7"
    engine.open_rooms["team"].crash = Internal("the mixer is gone")
    problem(await room.get(ROOM), 500, "internal")
    engine.open_rooms["team"].crash = RuntimeError("/etc/secret is unreadable")
    body = problem(await room.get(ROOM), 500, "internal")
    assert "secret" not in json.dumps(body)


async def test_the_roster(room: httpx.AsyncClient, engine: FakeEngine) -> None:
    ada = await join(engine, "Ada")
    listed = (await room.get(f"{ROOM}/participants")).json()["participants"]
    assert [(one["id"], one["name"]) for one in listed] == [(ada, "Ada")]
    detail = (await room.get(f"{ROOM}/participants/{ada}")).json()
    assert detail["name"] == "Ada"
    assert detail["sound"] == SOUND_HEALTH.model_dump()
    problem(await room.get(f"{ROOM}/participants/nobody"), 404, "no_such_participant")
    problem(await room.get(f"{API}/rooms/none/participants"), 404, "no_such_room")


async def test_muting_gain_and_attributes(room: httpx.AsyncClient, engine: FakeEngine) -> None:
    ada = f"{ROOM}/participants/{await join(engine, 'Ada')}"
    muted = await room.patch(ada, json={"server_muted_audio": True, "gain": 0.5})
    assert muted.json()["server_muted_audio"] is True
    assert muted.json()["server_muted_video"] is False
    last = engine.open_rooms["team"].calls[-1]
    assert isinstance(last, UpdateParticipant)
    assert last.gain == 0.5
    merged = await room.patch(ada, json={"attributes": {"team": "blue", "seat": "3"}})
    assert merged.json()["attributes"] == {"team": "blue", "seat": "3"}
    assert (await room.patch(ada, json={"attributes": {"seat": None}})).json()["attributes"] == {"team": "blue"}
    problem(await room.patch(ada, json={"attributes": {"a b": ""}}), 422, "invalid", "attributes.a b.[key]")
    problem(await room.patch(ada, json={"gain": 5}), 422, "invalid", "gain")
    problem(await room.patch(ada, json={"volume": 1}), 422, "invalid", "volume")
    answer = await room.patch(f"{ROOM}/participants/nobody", json={"gain": 1})
    problem(answer, 404, "no_such_participant", "participant")
    problem(await room.patch(f"{ROOM}/participants/no%20body", json={"gain": 1}), 422, "invalid", "participant")


async def test_a_kick(room: httpx.AsyncClient, engine: FakeEngine) -> None:
    ada = f"{ROOM}/participants/{await join(engine, 'Ada')}"
    assert (await room.delete(ada)).status_code == 204
    problem(await room.delete(ada), 404, "no_such_participant", "participant")


async def test_views(room: httpx.AsyncClient) -> None:
    assert [view["name"] for view in (await room.get(f"{ROOM}/views")).json()["views"]] == ["main"]
    assert (await room.get(f"{ROOM}/views/main")).json()["fps"] == 25
    problem(await room.get(f"{ROOM}/views/side"), 404, "no_such_view")
    problem(await room.get(f"{ROOM}/views/Main"), 422, "invalid", "view")
    problem(await room.get(f"{ROOM}/views/side/layout"), 404, "no_such_view")
    problem(await room.get(f"{ROOM}/views/side/tiles"), 404, "no_such_view")
    problem(await room.get(f"{ROOM}/views/side/snapshot.jpg"), 404, "no_such_view")


async def test_tiles_and_snapshots(room: httpx.AsyncClient, engine: FakeEngine) -> None:
    ada = await join(engine, "Ada")
    tiles = (await room.get(f"{ROOM}/views/main/tiles")).json()
    assert [tile["participant"] for tile in tiles["tiles"]] == [ada]
    for kind, media_type in (("jpg", "image/jpeg"), ("png", "image/png")):
        picture = await room.get(f"{ROOM}/views/main/snapshot.{kind}")
        assert (picture.status_code, picture.headers["content-type"]) == (200, media_type)
        assert picture.headers["cache-control"] == "no-store"
    problem(await room.get(f"{ROOM}/views/main/snapshot.gif"), 404, "not_found")


async def test_the_pass_to_join_opens_the_socket(make_server: MakeServer, engine: FakeEngine) -> None:
    server = await make_server(ice_servers=[{"urls": ["stun:stun.example.org"]}])
    async with httpx.AsyncClient(base_url=server.url) as client:
        joined = (await client.post(f"{ROOM}/join")).json()
    assert joined["room"] == "team"
    assert joined["ice_servers"] == [{"urls": ["stun:stun.example.org"], "username": None, "credential": None}]
    url = urlsplit(joined["session_url"])
    assert (url.scheme, url.netloc, url.path) == ("ws", server.url.removeprefix("http://"), "/api/v1/ws")
    async with SocketClient(server, f"?{url.query}") as ada:
        assert (await ada.refused("join", room="other"))["code"] == "forbidden"
        reply = await ada.ask("join", room="team", name="Ada")
        assert reply["ice_servers"] == [{"urls": ["stun:stun.example.org"]}]


async def test_the_pass_names_the_public_address(make_client: MakeClient) -> None:
    client = await make_client(public_url="https://mcu.example.org/video/")
    joined = (await client.post(f"{ROOM}/join", json={})).json()
    assert joined["session_url"].startswith("wss://mcu.example.org/video/api/v1/ws?ticket=")


async def test_joining_opens_rooms_only_where_that_is_allowed(make_client: MakeClient) -> None:
    key = "another key of the tests, long enough"
    client = await make_client(keys={"k": key}, admin_keys=(key,), limits={"rooms_on_join": False})
    admin = {"Authorization": f"Bearer {key}"}
    token = await client.post(f"{API}/tokens", json={"grants": {"room": "team"}}, headers=admin)
    guest = {"Authorization": f"Bearer {token.json()['token']}"}
    problem(await client.post(f"{ROOM}/join", headers=guest), 404, "no_such_room")
    await client.post(f"{API}/rooms", json={"name": "team"}, headers=admin)
    assert (await client.post(f"{ROOM}/join", headers=guest)).status_code == 200


async def test_health_readiness_and_metrics(client: httpx.AsyncClient) -> None:
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    assert (await client.get("/readyz")).json()["ready"] is True
    metrics = await client.get("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain")
    assert "mcu_rooms 0" in metrics.text


async def test_a_server_that_does_not_run_is_not_ready(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    transport = client._transport
    assert isinstance(transport, httpx.ASGITransport)
    transport.app.state.gateway = None  # type: ignore[attr-defined]  # a Starlette app
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (503, False)
    problem(await client.get(f"{API}/rooms"), 503, "no_capacity")


async def test_turn_credentials_end_by_themselves(make_client: MakeClient) -> None:
    turn = {"urls": ["turn:turn.example.org"], "secret": "shared", "ttl_s": 600}
    client = await make_client(ice_servers=[turn])
    (server,) = (await client.get(f"{API}/ice-servers")).json()["ice_servers"]
    assert server["username"].endswith(":guest")
    assert len(server["credential"]) == 28
    assert "shared" not in json.dumps(server)


async def test_permanent_rooms_are_there_from_the_start(make_client: MakeClient, engine: FakeEngine) -> None:
    client = await make_client(permanent_rooms=("demo",))
    assert (await client.get(f"{API}/rooms/demo")).status_code == 200
    assert engine.open_rooms["demo"].spec.permanent


async def test_the_openapi_document_describes_refusals(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    problems = document["paths"]["/api/v1/rooms/{room}"]["get"]["responses"]["404"]["content"]
    assert list(problems) == ["application/problem+json"]


async def test_room_names_of_any_script_in_a_url(server: Server) -> None:
    async with httpx.AsyncClient(base_url=server.url) as client:
        name = "회의 100% #1?"
        await client.post(f"{API}/rooms", json={"name": name})
        assert (await client.get(f"{API}/rooms/{quote(name, safe='')}")).json()["name"] == name
        problem(await client.get(f"{API}/rooms/a%2Fb"), 404, "not_found")
