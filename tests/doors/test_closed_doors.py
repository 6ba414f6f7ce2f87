"""Rooms with a password or a lobby, as old clients meet them: each is told in its own way, and lets in who may come."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from api.session import LOBBY
from tests.api.people import ROOM, Meeting
from tests.doors.channelclient import a_channel
from tests.doors.eventclient import EventClient
from tests.doors.peerclient import a_peer, opened
from tests.kit.rtc import PATIENCE_S

PASSWORD = "open sesame"
HERE = {"room": "team", "password": PASSWORD}


async def ws_close(address: str, until: str = "") -> int:
    """The code with which a raw socket is closed, which says nothing but ``until``."""
    async with connect(address) as socket:
        try:
            while True:
                assert str(await asyncio.wait_for(socket.recv(), PATIENCE_S)) == until
        except ConnectionClosed as end:
            return end.rcvd.code if end.rcvd else 1006


def raw(meeting: Meeting, query: str) -> str:
    return meeting.server.url.replace("http", "ws", 1) + "/?room=team" + query


async def test_a_password_can_be_given_in_every_dialect(open_meeting: Meeting) -> None:
    await open_meeting.set_room(password=PASSWORD)
    async with EventClient(open_meeting.server) as chat, EventClient(open_meeting.server) as call:
        for client, event in ((chat, "enter_room"), (call, "join_room")):
            (refused,) = await client.ask(event, "team")
            assert refused["code"] == "password_required"
            await client.send(event, {"room": "team", "password": "guess"})
            assert (await client.event("error"))[0]["code"] == "wrong_password"
            assert await client.ask(event, HERE) == []
        assert await call.event("welcome") == []
        assert await ws_close(raw(open_meeting, "")) == 1008
        async with connect(raw(open_meeting, f"&password={PASSWORD.replace(' ', '+')}")) as socket:
            await socket.send(json.dumps({"type": "new_message", "payload": "hi"}))
            assert await chat.event("new_message") == ["Anon: hi"]


async def test_a_peer_gives_the_password_in_its_metadata(open_meeting: Meeting) -> None:
    await open_meeting.set_room(password=PASSWORD)
    async with a_peer(open_meeting.server, "ada") as ada:
        await opened(ada)
        offer: dict[str, Any] = {"type": "media", "connectionId": "c", "sdp": {"type": "offer", "sdp": "v=0"}}
        await ada.send("OFFER", "mcu:team", offer)
        assert (await ada.receive())["type"] == "EXPIRE"

        async def answer(sdp: str) -> str:
            made = offer | {"sdp": {"type": "offer", "sdp": sdp}, "metadata": {"password": PASSWORD, "name": "Ada"}}
            await ada.send("OFFER", "mcu:team", made)
            found: str = (await ada.receive())["payload"]["sdp"]["sdp"]
            return found

        async with a_channel(answer):
            (person,) = (await open_meeting.admin.get(f"{ROOM}/participants")).json()["participants"]
            assert person["name"] == "Ada"


async def knocking(admin: httpx.AsyncClient, count: int) -> list[str]:
    """The ids of those in the lobby, once there are so many."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            waiting = (await admin.get(f"{ROOM}/lobby")).json()["waiting"]
            if len(waiting) == count:
                return [one["id"] for one in waiting]
            await asyncio.sleep(0.02)


@pytest.fixture
async def guarded(open_meeting: Meeting) -> Meeting:
    """A room with a lobby, and somebody in it who may let others in."""
    await guard(open_meeting)
    return open_meeting


async def guard(meeting: Meeting) -> None:
    await meeting.set_room(lobby=True)
    await (await meeting.socket()).ask("join", room="team", name="Mo")


async def decide(admin: httpx.AsyncClient, *, admit: bool) -> None:
    for identifier in await knocking(admin, 1):
        answer = await admin.post(f"{ROOM}/lobby/{identifier}", json={"admit": admit})
        assert answer.status_code == 200, answer.text


async def test_the_chat_dialect_waits_in_a_lobby(guarded: Meeting) -> None:
    async with EventClient(guarded.server) as ada:
        (told,) = await ada.ask("enter_room", "team")
        assert told["code"] == "lobby"
        assert await ada.event("waiting") == ["team"]
        (refused,) = await ada.ask("new_message", "hello?", "team")
        assert refused["code"] == "wrong_state"
        await decide(guarded.admin, admit=False)
        assert (await ada.event("error"))[0]["code"] == "denied"
        await ada.ask("enter_room", "team")
        await ada.send("nickname", "Ada")
        await decide(guarded.admin, admit=True)
        assert await ada.event("welcome") == ["Ada", 2]
        assert await ada.ask("new_message", "hello", "team") == []
        assert await ada.event("room_change") == [["team"]]


async def test_a_page_of_the_call_dialect_is_welcomed_once_it_is_let_in(guarded: Meeting) -> None:
    async with EventClient(guarded.server) as ada:
        await ada.send("join_room", "team")
        assert await ada.event("waiting") == ["team"]
        (refused,) = await ada.ask("offer", {"type": "offer", "sdp": "v=0"}, "team")
        assert refused["code"] == "wrong_state"
        await decide(guarded.admin, admit=True)
        assert await ada.event("welcome") == []


async def test_who_goes_waits_no_more(guarded: Meeting) -> None:
    async with EventClient(guarded.server) as ada, connect(raw(guarded, "")):
        await ada.ask("enter_room", "team")
        await knocking(guarded.admin, 2)
    await knocking(guarded.admin, 0)


async def test_a_raw_socket_is_told_to_wait(guarded: Meeting) -> None:
    async with connect(raw(guarded, "")) as socket:
        assert "lobby" in str(await asyncio.wait_for(socket.recv(), PATIENCE_S))
        await socket.send(json.dumps({"type": "new_message", "payload": "hello?"}))
        assert str(await asyncio.wait_for(socket.recv(), PATIENCE_S)).startswith("mosaic-mcu: wait")
        await decide(guarded.admin, admit=True)
        assert await asyncio.wait_for(socket.recv(), PATIENCE_S) == "mosaic-mcu: come in"
        await socket.send(json.dumps({"type": "new_message", "payload": "hello"}))
        assert await asyncio.wait_for(socket.recv(), PATIENCE_S) == "Anon: hello"


async def test_a_raw_socket_that_is_not_let_in_is_closed(guarded: Meeting) -> None:
    closing = asyncio.create_task(ws_close(raw(guarded, ""), f"mosaic-mcu: {LOBBY}"))
    await decide(guarded.admin, admit=False)
    assert await closing == 4003


async def test_a_peer_is_answered_once_it_is_let_in(guarded: Meeting) -> None:
    async with a_peer(guarded.server, "ada") as ada:
        await opened(ada)

        async def answer(sdp: str) -> str:
            offer = {"type": "data", "connectionId": "d", "sdp": {"type": "offer", "sdp": sdp}, "serialization": "raw"}
            await ada.send("OFFER", "mcu:team", offer)
            candidate = {"candidate": "candidate:1 1 udp 1 127.0.0.1 9 typ host", "sdpMid": "0"}
            await ada.send("CANDIDATE", "mcu:team", {"connectionId": "d", "candidate": candidate})
            await decide(guarded.admin, admit=True)
            reply = await ada.receive()
            assert reply["type"] == "ANSWER"
            found: str = reply["payload"]["sdp"]["sdp"]
            return found

        async with a_channel(answer, media=False) as channel:
            channel.channel.send("")
            assert str(await channel.heard()).startswith("mosaic-mcu: ")
        assert (await ada.receive())["type"] == "LEAVE"
        offer = {"type": "media", "connectionId": "c", "sdp": {"type": "offer", "sdp": "v=0"}}
        await ada.send("OFFER", "mcu:team", offer)
        await decide(guarded.admin, admit=False)
        assert (await ada.receive())["type"] == "EXPIRE"
