"""Every socket that the app has, with every kind of bad credential: none of them lets anybody into a room."""

import asyncio
import json
from typing import Any
from urllib.parse import quote

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from api.server import Server
from tests.api.conftest import ADMIN_KEY, BOUND_S, KEY, MakeServer
from tests.api.credentials import BAD_CREDENTIALS, token
from tests.api.people import pass_for
from tests.api.socket import SocketClient
from tests.doors.eventclient import EventClient
from tests.kit.engine import FakeEngine

STRANGER = token(grants={"room": "other"})
CREDENTIALS: dict[str, str | None] = {"none": None, **BAD_CREDENTIALS, "another room": STRANGER}


@pytest.fixture
async def guarded(make_server: MakeServer, engine: FakeEngine) -> Server:
    """A server with keys on which somebody is in the room ``team``."""
    return await make_server(keys={"k1": KEY}, admin_keys=(ADMIN_KEY,), permanent_rooms=("team", "other"))


def queried(address: str, **fields: str | None) -> str:
    given = [f"{name}={quote(value)}" for name, value in fields.items() if value is not None]
    return f"{address}?{'&'.join(given)}"


async def said(address: str) -> list[dict[str, Any]] | int:
    """All that a socket says until the server ends it; the status, where it never opens."""
    heard: list[dict[str, Any]] = []
    try:
        async with connect(address, open_timeout=BOUND_S) as socket:
            while True:
                heard.append(json.loads(await asyncio.wait_for(socket.recv(), BOUND_S)))
    except InvalidStatus as refused:
        return refused.response.status_code
    except ConnectionClosed:
        return heard


async def test_no_socket_lets_a_bad_credential_in(guarded: Server, engine: FakeEngine) -> None:
    address = guarded.url.replace("http", "ws", 1)
    for why, bad in CREDENTIALS.items():
        async with SocketClient(guarded) as canonical:
            refused = await canonical.refused("join", room="team", token=bad)
            assert refused["code"] in ("unauthorised", "forbidden", "invalid"), why
        assert await said(queried(f"{address}/", room="team", token=bad)) in (401, 403), why
        if bad != STRANGER:  # which opens the socket, and no room but its own
            async with EventClient(guarded, auth={"token": bad} if bad else None) as client:
                assert json.loads(client.answer.removeprefix("44"))["data"]["code"] == "unauthorised", why
            for path in ("/peerjs", "/peerjs/peerjs"):
                for fields in ({"token": bad}, {"token": "made-up", "key": bad}):
                    answer = await said(queried(f"{address}{path}", id="eve", **fields))
                    assert answer == 403 or [one["type"] for one in answer] == ["ERROR"], why  # type: ignore[union-attr]  # a status is a number
    assert not engine.open_rooms["team"].people


async def test_a_token_opens_its_own_room_only(guarded: Server, engine: FakeEngine) -> None:
    async with EventClient(guarded, auth={"token": STRANGER}) as client:
        (answer,) = await client.ask("join", {"room": "team"})
        assert answer["error"]["code"] == "forbidden"
    for event in ("enter_room", "join_room"):
        async with EventClient(guarded, auth={"token": STRANGER}) as client:
            await client.send(event, "team")
            await client.ask("new_message" if event == "enter_room" else "ice", "hello", "team")
    assert not engine.open_rooms["team"].people


async def test_nobody_comes_back_as_somebody_else(guarded: Server, engine: FakeEngine) -> None:
    async with SocketClient(guarded) as ada:
        resume = (await ada.ask("join", room="team", token=pass_for("ada")))["resume_token"]
    async with SocketClient(guarded) as eve:
        refused = await eve.refused("join", room="team", token=STRANGER, resume=resume)
        assert refused["code"] == "forbidden"
    async with SocketClient(guarded) as bob:
        joined = await bob.ask("join", room="team", token=pass_for("bob"), resume=resume)
        assert (joined["participant"]["id"], joined["resumed"]) == ("bob", False)
