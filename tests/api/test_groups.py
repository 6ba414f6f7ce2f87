"""Groups over REST: who may make them, what is refused, and what the room is asked."""

from typing import Any

import httpx
import pytest

from api.server import Server
from tests.api.conftest import ADMIN_KEY, KEY, MakeServer
from tests.api.socket import SocketClient
from tests.api.test_views import refused
from tests.kit.engine import FakeEngine

ROOM = "/api/v1/rooms/team"


def bearer(credential: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credential}"}


@pytest.fixture
async def room(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client of a server on which the room ``team`` is open."""
    assert (await client.post("/api/v1/rooms", json={"name": "team"})).status_code == 201
    return client


async def test_somebody_is_moved_into_a_group_and_out_of_it(
    room: httpx.AsyncClient, server: Server, engine: FakeEngine
) -> None:
    async with SocketClient(server) as ada:
        me = (await ada.ask("join", room="team", name="Ada"))["participant"]
        assert me["group"] == ""
        person = f"{ROOM}/participants/{me['id']}"
        assert (await room.patch(person, json={"group": "wolves"})).json()["group"] == "wolves"
        assert (await ada.event("participant_updated"))["participant"]["group"] == "wolves"
        assert (await room.patch(person, json={"gain": 2.0})).json()["group"] == "wolves"
        assert (await room.patch(person, json={"group": None})).json()["group"] == ""
        refused(await room.patch(person, json={"group": "no spaces"}), 422, "invalid", "group")


async def test_a_group_is_told_what_it_listens_in_on(room: httpx.AsyncClient) -> None:
    made = await room.put(f"{ROOM}/groups/french", json={"hears": {"": -12}})
    assert (made.status_code, made.json()) == (200, {"name": "french", "members": [], "hears": {"": -12.0}})
    listed = (await room.get(f"{ROOM}/groups")).json()["groups"]
    assert [(group["name"], group["hears"]) for group in listed] == [("", {}), ("french", {"": -12.0})]
    assert (await room.delete(f"{ROOM}/groups/french")).status_code == 204
    assert (await room.get(f"{ROOM}/groups")).json()["groups"][-1]["hears"] == {}


async def test_those_who_are_in_no_group_listen_in_on_one(room: httpx.AsyncClient) -> None:
    made = await room.put(f"{ROOM}/groups/~", json={"hears": {"french": -12}})
    assert (made.status_code, made.json()) == (200, {"name": "", "members": [], "hears": {"french": -12.0}})
    refused(await room.put(f"{ROOM}/groups/~x", json={}), 422, "invalid", "group")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"hears": {"": 13}}, "hears."),
        ({"hears": {"": -61}}, "hears."),
        ({"hears": {"no spaces": 0}}, "hears.no spaces.[key]"),
        ({"hear": {}}, "hear"),
        ({"hears": []}, "hears"),
    ],
)
async def test_what_is_no_group_is_refused(room: httpx.AsyncClient, body: dict[str, Any], field: str) -> None:
    refused(await room.put(f"{ROOM}/groups/french", json=body), 422, "invalid", field)


async def test_a_token_puts_its_owner_into_a_group_and_does_not_let_them_out(
    guarded: httpx.AsyncClient, make_server: MakeServer
) -> None:
    await guarded.post("/api/v1/rooms", json={"name": "team"}, headers=bearer(ADMIN_KEY))
    wanted = {"identity": "ada", "grants": {"room": "team", "group": "wolves"}}
    token = (await guarded.post("/api/v1/tokens", json=wanted, headers=bearer(ADMIN_KEY))).json()["token"]
    async with SocketClient(await make_server(keys={"k1": KEY})) as ada:
        me = (await ada.ask("join", room="team", token=token))["participant"]
        assert (me["id"], me["group"]) == ("ada", "wolves")
    assert (await guarded.get(f"{ROOM}/groups", headers=bearer(token))).status_code == 200
    refused(await guarded.put(f"{ROOM}/groups/owls", json={}, headers=bearer(token)), 403, "forbidden")
    out = await guarded.patch(f"{ROOM}/participants/ada", json={"group": None}, headers=bearer(token))
    refused(out, 403, "forbidden")
