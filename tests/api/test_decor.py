"""What a picture shows besides people, over the socket and REST: raised hands, banners."""

from typing import Any

import httpx
import pytest

from api.server import Server
from tests.api.socket import SocketClient
from tests.api.test_views import VIEWS, refused
from tests.kit.engine import FakeEngine

BANNER = f"{VIEWS}/main/banner"
ADMIN = {"Authorization": "Bearer an admin key of the tests"}


@pytest.fixture
async def room(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client of a server on which the room ``team`` is open."""
    assert (await client.post("/api/v1/rooms", json={"name": "team"})).status_code == 201
    return client


@pytest.fixture
async def member(guarded: httpx.AsyncClient) -> dict[str, str]:
    """The credential of somebody who may join the room ``team`` of the guarded server, and no more."""
    await guarded.post("/api/v1/rooms", json={"name": "team"}, headers=ADMIN)
    made = await guarded.post("/api/v1/tokens", json={"identity": "ada", "grants": {"room": "team"}}, headers=ADMIN)
    return {"Authorization": f"Bearer {made.json()['token']}"}


async def test_a_client_raises_its_hand_and_the_others_are_told(server: Server, engine: FakeEngine) -> None:
    async with SocketClient(server) as ada, SocketClient(server) as bob:
        me = (await ada.ask("join", room="team", name="Ada"))["participant"]
        assert me["hand"] is False
        await bob.ask("join", room="team", name="Bob")
        assert (await ada.ask("hand", raised=True))["participant"]["hand"] is True
        told = (await bob.event("participant_updated"))["participant"]
        assert (told["id"], told["hand"]) == (me["id"], True)
        assert (await ada.ask("hand", raised=False))["participant"]["hand"] is False
        assert (await ada.refused("hand"))["field"] == "raised"


async def test_a_banner_is_set_read_and_taken_away(room: httpx.AsyncClient) -> None:
    assert (await room.get(BANNER)).json() == {"text": None, "countdown_to": None}
    made = await room.put(BANNER, json={"text": " Back soon ", "countdown_to": "2026-12-24T19:00:00+01:00"})
    assert (made.status_code, made.json()) == (200, {"text": "Back soon", "countdown_to": "2026-12-24T18:00:00Z"})
    assert (await room.get(BANNER)).json() == made.json()
    assert (await room.put(BANNER, json={"text": "Now"})).json() == {"text": "Now", "countdown_to": None}
    assert (await room.delete(BANNER)).status_code == 204
    assert (await room.get(BANNER)).json() == {"text": None, "countdown_to": None}
    refused(await room.put(f"{VIEWS}/none/banner", json={"text": "x"}), 404, "no_such_view")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"text": "x" * 201}, "text"),
        ({"text": "\u202e "}, "text"),
        ({"countdown_to": "2026-12-24T18:00:00"}, "countdown_to"),
        ({"countdown_to": 1_800_000_000}, "countdown_to"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_a_banner_that_cannot_be(room: httpx.AsyncClient, body: dict[str, Any], field: str) -> None:
    refused(await room.put(BANNER, json=body), 422, "invalid", field)


async def test_a_banner_is_the_moderators_to_change(guarded: httpx.AsyncClient, member: dict[str, str]) -> None:
    refused(await guarded.put(BANNER, json={"text": "x"}, headers=member), 403, "forbidden")
    refused(await guarded.delete(BANNER, headers=member), 403, "forbidden")
    assert (await guarded.get(BANNER, headers=member)).status_code == 200
    assert (await guarded.put(BANNER, json={"text": "x"}, headers=ADMIN)).status_code == 200


async def test_who_is_in_the_room_hears_of_a_banner(server: Server) -> None:
    async with SocketClient(server) as ada, httpx.AsyncClient(base_url=server.url) as rest:
        await ada.ask("join", room="team", name="Ada")
        await rest.put(BANNER, json={"text": "Break"})
        told = await ada.event("banner_changed")
        assert told == {"view": "main", "banner": {"text": "Break", "countdown_to": None}}
