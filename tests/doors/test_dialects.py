"""The dialects of teaching projects, one message at a time."""

from tests.api.people import Meeting
from tests.api.socket import SocketClient
from tests.doors.eventclient import EventClient


async def test_chat_goes_between_dialects(open_meeting: Meeting) -> None:
    server = open_meeting.server
    async with EventClient(server) as ada, EventClient(server) as bo, SocketClient(server) as chloe:
        await ada.send("nickname", "아다")
        assert await ada.ask("enter_room", "티타임") == []
        assert await ada.event("room_change") == [["티타임"]]
        assert await bo.event("room_change") == [["티타임"]]
        assert await bo.ask("enter_room", "티타임") == []
        assert await ada.event("welcome") == ["Anon", 2]
        await bo.send("nickname", "Bo")
        await chloe.ask("join", room="티타임", name="Chloé")
        assert await ada.event("welcome") == ["Chloé", 3]
        assert await bo.event("welcome") == ["Chloé", 3]
        assert await bo.ask("new_message", "안녕", "티타임") == []
        assert await ada.event("new_message") == ["Bo: 안녕"]
        assert (await chloe.event("chat"))["message"]["text"] == "안녕"
        await chloe.ask("chat", text="salut")
        assert await bo.event("new_message") == ["Chloé: salut"]
        await bo.connection.close()
        assert await ada.event("bye") == ["Bo", 2]
        await chloe.ask("leave")
        assert await ada.event("bye") == ["Chloé", 1]


async def test_rooms_that_emptied_are_off_the_list(open_meeting: Meeting) -> None:
    async with EventClient(open_meeting.server) as ada:
        async with EventClient(open_meeting.server) as bo:
            await bo.ask("enter_room", "tea")
            assert await ada.event("room_change") == [["tea"]]
        assert await ada.event("room_change") == [[]]


async def test_wrong_events_of_the_chat_dialect_are_errors(open_meeting: Meeting) -> None:
    async with EventClient(open_meeting.server) as ada:
        await ada.send("new_message", "hello?", "tea")
        assert (await ada.event("error"))[0]["code"] == "wrong_state"
        await ada.send("enter_room", ["tea"])
        assert (await ada.event("error"))[0]["field"] == "room"
        await ada.ask("enter_room", "tea")
        await ada.send("new_message", "psst", "elsewhere")
        assert (await ada.event("error"))[0]["field"] == "room"
        await ada.send("nickname", 5)
        assert (await ada.event("error"))[0]["code"] == "invalid"
        await ada.send("join", {"room": "tea"})
        assert (await ada.event("error"))[0]["code"] == "unknown_type"


async def test_a_mixed_room_welcomes_the_newcomer_itself(open_meeting: Meeting) -> None:
    async with EventClient(open_meeting.server) as ada:
        await ada.send("join_room", "tea")
        assert await ada.event("welcome") == []
        await ada.send("offer", {"type": "offer", "sdp": "v=0"}, "tea")
        assert (await ada.event("error"))[0]["code"] == "bad_sdp"
        await ada.send("ice", {"candidate": "candidate:1 1 udp 1 10.0.0.1 9 typ host", "sdpMid": "0"}, "tea")
        assert (await ada.event("error"))[0]["code"] == "wrong_state"
        await ada.send("answer", {"type": "answer", "sdp": "v=0"}, "tea")
        assert (await ada.event("error"))[0]["code"] == "wrong_state"


async def test_a_mesh_passes_calls_on(open_meeting: Meeting) -> None:
    await open_meeting.admin.post("/api/v1/rooms", json={"name": "mesh", "topology": "mesh"})
    async with EventClient(open_meeting.server) as ada, EventClient(open_meeting.server) as bo:
        await ada.ask("join_room", "mesh")
        await bo.ask("join_room", "mesh")
        assert await ada.event("welcome") == []
        offer = {"type": "offer", "sdp": "v=0 ada"}
        await ada.send("offer", offer, "mesh")
        assert await bo.event("offer") == [offer]
        answer = {"type": "answer", "sdp": "v=0 bo"}
        await bo.send("answer", answer, "mesh")
        assert await ada.event("answer") == [answer]
        await ada.send("ice", None, "mesh")
        assert await bo.event("ice") == [None]


async def test_nothing_is_mixed_in_a_mesh(open_meeting: Meeting) -> None:
    answer = await open_meeting.admin.post("/api/v1/rooms", json={"name": "mesh", "topology": "mesh"})
    assert answer.json()["topology"] == "mesh"
    async with SocketClient(open_meeting.server) as ada:
        assert (await ada.ask("join", room="mesh"))["room"]["topology"] == "mesh"
        assert (await ada.refused("offer", sdp="v=0"))["code"] == "wrong_state"
