"""The raw WebSocket at ``/``: JSON in, plain text out."""

import asyncio
import json

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from api.server import Server
from mcu.protocol.wire import MAX_MESSAGE_BYTES
from tests.api.conftest import MakeServer
from tests.api.people import ADMIN_KEY, KEY, Meeting, pass_for
from tests.api.socket import BOUND_S, SocketClient


def address(server: Server, query: str = "") -> str:
    return server.url.replace("http", "ws", 1) + "/" + query


async def send(socket: ClientConnection, kind: str, payload: object) -> None:
    await socket.send(json.dumps({"type": kind, "payload": payload}))


async def heard(socket: ClientConnection) -> str | bytes:
    return await asyncio.wait_for(socket.recv(), BOUND_S)


async def closed(socket: ClientConnection) -> int:
    try:
        while True:
            await heard(socket)
    except ConnectionClosed as end:
        return end.rcvd.code if end.rcvd else 1006


async def test_everybody_hears_what_is_said_the_sender_too(open_meeting: Meeting) -> None:
    server = open_meeting.server
    async with SocketClient(server) as chloe:
        await chloe.ask("join", room="chat", name="Chloé")
        async with connect(address(server)) as ada, connect(address(server)) as bo:
            for _ in ("ada", "bo"):
                await chloe.event("participant_joined")
            await send(bo, "new_message", "who is here?")
            assert await heard(bo) == "Anon: who is here?"
            assert await heard(ada) == "Anon: who is here?"
            await send(ada, "nickname", "아다")
            await send(ada, "new_message", "me")
            assert await heard(ada) == "아다: me"
            assert await heard(bo) == "아다: me"
            await chloe.ask("chat", text="me too")
            assert await heard(bo) == "Chloé: me too"


async def test_what_goes_wrong_is_said_in_words(open_meeting: Meeting) -> None:
    async with connect(address(open_meeting.server, "?room=tea")) as ada:
        await send(ada, "dance", None)
        assert str(await heard(ada)).startswith("mosaic-mcu: ")
        await send(ada, "new_message", {"not": "text"})
        assert str(await heard(ada)).startswith("mosaic-mcu: ")
        await send(ada, "new_message", "still here")
        assert await heard(ada) == "Anon: still here"


@pytest.mark.parametrize(
    ("message", "code"), [("{", 1008), ("[]", 1008), (b"{}", 1008), ("x" * MAX_MESSAGE_BYTES + "x", 1009)]
)
async def test_what_is_no_message_ends_the_socket(open_meeting: Meeting, message: str | bytes, code: int) -> None:
    async with connect(address(open_meeting.server)) as ada:
        await ada.send(message)
        assert await closed(ada) == code


async def test_the_end_of_the_room_ends_the_socket(open_meeting: Meeting) -> None:
    async with connect(address(open_meeting.server, "?room=team")) as ada:
        await send(ada, "new_message", "hi")
        await heard(ada)
        await open_meeting.admin.delete("/api/v1/rooms/team")
        assert await closed(ada) == 4002


async def test_a_token_is_asked_for_where_keys_are_set(make_server: MakeServer) -> None:
    server = await make_server(keys={"k1": KEY}, admin_keys=(ADMIN_KEY,))
    for query in ("", "?token=x", f"?room=other&token={pass_for('ada')}"):
        with pytest.raises(InvalidStatus) as refused:
            await connect(address(server, query))
        assert refused.value.response.status_code in (401, 403)
    async with connect(address(server, f"?room=team&token={pass_for('ada')}")) as ada:
        await send(ada, "dance", None)
        assert await heard(ada)
