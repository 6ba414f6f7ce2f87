"""Who may do what: what each grant opens, over HTTP and over a socket."""

import json
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from api.auth import Authority, Grants, TokenSpec
from api.direction import asks_to_receive
from mcu.errors import Unauthorised, Unprocessable
from mcu.protocol.commands import Join, Joined, Offer
from tests.api.conftest import ADMIN_KEY, KEY, MakeServer
from tests.api.credentials import BAD_CREDENTIALS, bearer, token
from tests.api.socket import SocketClient
from tests.kit.engine import FakeEngine

API = "/api/v1"
ROOM = f"{API}/rooms/team"


@pytest.fixture
async def closed(guarded: httpx.AsyncClient, engine: FakeEngine) -> httpx.AsyncClient:
    """A server with keys on which the rooms ``team`` and ``other`` are open."""
    for name in ("team", "other"):
        answer = await guarded.post(f"{API}/rooms", json={"name": name}, headers=bearer(ADMIN_KEY))
        assert answer.status_code == 201
    return guarded


async def test_whether_a_room_exists_is_not_told_to_strangers(closed: httpx.AsyncClient) -> None:
    stranger = bearer(token(grants={"room": "other"}))
    open_room = await closed.get(ROOM, headers=stranger)
    no_room = await closed.get(f"{API}/rooms/nowhere", headers=stranger)
    assert open_room.status_code == no_room.status_code == 403


@pytest.mark.parametrize(
    ("grants", "refused"),
    [
        ({"room": "team"}, {"arrange", "moderate", "record", "administer"}),
        ({"room": "team", "role": "moderator"}, {"record", "administer"}),
        ({"room": "team", "record": True}, {"arrange", "moderate", "administer"}),
        ({"room": "team", "subscribe": False}, {"watch", "arrange", "moderate", "record", "administer"}),
        ({"room": "team", "admin": True}, set()),
    ],
)
async def test_each_grant_opens_its_own_doors(
    closed: httpx.AsyncClient, grants: dict[str, Any], refused: set[str]
) -> None:
    doors: dict[str, tuple[str, str, Any]] = {
        "watch": ("GET", f"{ROOM}/views/main/tiles", None),
        "arrange": ("PUT", f"{ROOM}/views/main/layout", {}),
        "moderate": ("DELETE", f"{ROOM}/participants/nobody", None),
        "record": ("GET", f"{ROOM}/recordings", None),
        "administer": ("DELETE", ROOM, None),
    }
    issued = await closed.post(f"{API}/tokens", json={"grants": grants}, headers=bearer(ADMIN_KEY))
    for door, (method, path, body) in doors.items():
        answer = await closed.request(method, path, json=body, headers=bearer(issued.json()["token"]))
        assert (answer.status_code == 403) == (door in refused), f"{door}: {answer.text}"


async def test_how_somebody_is_heard_is_for_moderators(closed: httpx.AsyncClient, engine: FakeEngine) -> None:
    joined = await engine.open_rooms["team"].call(Join(name="Ada"))
    assert isinstance(joined, Joined)
    who = joined.participant.id
    for role, told in (("participant", False), ("moderator", True)):
        issued = await closed.post(
            f"{API}/tokens", json={"grants": {"room": "team", "role": role}}, headers=bearer(ADMIN_KEY)
        )
        answer = await closed.get(f"{ROOM}/participants/{who}", headers=bearer(issued.json()["token"]))
        assert (answer.json()["sound"] is not None) == told


async def test_the_admin_of_one_room_stays_in_it(closed: httpx.AsyncClient) -> None:
    admin = bearer(token())
    for spec in ({"grants": {"room": "other"}}, {"grants": {"admin": True}}):
        assert (await closed.post(f"{API}/tokens", json=spec, headers=admin)).status_code == 403
    assert (await closed.post(f"{API}/tokens", json={"grants": {"room": "team"}}, headers=admin)).status_code == 201
    assert (await closed.get("/metrics", headers=admin)).status_code == 403
    assert (await closed.get("/metrics", headers=bearer(ADMIN_KEY))).status_code == 200
    assert (await closed.get("/healthz")).status_code == (await closed.get("/readyz")).status_code == 200


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({}, "grants.room"),
        ({"grants": {"room": "x/" * 40}}, "grants.room"),
        ({"grants": {"room": "x", "fly": True}}, "grants.fly"),
        ({"grants": {"room": "x", "publish": ["hologram"]}}, "grants.publish.0"),
        ({"grants": {"room": "x"}, "ttl_s": 0}, "ttl_s"),
        ({"grants": {"room": "x"}, "identity": "a b"}, "identity"),
        ({"grants": {"room": "x"}, "attributes": {"k": "v" * 257}}, "attributes.k"),
        ({"grants": {"room": "x"}, "attributes": {f"k{n}": "" for n in range(17)}}, "attributes"),
        ({"grants": {"room": "x"}, "attributes": {f"k{n}": "보" * 256 for n in range(16)}}, "attributes"),
    ],
)
async def test_a_token_that_cannot_be(closed: httpx.AsyncClient, spec: dict[str, Any], field: str) -> None:
    answer = await closed.post(f"{API}/tokens", json=spec, headers=bearer(ADMIN_KEY))
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "invalid", field)


async def test_on_an_open_server_a_bad_token_is_still_refused(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"{API}/rooms")).status_code == 200
    assert (await client.get(f"{API}/rooms", headers=bearer("nonsense"))).status_code == 401


async def test_a_ticket_is_no_token_and_a_token_no_ticket(make_server: MakeServer) -> None:
    authority = Authority({}, ())
    everyone = authority.authenticate(None)
    with pytest.raises(Unauthorised):
        authority.authenticate(authority.ticket(everyone, "team").token)
    with pytest.raises(Unauthorised):
        authority.redeem(authority.issue(TokenSpec(grants=Grants(room="team"))).token)
    server = await make_server()
    for bad in ("nonsense", authority.ticket(everyone, "team").token):
        with pytest.raises(InvalidStatus) as refused:
            async with SocketClient(server, f"?ticket={bad}"):
                pass
        assert refused.value.response.status_code == 401
        assert json.loads(refused.value.response.body)["code"] == "unauthorised"


async def test_a_socket_joins_with_its_token_only(make_server: MakeServer, engine: FakeEngine) -> None:
    server = await make_server(keys={"k1": KEY})
    async with SocketClient(server) as ada:
        assert (await ada.refused("join", room="team"))["code"] == "unauthorised"
        for why, bad in BAD_CREDENTIALS.items():
            assert (await ada.refused("join", room="team", token=bad))["code"] in ("unauthorised", "invalid"), why
        other = token(grants={"room": "other"})
        assert (await ada.refused("join", room="team", token=other))["code"] == "forbidden"
        good = token(sub="ada", name="Ada L.", grants={"admin": False, "record": False, "role": "participant"})
        me = (await ada.ask("join", room="team", token=good, name="Somebody else"))["participant"]
        assert (me["id"], me["name"], me["role"]) == ("ada", "Ada L.", "participant")
        for kind, data in (
            ("layout", {"layout": {}}),
            ("mute", {"participant": "ada", "audio": False}),
            ("kick", {"participant": "ada"}),
            ("lock", {}),
            ("admit", {"participant": None}),
            ("role", {"participant": "ada", "role": "moderator"}),
            ("pin", {"participant": "ada"}),
            ("ready", {"clear": True}),
            ("record", {"action": "start"}),
        ):
            assert (await ada.refused(kind, **data))["code"] == "forbidden", kind
    assert "ada" in engine.open_rooms["team"].people


async def test_attributes_of_a_token_or_a_ticket_reach_the_room(make_server: MakeServer, engine: FakeEngine) -> None:
    server = await make_server(keys={"k1": KEY})
    letters = {"team": "파랑" * 100}
    mine = token(sub="ada", attributes=letters)
    async with SocketClient(server) as ada, httpx.AsyncClient(base_url=server.url) as client:
        assert (await ada.ask("join", room="team", token=mine))["participant"]["attributes"] == letters
        answer = await client.post(f"{ROOM}/join", headers=bearer(mine))
        query = "?" + answer.json()["session_url"].partition("?")[2]
    async with SocketClient(server, query) as again:
        assert (await again.ask("join", room="team"))["participant"]["attributes"] == letters
        bad = token(attributes={"a b": "c"})
    async with SocketClient(server) as bob:
        assert (await bob.refused("join", room="team", token=bad))["code"] == "unauthorised"


async def test_a_second_join_with_one_identity_replaces_the_first(make_server: MakeServer) -> None:
    server = await make_server(keys={"k1": KEY})
    mine = token(sub="ada")
    async with SocketClient(server) as first, SocketClient(server) as second:
        await first.ask("join", room="team", token=mine)
        await second.ask("join", room="team", token=mine)
        assert await first.event("kicked") == {"reason": "replaced"}
        assert await first.closed() == 4001
        assert await second.ask("ping") == {}


async def test_what_a_token_does_not_allow_to_publish_is_muted(make_server: MakeServer) -> None:
    server = await make_server(keys={"k1": KEY})
    async with SocketClient(server) as ada:
        me = (await ada.ask("join", room="team", token=token(grants={"publish": ["camera"]})))["participant"]
        assert (me["server_muted_audio"], me["server_muted_video"]) == (True, False)
        assert (await ada.refused("offer", sdp="v=0", connection="screen"))["code"] == "forbidden"
        assert (await ada.refused("media_state", screen=True))["code"] == "forbidden"
        assert (await ada.ask("media_state", screen=False))["participant"]["media"]["screen"] is False


async def test_who_may_not_subscribe_offers_to_send_only(make_server: MakeServer, engine: FakeEngine) -> None:
    server = await make_server(keys={"k1": KEY})
    async with SocketClient(server) as ada:
        await ada.ask("join", room="team", token=token(grants={"subscribe": False, "admin": False}))
        assert (await ada.refused("offer", sdp="v=0\nm=audio 9 X 0\na=sendrecv\n"))["code"] == "forbidden"
        assert (await ada.refused("offer", sdp="v=0"))["code"] == "bad_sdp"
        assert (await ada.ask("offer", sdp="v=0\nm=audio 9 X 0\na=sendonly\n"))["sdp"]
    assert sum(isinstance(call, Offer) for call in engine.open_rooms["team"].calls) == 1


@pytest.mark.parametrize(
    ("lines", "asks"),
    [
        (["v=0", "m=audio 9 X 0", "a=sendonly", "m=video 9 X 96", "a=inactive"], False),
        (["v=0", "m=audio 9 X 0", "a=sendonly", "m=video 9 X 96", "a=recvonly"], True),
        (["v=0", "m=audio 9 X 0"], True),
        (["v=0", "a=sendonly", "m=audio 9 X 0"], False),
        (["v=0", "a=sendonly", "m=audio 9 X 0", "a=sendrecv"], True),
        (["v=0", "m=application 9 X 0"], False),
    ],
)
def test_the_direction_of_an_offer(lines: list[str], asks: bool) -> None:
    for end in ("\n", "\r\n"):
        assert asks_to_receive(end.join(lines) + end) is asks
    with pytest.raises(Unprocessable):
        asks_to_receive("v=0\r\n")


async def test_only_who_may_arrange_may_change_undo_schedule_or_try(closed: httpx.AsyncClient) -> None:
    layout = f"{ROOM}/views/main/layout"
    watcher = bearer(token(grants={"role": "participant", "admin": False, "record": False}))
    for method, path, body in (
        ("PUT", layout, {}),
        ("PATCH", layout, {}),
        ("DELETE", layout, None),
        ("DELETE", f"{layout}/scheduled/x", None),
        ("PUT", f"{layout}?dry_run=svg", {}),
        ("PATCH", f"{layout}?dry_run=svg", {}),
    ):
        assert (await closed.request(method, path, json=body, headers=watcher)).status_code == 403, (method, path)
    for path in (layout, f"{layout}?dry_run=svg", f"{layout}/history", f"{layout}/scheduled"):
        assert (await closed.get(path, headers=watcher)).status_code == 200, path
