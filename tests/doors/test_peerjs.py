"""The PeerServer protocol, one message at a time."""

from typing import Any

import httpx
import pytest

from api.server import Server
from api.signaling.peerjs import realm
from mcu.protocol.wire import MAX_MESSAGE_BYTES
from tests.api.conftest import MakeServer
from tests.api.people import ADMIN_KEY, KEY, Meeting, pass_for
from tests.doors.peerclient import a_peer, opened


@pytest.mark.parametrize("path", ["/peerjs", "/peerjs/peerjs"])
async def test_messages_go_to_whom_they_are_for(server: Server, path: str) -> None:
    async with a_peer(server, "ada", path=path) as ada, a_peer(server, "bo") as bo:
        await opened(ada)
        await opened(bo)
        await ada.send("HEARTBEAT")
        for kind in ("OFFER", "CANDIDATE", "LEAVE"):
            await ada.send(kind, "bo", {"of": kind})
            assert await bo.receive() == {"type": kind, "src": "ada", "dst": "bo", "payload": {"of": kind}}
        await bo.send("ANSWER", "ada", {"sdp": {}})
        assert (await ada.receive())["src"] == "bo"


async def test_ids_are_handed_out_and_peers_are_not_listed(server: Server) -> None:
    async with httpx.AsyncClient(base_url=server.url) as http:
        first, second = [(await http.get(path)).text for path in ("/peerjs/id", "/peerjs/peerjs/id")]
        assert first != second
        assert (await http.get("/peerjs/peers")).status_code == 401
        assert (await http.get("/peerjs/peerjs/peers")).status_code == 401
    async with a_peer(server, first) as ada:
        await opened(ada)


async def test_an_id_is_one_peers(server: Server) -> None:
    async with a_peer(server, "ada", "mine") as ada, a_peer(server, "ada", "another") as thief:
        await opened(ada)
        assert (await thief.receive())["type"] == "ID-TAKEN"
        assert await thief.closed() == 1008
        async with a_peer(server, "ada", "mine") as again, a_peer(server, "bo") as bo:
            await opened(again)
            assert await ada.closed() == 1008
            await opened(bo)
            await bo.send("OFFER", "ada", {})
            assert (await again.receive())["src"] == "bo"


async def test_messages_wait_a_while_for_who_is_not_there(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_peer(server, "ada") as ada:
        await opened(ada)
        with monkeypatch.context() as patience:
            patience.setattr(realm, "EXPIRE_AFTER_S", 0.01)
            await ada.send("OFFER", "chloe", {})
            assert await ada.receive() == {"type": "EXPIRE", "src": "chloe", "dst": "ada"}
        await ada.send("OFFER", "bo", {"n": 1})
        await ada.send("CANDIDATE", "bo", {"n": 2})
        async with a_peer(server, "bo") as bo:
            await opened(bo)
            assert [(await bo.receive())["payload"]["n"] for _ in range(2)] == [1, 2]


async def test_too_many_waiting_messages_expire_at_once(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(realm, "MAX_WAITING", 1)
    async with a_peer(server, "ada") as ada:
        await opened(ada)
        await ada.send("OFFER", "bo", {})
        await ada.send("CANDIDATE", "bo", {})
        assert (await ada.receive())["type"] == "EXPIRE"


@pytest.mark.parametrize("identifier", ["", "mcu:tea", "a/b", 65 * "x"])
async def test_what_is_no_id_is_an_error(server: Server, identifier: str) -> None:
    async with a_peer(server, identifier) as nobody:
        assert (await nobody.receive())["type"] == "ERROR"
        assert await nobody.closed() == 1008


@pytest.mark.parametrize(
    "message", ["{", "[]", '{"type":"DANCE"}', '{"type":"OFFER"}', '{"type":"OFFER","dst":7}', 9000 * "["]
)
async def test_what_is_no_message_is_an_error(server: Server, message: str) -> None:
    async with a_peer(server, "ada") as ada, a_peer(server, "bo") as bo:
        await opened(ada)
        await opened(bo)
        await ada.connection.send(message)
        assert (await ada.receive())["type"] == "ERROR"
        assert await ada.closed() == 1008
        await bo.send("OFFER", "bo", {})
        assert (await bo.receive())["src"] == "bo"


async def test_what_is_too_long_ends_the_socket(server: Server) -> None:
    async with a_peer(server, "ada") as ada:
        await ada.connection.send(MAX_MESSAGE_BYTES * "x" + "x")
        assert await ada.closed() == 1009


async def test_keys_ask_for_a_token_and_keep_rooms_apart(make_server: MakeServer) -> None:
    server = await make_server(keys={"k1": KEY}, admin_keys=(ADMIN_KEY,))
    async with a_peer(server, "eve", "made-up") as eve:
        assert (await eve.receive())["type"] == "ERROR"
        assert await eve.closed() == 1008
    tea, cake = pass_for(None, "tea"), pass_for(None, "cake")
    async with (
        a_peer(server, "ada", tea) as ada,
        a_peer(server, "bo", "x", key=tea) as bo,
        a_peer(server, "ada", cake) as other,
    ):
        for peer in (ada, bo, other):
            await opened(peer)
        await bo.send("OFFER", "ada", {"n": 1})
        assert (await ada.receive())["payload"] == {"n": 1}
        await other.send("OFFER", "ada", {"n": 2})
        assert (await other.receive())["payload"] == {"n": 2}
        offer = {"type": "media", "connectionId": "c", "sdp": {"type": "offer", "sdp": "v=0"}}
        await ada.send("OFFER", "mcu:cake", offer)
        assert await ada.receive() == {"type": "EXPIRE", "src": "mcu:cake", "dst": "ada"}


@pytest.mark.parametrize(
    "payload",
    [None, 7, {"type": "data"}, {"type": "media", "connectionId": "c", "sdp": {"type": "offer", "sdp": "v=0"}}],
)
async def test_calls_that_cannot_be_made_expire(open_meeting: Meeting, payload: Any) -> None:
    async with a_peer(open_meeting.server, "ada") as ada:
        await opened(ada)
        await ada.send("OFFER", "mcu:tea", payload)
        assert await ada.receive() == {"type": "EXPIRE", "src": "mcu:tea", "dst": "ada"}
    rooms = (await open_meeting.admin.get("/api/v1/rooms")).json()["rooms"]
    assert [room["participants"] for room in rooms] in ([], [0])
