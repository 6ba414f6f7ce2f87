"""Announcements over REST: files and tones, who may play them, and what is refused."""

from typing import Any

import httpx
import pytest

from api.server import Server
from mcu.protocol.announcements import MAX_SOUND_BYTES
from tests.api.conftest import ADMIN_KEY, MakeClient
from tests.api.socket import SocketClient
from tests.api.test_groups import bearer
from tests.api.test_views import refused

ROOM = "/api/v1/rooms/team"
SOUNDS = f"{ROOM}/announcements"
OGG = {"Content-Type": "audio/ogg"}
TEXT = {"Content-Type": "application/json"}


@pytest.fixture
async def room(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client of a server on which the room ``team`` is open."""
    assert (await client.post("/api/v1/rooms", json={"name": "team", "chimes": True})).status_code == 201
    return client


async def test_a_file_is_played_listed_and_stopped(room: httpx.AsyncClient, server: Server) -> None:
    async with SocketClient(server) as ada:
        await ada.ask("join", room="team", name="Ada")
        made = await room.post(f"{SOUNDS}?group=wolves&duck_db=-20", content=b"OggS", headers=OGG)
        assert made.status_code == 201
        info = made.json()
        assert (info["state"], info["group"], info["duck_db"]) == ("playing", "wolves", -20.0)
        assert made.headers["Location"] == f"{SOUNDS}/{info['id']}"
        assert (await ada.event("announcement"))["announcement"] == info
        assert (await room.get(SOUNDS)).json()["announcements"] == [info]
        assert (await room.get(f"{SOUNDS}/{info['id']}")).json() == info
        assert (await room.delete(f"{SOUNDS}/{info['id']}")).status_code == 204
        refused(await room.delete(f"{SOUNDS}/{info['id']}"), 404, "no_such_announcement")


async def test_a_tone_is_asked_for_as_json(room: httpx.AsyncClient) -> None:
    made = await room.post(SOUNDS, json={"tone": {"hz": 880, "duration_ms": 300}, "group": ""})
    assert (made.status_code, made.json()["group"], made.json()["duck_db"]) == (201, "", -15.0)


@pytest.mark.parametrize(
    ("request_", "status", "code", "field"),
    [
        ({"content": b"x", "headers": {"Content-Type": "image/png"}}, 415, "unsupported_media_type", None),
        ({"content": b"x"}, 415, "unsupported_media_type", None),
        ({"content": b"", "headers": OGG}, 400, "bad_request", None),
        ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 400, "bad_request", None),
        ({"json": {}}, 422, "invalid", "tone"),
        ({"json": {"tone": {"hz": 5}}}, 422, "invalid", "tone.hz"),
        ({"json": {"tone": {"duration_ms": 600_000}}}, 422, "invalid", "tone.duration_ms"),
        ({"json": {"tone": {}, "duck_db": 3}}, 422, "invalid", "duck_db"),
        ({"content": b"x", "headers": OGG, "params": {"duck_db": "-99"}}, 422, "invalid", "duck_db"),
    ],
)
async def test_what_can_not_be_played_is_refused(
    room: httpx.AsyncClient, request_: dict[str, Any], status: int, code: str, field: str | None
) -> None:
    refused(await room.post(SOUNDS, **request_), status, code, field)


async def test_a_file_that_is_too_large_is_refused(make_client: MakeClient) -> None:
    client = await make_client(limits={"max_body_bytes": 2 * MAX_SOUND_BYTES})
    await client.post("/api/v1/rooms", json={"name": "team"})
    whole = await client.post(SOUNDS, content=b"x" * MAX_SOUND_BYTES, headers=OGG)
    assert whole.status_code == 201
    refused(await client.post(SOUNDS, content=b"x" * (MAX_SOUND_BYTES + 1), headers=OGG), 413, "too_large")


async def test_only_moderators_may(guarded: httpx.AsyncClient) -> None:
    await guarded.post("/api/v1/rooms", json={"name": "team"}, headers=bearer(ADMIN_KEY))
    wanted = {"identity": "ada", "grants": {"room": "team"}}
    token = (await guarded.post("/api/v1/tokens", json=wanted, headers=bearer(ADMIN_KEY))).json()["token"]
    refused(await guarded.post(SOUNDS, json={"tone": {}}, headers=bearer(token)), 403, "forbidden")
    refused(await guarded.delete(f"{SOUNDS}/x", headers=bearer(token)), 403, "forbidden")
    assert (await guarded.get(SOUNDS, headers=bearer(token))).status_code == 200


async def test_a_sound_may_be_longer_than_other_bodies(room: httpx.AsyncClient) -> None:
    long = b"OggS" + bytes(MAX_SOUND_BYTES - 4)
    assert (await room.post(SOUNDS, content=long, headers=OGG)).status_code == 201
    refused(await room.post(SOUNDS, content=long + b"x", headers=OGG), 413, "too_large")
    refused(await room.post(SOUNDS, content=b" " * (MAX_SOUND_BYTES // 2), headers=TEXT), 413, "too_large")
