"""Every route of the app with every kind of credential: what opens to whom. Routes that are new are asked as well."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from api import swagger
from tests.api.conformance import assert_as_documented
from tests.api.conftest import ADMIN_KEY, KEY, MakeClient
from tests.api.credentials import BAD_CREDENTIALS, bearer, token
from tests.api.every_route import EveryRoute, every_route, sockets
from tests.api.offers import SDP, offer
from tests.api.people import Meeting, pass_for
from tests.kit.engine import FakeEngine

API = "/api/v1"
ROUTES = every_route()

PUBLIC = {
    "GET /openapi.json",
    *(f"GET {path}" for path in swagger.paths()),
    "GET /asyncapi.json",
    "GET /healthz",
    "GET /readyz",
    "GET /api/v1/schemas/layout",
    "GET /peerjs/id",
    "GET /peerjs/{key}/id",
}
"""Open to everybody; beside them there is the page, which is files and nothing else."""

OF_NO_ROOM = {"list_rooms", "list_ice_servers"}
"""Any token opens them; they tell each what is theirs."""

FOR_PARTICIPANTS = OF_NO_ROOM | {
    "get_room",
    "join_room",
    "list_participants",
    "get_participant",
    "list_groups",
    "list_announcements",
    "get_announcement",
    "list_playbacks",
    "get_playback",
    "list_messages",
    "get_ready",
    "list_views",
    "get_view",
    "get_tiles",
    "get_snapshot_jpg",
    "get_snapshot_png",
    "get_hls_file",
    "get_banner",
    "get_decor",
    "get_layout",
    "list_layout_versions",
    "list_scheduled_layouts",
}
"""What somebody in the room may ask without being its moderator. All else is 403 where it isn't their own."""

FOR_RECORDERS = {
    "start_recording", "list_recordings", "get_recording", "pause_recording", "resume_recording", "stop_recording",
    "get_recording_file", "start_output", "list_outputs", "get_output", "stop_output",
}  # fmt: skip

SHUT = {"GET /peerjs/peers", "GET /peerjs/{key}/peers"}
"""Nobody is told which peers there are."""

MEDIA_DOORS = ("/whip/", "/whep/")

preflights = [route for route in ROUTES if route.method == "OPTIONS"]
"""What a browser asks before it crosses origins, which carries no credential."""

closed_routes = [route for route in ROUTES if str(route) not in PUBLIC and route not in preflights]
"""All that a credential opens."""

guarded_routes = [route for route in closed_routes if str(route) not in SHUT and not route.path.startswith(MEDIA_DOORS)]
stream_routes = [route for route in closed_routes if "{stream}" in route.path]


@dataclass(frozen=True, slots=True)
class Closed:
    """A server with keys on which the rooms ``team`` and ``other`` are open, and somebody with ``token`` has begun
    ``streams`` of each kind in ``team``.
    """

    client: httpx.AsyncClient
    token: str
    streams: Mapping[str, str]

    async def ask(self, route: EveryRoute, credential: str | None) -> httpx.Response:
        stream = self.streams[route.path.split("/")[1]] if "{stream}" in route.path else ""
        answer = await route.ask(self.client, bearer(credential) if credential is not None else {}, stream=stream)
        assert_as_documented(route, answer)
        return answer


@pytest.fixture
async def closed(make_client: MakeClient) -> Closed:
    turn = {"urls": ["turn:turn.example.org"], "username": "user", "credential": "the TURN password"}
    rooms = ("team", "other")
    client = await make_client(keys={"k1": KEY}, admin_keys=(ADMIN_KEY,), ice_servers=[turn], permanent_rooms=rooms)
    mine, streams = pass_for("ada"), {}
    for door, direction in (("whip", "sendonly"), ("whep", "recvonly")):
        answer = await client.post(f"/{door}/team", content=offer(direction), headers=SDP | bearer(mine))
        assert answer.status_code == 201
        streams[door] = answer.headers["location"].rpartition("/")[2]
    return Closed(client, mine, streams)


def test_the_routes_are_all_found() -> None:
    assert {str(route) for route in ROUTES} >= PUBLIC
    assert {route.operation for route in ROUTES} >= FOR_PARTICIPANTS | FOR_RECORDERS
    assert sockets() == {f"{API}/ws", "/", "/peerjs", "/peerjs/peerjs"}, "test_socket_matrix.py has those, by hand"
    assert len(guarded_routes) > 50
    assert len(stream_routes) == 4
    assert len(preflights) == 5


async def test_what_is_public_opens_to_everybody(closed: Closed) -> None:
    for route in ROUTES:
        if str(route) in PUBLIC:
            assert (await closed.ask(route, None)).status_code == 200, route


@pytest.mark.parametrize("why", ["none", *BAD_CREDENTIALS])
async def test_no_route_opens_to_a_bad_credential(closed: Closed, engine: FakeEngine, why: str) -> None:
    asked_before = len(engine.open_rooms["team"].calls)
    for route in closed_routes:
        answer = await closed.ask(route, None if why == "none" else BAD_CREDENTIALS[why])
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorised"), route
        assert answer.headers["www-authenticate"].startswith("Bearer"), route
    assert len(engine.open_rooms["team"].calls) == asked_before


async def test_a_preflight_tells_a_bad_credential_nothing(closed: Closed) -> None:
    for credential in (None, *BAD_CREDENTIALS.values()):
        for route in preflights:
            answer = await closed.ask(route, credential)
            assert (answer.status_code, answer.content) == (200, b""), route
            assert "link" not in answer.headers, "those who may ask are told the TURN server's password"


async def test_no_route_opens_to_a_token_of_another_room(closed: Closed, engine: FakeEngine) -> None:
    stranger = token(grants={"room": "other"})
    asked_before = len(engine.open_rooms["team"].calls)
    for route in closed_routes:
        answer = await closed.ask(route, stranger)
        if str(route) in SHUT:
            assert answer.status_code == 401, route
        elif route.operation in OF_NO_ROOM:
            assert answer.status_code == 200, route
            assert "team" not in answer.text, route
        else:
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), route
    assert len(engine.open_rooms["team"].calls) == asked_before


async def test_a_stream_belongs_to_whoever_began_it(closed: Closed, engine: FakeEngine) -> None:
    asked_before = len(engine.open_rooms["team"].calls)
    for other in (pass_for("bob"), pass_for(None), pass_for("bob", record=True), pass_for("bob", hidden=True)):
        for route in stream_routes:
            answer = await closed.ask(route, other)
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), route
    assert len(engine.open_rooms["team"].calls) == asked_before
    for credential in (closed.token, pass_for("eve", role="moderator"), ADMIN_KEY):
        for route in stream_routes:
            if route.method == "PATCH":
                assert (await closed.ask(route, credential)).status_code in (204, 422), route
    for route in stream_routes:
        if route.method == "DELETE":
            assert (await closed.ask(route, closed.token)).status_code == 200, route
            assert (await closed.ask(route, closed.token)).json()["code"] == "no_such_stream", route


@pytest.mark.parametrize(
    ("identity", "grants", "extra"),
    [("bob", {}, set()), (None, {}, set()), ("bob", {"record": True}, FOR_RECORDERS)],
)
async def test_what_is_anothers_opens_to_no_participant(
    meeting: Meeting, identity: str | None, grants: dict[str, Any], extra: set[str]
) -> None:
    ada = await meeting.enter("ada")
    said = (await ada.ask("chat", text="mine"))["message_id"]
    caller = await meeting.caller(pass_for(identity, **grants))
    for route in guarded_routes:
        answer = await route.ask(caller, message=said)
        if route.operation in FOR_PARTICIPANTS | extra:
            assert answer.status_code in (200, 201, 404, 409), (route, answer.text)
        else:
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), (route, answer.text)
        assert_as_documented(route, answer)
    messages = (await caller.get(f"{API}/rooms/team/messages")).json()["messages"]
    assert [one["text"] for one in messages] == ["mine"]
    await ada.ask("ping")


async def test_what_is_ones_own_opens(meeting: Meeting) -> None:
    ada = await meeting.enter("ada")
    said = (await ada.ask("chat", text="mine"))["message_id"]
    caller = await meeting.caller(pass_for("ada"))
    own = ("edit_message", "delete_message", "set_avatar", "delete_avatar")
    for operation in own:
        (route,) = [one for one in ROUTES if one.operation == operation]
        assert (await route.ask(caller, message=said)).is_success, route
    await ada.ask("ping")


async def test_an_admin_key_opens_every_route_and_none_breaks(meeting: Meeting) -> None:
    ada = await meeting.enter("ada")
    said = (await ada.ask("chat", text="mine"))["message_id"]
    for route in sorted(guarded_routes, key=_destructive):
        answer = await route.ask(meeting.admin, message=said)
        assert_as_documented(route, answer)
        assert answer.is_success or answer.status_code in (404, 409), (route, answer.text)
        if answer.status_code == 404:
            assert answer.json()["code"] != "not_found", route
    await ada.closed()


def _destructive(route: EveryRoute) -> int:
    """What ends things is asked last."""
    order = ("set_ban", "kick_participant", "close_room")
    return 1 + order.index(route.operation) if route.operation in order else -(route.method != "DELETE")
