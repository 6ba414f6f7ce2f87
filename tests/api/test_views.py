"""Views over REST and over a socket: made, changed, watched and removed, and what is refused."""

from typing import Any

import httpx
import pytest

from api.server import Server
from mcu.errors import NoCapacity
from mcu.protocol.commands import Join, UpdateParticipant, UpdateView, WatchView
from tests.api.socket import SocketClient
from tests.kit.engine import FakeEngine

ROOM = "/api/v1/rooms/team"
VIEWS = f"{ROOM}/views"
PORTRAIT = {"name": "portrait", "width": 720, "height": 1280, "fps": 15}


def refused(answer: httpx.Response, status: int, code: str, field: str | None = None) -> None:
    body = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, body["code"], body.get("field")) == (status, code, field), body


@pytest.fixture
async def room(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client of a server on which the room ``team`` is open."""
    assert (await client.post("/api/v1/rooms", json={"name": "team"})).status_code == 201
    return client


async def test_a_view_is_added_seen_changed_and_removed(room: httpx.AsyncClient) -> None:
    added = await room.post(VIEWS, json=PORTRAIT)
    assert added.status_code == 201
    assert added.headers["location"] == f"{VIEWS}/portrait"
    assert added.json() | PORTRAIT == added.json()
    assert [one["name"] for one in (await room.get(VIEWS)).json()["views"]] == ["main", "portrait"]
    assert [one["name"] for one in (await room.get(ROOM)).json()["views"]] == ["main", "portrait"]
    changed = await room.patch(f"{VIEWS}/portrait", json={"fps": 30, "background": "#102030"})
    assert (changed.status_code, changed.json()["fps"], changed.json()["width"]) == (200, 30, 720)
    assert (await room.get(f"{VIEWS}/portrait")).json()["background"] == "#102030"
    plain = await room.patch(f"{VIEWS}/portrait", json={"background": None})
    assert (plain.json()["background"], plain.json()["fps"]) == (None, 30)
    assert (await room.delete(f"{VIEWS}/portrait")).status_code == 204
    refused(await room.get(f"{VIEWS}/portrait"), 404, "no_such_view")


async def test_each_view_has_a_layout_tiles_and_a_picture_of_its_own(room: httpx.AsyncClient) -> None:
    await room.post(VIEWS, json=PORTRAIT)
    await room.patch(f"{VIEWS}/portrait/layout", json={"preset": "spotlight"})
    assert (await room.get(f"{VIEWS}/portrait/layout")).json()["preset"] == "spotlight"
    assert (await room.get(f"{VIEWS}/main/layout")).json()["preset"] == "grid"
    tiles = (await room.get(f"{VIEWS}/portrait/tiles")).json()
    assert (tiles["view"], tiles["canvas"]) == ("portrait", {"width": 720, "height": 1280})
    assert (await room.get(f"{VIEWS}/portrait/snapshot.png")).status_code == 200


async def test_a_snapshot_that_takes_too_long_is_asked_for_later(room: httpx.AsyncClient, engine: FakeEngine) -> None:
    engine.open_rooms["team"].crash = NoCapacity("the server is overloaded", retry_after_s=5)
    answer = await room.get(f"{VIEWS}/main/snapshot.jpg")
    refused(answer, 503, "no_capacity")
    assert answer.headers["retry-after"] == "5"
    assert "overloaded" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": "With Capitals"}, "name"),
        ({"name": "x", "width": 641}, "width"),
        ({"name": "x", "height": 10_000}, "height"),
        ({"name": "x", "fps": 0}, "fps"),
        ({"name": "x", "background": "red"}, "background"),
        ({"name": "x", "colour": "#000000"}, "colour"),
    ],
)
async def test_a_view_that_cannot_be(room: httpx.AsyncClient, body: dict[str, Any], field: str) -> None:
    refused(await room.post(VIEWS, json=body), 422, "invalid", field)
    if "name" in body and field != "name":
        refused(await room.patch(f"{VIEWS}/main", json={field: body[field]}), 422, "invalid", field)


async def test_a_view_that_is_there_already_or_not_at_all(room: httpx.AsyncClient, engine: FakeEngine) -> None:
    refused(await room.post(VIEWS, json={"name": "main"}), 409, "view_exists", "name")
    refused(await room.delete(f"{VIEWS}/main"), 409, "wrong_state")
    for answer in (
        await room.get(f"{VIEWS}/none"),
        await room.patch(f"{VIEWS}/none", json={"fps": 5}),
        await room.delete(f"{VIEWS}/none"),
        await room.get(f"{VIEWS}/none/tiles"),
        await room.get(f"{VIEWS}/none/tiles/health"),
        await room.post(f"{ROOM}/recordings", json={"view": "none"}),
    ):
        refused(answer, 404, "no_such_view")
    refused(await room.patch(f"{VIEWS}/main", json={"name": "other"}), 422, "invalid", "name")
    assert not any(isinstance(call, UpdateView) and call.view == "main" for call in engine.open_rooms["team"].calls)


async def test_why_a_tile_is_black(room: httpx.AsyncClient, engine: FakeEngine) -> None:
    await engine.open_rooms["team"].call(Join(name="Ada", identity="ada"))
    health = (await room.get(f"{VIEWS}/main/tiles/health")).json()
    assert health["view"] == "main"
    (tile,) = health["tiles"]
    assert (tile["participant"], tile["state"], tile["decode_errors"], tile["muted_by"]) == ("ada", "live", 0, None)


async def test_views_are_the_moderators_to_change(guarded: httpx.AsyncClient) -> None:
    admin = {"Authorization": "Bearer an admin key of the tests"}
    await guarded.post("/api/v1/rooms", json={"name": "team"}, headers=admin)
    made = await guarded.post("/api/v1/tokens", json={"identity": "ada", "grants": {"room": "team"}}, headers=admin)
    ada = {"Authorization": f"Bearer {made.json()['token']}"}
    assert (await guarded.get(VIEWS, headers=ada)).status_code == 200
    refused(await guarded.post(VIEWS, json=PORTRAIT, headers=ada), 403, "forbidden")
    refused(await guarded.patch(f"{VIEWS}/main", json={"fps": 5}, headers=ada), 403, "forbidden")
    refused(await guarded.delete(f"{VIEWS}/main", headers=ada), 403, "forbidden")
    refused(await guarded.get(f"{VIEWS}/main/tiles/health", headers=ada), 403, "forbidden")
    assert (await guarded.post(VIEWS, json=PORTRAIT, headers=admin)).status_code == 201


async def test_a_client_watches_another_view_and_gets_its_tiles_only(server: Server, engine: FakeEngine) -> None:
    async with httpx.AsyncClient(base_url=server.url) as rest:
        await rest.post("/api/v1/rooms", json={"name": "team"})
        await rest.post(VIEWS, json=PORTRAIT)
    async with SocketClient(server) as ada:
        joined = await ada.ask("join", room="team", name="Ada")
        assert joined["tiles"]["view"] == "main"
        answer = await ada.ask("view", name="portrait", tier="high")
        assert answer["participant"]["view"] == "portrait"
        while (await ada.event("tiles"))["view"] != "portrait":
            pass
        team = engine.open_rooms["team"]
        assert isinstance(team.calls[-1], WatchView)
        for name in ("Bob", "Eve"):
            await team.call(Join(name=name))
            tiles = await ada.event("tiles")
            assert (tiles["view"], tiles["tiles"][-1]["name"]) == ("portrait", name)
        assert (await ada.refused("view", name="none"))["code"] == "no_such_view"
        assert (await ada.refused("view"))["field"] == "name"


async def test_a_moderator_shows_somebody_another_view_and_lowers_their_hand(
    server: Server, engine: FakeEngine
) -> None:
    async with SocketClient(server) as ada, httpx.AsyncClient(base_url=server.url) as rest:
        me = (await ada.ask("join", room="team", name="Ada"))["participant"]["id"]
        await rest.post(VIEWS, json=PORTRAIT)
        await ada.ask("hand", raised=True)
        path = f"{ROOM}/participants/{me}"
        refused(await rest.patch(path, json={"view": "none", "gain": 2}), 404, "no_such_view")
        assert not any(isinstance(call, UpdateParticipant) for call in engine.open_rooms["team"].calls)
        refused(await rest.patch(path, json={"view": "With Capitals"}), 422, "invalid", "view")
        refused(await rest.patch(path, json={"hand": True}), 422, "invalid", "hand")
        answer = (await rest.patch(path, json={"view": "portrait", "hand": False, "server_muted_audio": True})).json()
        assert (answer["view"], answer["hand"], answer["server_muted_audio"]) == ("portrait", False, True)
        while (told := (await ada.event("participant_updated"))["participant"])["view"] != "portrait":
            pass
        assert told["id"] == me
        while (await ada.event("tiles"))["view"] != "portrait":
            pass
        kept = (await rest.patch(path, json={"gain": 0.5})).json()
        assert (kept["view"], kept["hand"]) == ("portrait", False)


async def test_whom_others_watch_is_the_moderators_to_say(guarded: httpx.AsyncClient, engine: FakeEngine) -> None:
    admin = {"Authorization": "Bearer an admin key of the tests"}
    await guarded.post("/api/v1/rooms", json={"name": "team"}, headers=admin)
    await engine.open_rooms["team"].call(Join(name="Ada", identity="ada"))
    made = await guarded.post("/api/v1/tokens", json={"identity": "ada", "grants": {"room": "team"}}, headers=admin)
    ada = {"Authorization": f"Bearer {made.json()['token']}"}
    for change in ({"view": "main"}, {"hand": False}):
        refused(await guarded.patch(f"{ROOM}/participants/ada", json=change, headers=ada), 403, "forbidden")
        assert (await guarded.patch(f"{ROOM}/participants/ada", json=change, headers=admin)).status_code == 200


async def test_quality_is_bounded_by_oneself_and_by_moderators(server: Server, engine: FakeEngine) -> None:
    async with SocketClient(server) as ada, httpx.AsyncClient(base_url=server.url) as rest:
        joined = await ada.ask("join", room="team", name="Ada")
        assert (joined["quality"]["tier"], joined["quality"]["choice"]) == ("high", "auto")
        me = joined["participant"]["id"]
        own = await ada.ask("view", tier="low")
        assert (own["quality"]["tier"], own["participant"]["view"]) == ("low", "main")
        path = f"{ROOM}/participants/{me}/quality"
        assert (await rest.get(path)).json()["choice"] == "low"
        assert (await rest.put(path, json={"choice": "audio"})).json()["tier"] == "audio"
        refused(await rest.put(path, json={"choice": "best"}), 422, "invalid", "choice")
        refused(await rest.get(f"{ROOM}/participants/nobody/quality"), 404, "no_such_participant", "participant")
        assert (await ada.refused("view", tier="best"))["field"] == "tier"
