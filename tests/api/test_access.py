"""Who may do what: every route with every kind of bad credential, and what each grant opens."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest
from websockets.exceptions import InvalidStatus

from api.auth import Authority, Grants, TokenSpec
from api.direction import asks_to_receive
from mcu.errors import Unauthorised, Unprocessable
from mcu.protocol.commands import Join, Joined, Offer
from tests.api.conftest import ADMIN_KEY, KEY, MakeServer
from tests.api.socket import SocketClient
from tests.kit.engine import FakeEngine

API = "/api/v1"
ROOM = f"{API}/rooms/team"

ROUTES: list[tuple[str, str, Any]] = [
    ("POST", f"{API}/rooms", {"name": "team"}),
    ("GET", f"{API}/rooms/team", None),
    ("PATCH", f"{API}/rooms/team", {"locked": True}),
    ("DELETE", f"{API}/rooms/team", None),
    ("GET", f"{ROOM}/lobby", None),
    ("POST", f"{ROOM}/lobby/ada", {"admit": True}),
    ("GET", f"{ROOM}/bans", None),
    ("DELETE", f"{ROOM}/bans/ada", None),
    ("POST", f"{ROOM}/join", {}),
    ("GET", f"{ROOM}/participants", None),
    ("GET", f"{ROOM}/participants/ada", None),
    ("PATCH", f"{ROOM}/participants/ada", {"gain": 1}),
    ("DELETE", f"{ROOM}/participants/ada", None),
    ("POST", f"{ROOM}/messages", {"text": "x"}),
    ("GET", f"{ROOM}/messages", None),
    ("PATCH", f"{ROOM}/messages/x", {"text": "x"}),
    ("DELETE", f"{ROOM}/messages/x", None),
    ("GET", f"{ROOM}/views", None),
    ("GET", f"{ROOM}/views/main", None),
    ("GET", f"{ROOM}/views/main/layout", None),
    ("PUT", f"{ROOM}/views/main/layout", {"gap": 1}),
    ("PATCH", f"{ROOM}/views/main/layout", {"gap": 1}),
    ("DELETE", f"{ROOM}/views/main/layout", None),
    ("GET", f"{ROOM}/views/main/layout/history", None),
    ("GET", f"{ROOM}/views/main/layout/scheduled", None),
    ("DELETE", f"{ROOM}/views/main/layout/scheduled/x", None),
    ("PUT", f"{ROOM}/views/main/layout?dry_run=svg", {"gap": 1}),
    ("GET", f"{ROOM}/views/main/decor", None),
    ("PUT", f"{ROOM}/views/main/background-image", {}),
    ("DELETE", f"{ROOM}/views/main/background-image", None),
    ("PUT", f"{ROOM}/views/main/logo", {}),
    ("DELETE", f"{ROOM}/views/main/logo", None),
    ("PUT", f"{ROOM}/participants/ada/avatar", {}),
    ("DELETE", f"{ROOM}/participants/ada/avatar", None),
    ("GET", f"{ROOM}/views/main/tiles", None),
    ("GET", f"{ROOM}/views/main/snapshot.jpg", None),
    ("GET", f"{ROOM}/views/main/snapshot.png", None),
    ("POST", f"{ROOM}/recordings", {}),
    ("GET", f"{ROOM}/recordings", None),
    ("GET", f"{ROOM}/recordings/r1", None),
    ("POST", f"{ROOM}/recordings/r1/stop", None),
    ("GET", f"{ROOM}/recordings/r1/files/composite.mp4", None),
    ("POST", f"{API}/tokens", {"grants": {"room": "team"}}),
    ("GET", "/metrics", None),
]
ANY_TOKEN_OPENS = [("GET", f"{API}/rooms", None), ("GET", f"{API}/ice-servers", None)]


def token(key: str = KEY, kid: str | None = "k1", **claims: Any) -> str:
    """A token with every grant for the room ``team``, but for what ``claims`` say otherwise."""
    grants = {"room": "team", "record": True, "admin": True, "role": "moderator"} | claims.pop("grants", {})
    payload = {"aud": "mosaic-mcu", "exp": datetime.now(UTC) + timedelta(hours=1), "grants": grants} | claims
    payload = {name: value for name, value in payload.items() if value is not None}
    return jwt.encode(payload, key, algorithm="HS256", headers={"kid": kid} if kid else None)


def unsigned() -> str:
    """``alg: none``: a token anybody can write."""
    head, body, _ = token().split(".")
    head = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": "k1"}).encode()).decode().rstrip("=")
    return f"{head}.{body}."


def ticket() -> str:
    return Authority({}, ()).ticket(Authority({}, ()).authenticate(None), "team").token


BAD_CREDENTIALS: dict[str, str] = {
    "nonsense": "nonsense",
    "too long": "x" * 5000,
    "expired": token(exp=datetime.now(UTC) - timedelta(seconds=1)),
    "never expires": token(exp=None),
    "another key": token(key="another key altogether, long enough"),
    "unknown key id": token(kid="k2"),
    "no key id": token(kid=None),
    "alg none": unsigned(),
    "another audience": token(aud="another"),
    "no audience": token(aud=None),
    "unknown grant": token(grants={"fly": True}),
    "no room": token(grants={"room": None, "admin": False}),
    "another server's ticket": ticket(),
    "almost the admin key": ADMIN_KEY[:-1],
    "the signing key itself": KEY,
}


@pytest.fixture
async def closed(guarded: httpx.AsyncClient, engine: FakeEngine) -> httpx.AsyncClient:
    """A server with keys on which the rooms ``team`` and ``other`` are open."""
    for name in ("team", "other"):
        answer = await guarded.post(f"{API}/rooms", json={"name": name}, headers=bearer(ADMIN_KEY))
        assert answer.status_code == 201
    return guarded


def bearer(credential: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credential}"}


@pytest.mark.parametrize("why", ["none", *BAD_CREDENTIALS])
async def test_no_route_opens_to_a_bad_credential(closed: httpx.AsyncClient, why: str) -> None:
    headers = {} if why == "none" else bearer(BAD_CREDENTIALS[why])
    for method, path, body in ROUTES + ANY_TOKEN_OPENS:
        answer = await closed.request(method, path, json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorised"), f"{method} {path}"
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_no_route_opens_to_a_token_of_another_room(closed: httpx.AsyncClient, engine: FakeEngine) -> None:
    stranger = bearer(token(grants={"room": "other"}))
    asked_before = len(engine.open_rooms["team"].calls)
    for method, path, body in ROUTES:
        answer = await closed.request(method, path, json=body, headers=stranger)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), f"{method} {path}"
    assert len(engine.open_rooms["team"].calls) == asked_before
    assert [one["name"] for one in (await closed.get(f"{API}/rooms", headers=stranger)).json()["rooms"]] == ["other"]


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
