"""The chat on data channels: in words, in objects, bounded, beside media or alone."""

import json
from typing import Any

import pytest

from mcu.protocol.talk import MAX_TEXT_CHARS
from mcu.rtc.binding.data import MESSAGES_BURST
from mcu.rtc.channels import MAX_WORDS_BYTES
from tests.api.people import Meeting
from tests.api.socket import SocketClient
from tests.doors.channelclient import Answer, ChannelClient, a_channel
from tests.doors.eventclient import EventClient


def offers(socket: SocketClient, connection: str = "main") -> Answer:
    async def answer(offer: str) -> str:
        sdp: str = (await socket.ask("offer", sdp=offer, connection=connection))["sdp"]
        return sdp

    return answer


@pytest.fixture
async def bo(open_meeting: Meeting) -> SocketClient:
    """Somebody on a WebSocket in the room."""
    bo = await open_meeting.socket()
    await bo.ask("join", room="tea", name="Bo")
    return bo


@pytest.fixture
async def ada(open_meeting: Meeting, bo: SocketClient) -> SocketClient:
    """Somebody who has joined after Bo, and is about to connect."""
    ada = await open_meeting.socket()
    await ada.ask("join", room="tea", name="Ada")
    return ada


async def said_to(bo: SocketClient) -> str:
    text: str = (await bo.event("chat"))["message"]["text"]
    return text


async def answered(channel: ChannelClient, message: object) -> dict[str, Any]:
    channel.channel.send(json.dumps(message))
    reply: dict[str, Any] = json.loads(await channel.heard())
    return reply


async def test_words_go_both_ways(ada: SocketClient, bo: SocketClient) -> None:
    async with a_channel(offers(ada)) as channel:
        channel.channel.send("안녕")
        assert await said_to(bo) == "안녕"
        await bo.ask("chat", text="hello")
        assert await channel.heard() == "Bo: hello"
        channel.channel.send("{ is no object")
        assert await said_to(bo) == "{ is no object"


async def test_who_sends_objects_is_spoken_to_in_objects(ada: SocketClient, bo: SocketClient) -> None:
    async with a_channel(offers(ada)) as channel:
        reply = await answered(channel, {"id": 7, "type": "chat", "data": {"text": "hi"}})
        assert reply["reply_to"] == 7
        assert reply["data"]["delivered"] == 1
        assert await said_to(bo) == "hi"
        message = (await bo.ask("chat", text="hello"))["message_id"]
        news = json.loads(await channel.heard())
        assert (news["type"], news["data"]["message"]["id"]) == ("chat", message)
        await bo.ask("chat_delete", message_id=message)
        assert json.loads(await channel.heard())["data"]["message_id"] == message
        refused = await answered(channel, {"id": 8, "type": "kick", "data": {}})
        assert (refused["reply_to"], refused["error"]["code"]) == (8, "unknown_type")


async def test_the_protocol_json_asks_for_objects_from_the_start(ada: SocketClient, bo: SocketClient) -> None:
    async with a_channel(offers(ada), protocol="json") as channel:
        await bo.ask("chat", text="hello")
        assert json.loads(await channel.heard())["data"]["message"]["name"] == "Bo"
        channel.channel.send("no json")
        assert json.loads(await channel.heard())["data"]["code"] == "bad_request"


async def test_what_is_private_comes_to_its_reader_alone(
    open_meeting: Meeting, ada: SocketClient, bo: SocketClient
) -> None:
    async with a_channel(offers(ada)) as channel, SocketClient(open_meeting.server) as chloe:
        theirs = (await chloe.ask("join", room="tea", name="Chloé"))["participant"]["id"]
        mine = (await ada.ask("hand", raised=False))["participant"]["id"]
        await bo.ask("chat", text="not for you", to=[theirs])
        await bo.ask("chat", text="for you", to=[mine])
        assert await channel.heard() == "Bo: for you"


NEVER_SAID = (
    b"\x00\xff",
    MAX_WORDS_BYTES * "x" + "x",
    MAX_WORDS_BYTES * "é",
    (MAX_TEXT_CHARS + 1) * "x",
    " \t\x00 ",
    "",
)


async def test_what_cannot_be_said_is_an_error_on_the_channel(ada: SocketClient, bo: SocketClient) -> None:
    async with a_channel(offers(ada)) as channel:
        for message in NEVER_SAID:
            channel.channel.send(message)
            assert str(await channel.heard()).startswith("mosaic-mcu: "), message[:20]
        channel.channel.send("still here")
        assert await said_to(bo) == "still here"


WRONG_OBJECTS: tuple[tuple[object, str], ...] = (
    ({"type": "chat"}, "invalid"),
    ({"type": "chat", "data": []}, "bad_request"),
    ({"type": "chat", "data": {"text": {"a": 1}}}, "invalid"),
    ({"type": "chat", "id": "x", "data": {"text": "hi"}}, "bad_request"),
    ({"type": "chat", "data": {"text": "hi", "to": ["nobody"]}}, "no_such_participant"),
    ({"type": "join", "data": {"room": "elsewhere"}}, "unknown_type"),
    ({"type": ""}, "bad_request"),
)


async def test_wrong_objects_are_errors(ada: SocketClient) -> None:
    async with a_channel(offers(ada)) as channel:
        for message, code in WRONG_OBJECTS:
            refused = await answered(channel, message)
            assert (refused["type"], refused["data"]["code"]) == ("error", code), message


async def test_a_flood_closes_the_channel_and_nothing_else(ada: SocketClient, bo: SocketClient) -> None:
    async with a_channel(offers(ada)) as channel:
        for number in range(2 * MESSAGES_BURST):
            channel.channel.send(str(number))
        await channel.until_closed()
        await bo.ask("chat", text="still here?")
        assert (await ada.event("chat"))["message"]["text"] == "still here?"
        await ada.ask("ping")
        assert not [event for event in ada.pending if event["type"] == "error"]


async def test_other_channels_are_nobodys_business(ada: SocketClient, bo: SocketClient) -> None:
    async with a_channel(offers(ada), label="game") as channel:
        channel.channel.send("psst")
        await bo.ask("chat", text="hello")
        await ada.event("chat")
        await bo.ask("ping")
        assert not [event for event in bo.pending if event["type"] == "chat"]
        assert channel.channel.readyState == "open"


async def test_a_connection_of_its_own_carries_the_chat(ada: SocketClient, bo: SocketClient) -> None:
    async with a_channel(offers(ada, "data"), label="anything", media=False) as channel:
        channel.channel.send("hi")
        assert await said_to(bo) == "hi"
        await bo.ask("chat", text="hello")
        assert await channel.heard() == "Bo: hello"
    assert (await ada.event("error"))["connection"] == "data"
    assert (await ada.ask("chat", text="still here"))["delivered"] == 1
    assert (await ada.refused("offer", sdp="v=0", connection="data"))["code"] == "bad_sdp"


async def test_a_page_of_the_call_dialect_chats_on_its_channel(open_meeting: Meeting, bo: SocketClient) -> None:
    async with EventClient(open_meeting.server) as ada:

        async def answer(offer: str) -> str:
            await ada.send("join_room", "tea")
            await ada.event("welcome")
            await ada.send("offer", {"type": "offer", "sdp": offer}, "tea")
            (description,) = await ada.event("answer")
            sdp: str = description["sdp"]
            return sdp

        async with a_channel(answer) as channel:
            channel.channel.send("hi")
            assert await said_to(bo) == "hi"
            await bo.ask("chat", text="hello")
            assert await channel.heard() == "Bo: hello"


async def test_who_may_not_chat_is_told_so(meeting: Meeting) -> None:
    ada = await meeting.enter("ada", chat=False)
    async with a_channel(offers(ada)) as channel:
        channel.channel.send("hi")
        assert "doesn't allow" in str(await channel.heard())
    refused = await ada.refused("offer", sdp="v=0", connection="data")
    assert refused["code"] == "forbidden"
