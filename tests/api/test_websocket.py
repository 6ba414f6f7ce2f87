"""The signaling socket as a client sees it: replies, news, and how it ends."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from api.server import Server
from mcu.protocol.commands import AddCandidate, Detach, Leave
from mcu.protocol.events import Moved, PeerFailed, Speakers
from mcu.protocol.models import SpeakerLevel, TileMap
from mcu.protocol.wire import MAX_MESSAGE_BYTES
from tests.api.conftest import MakeServer
from tests.api.socket import BOUND_S, SocketClient
from tests.kit.engine import FakeEngine, FakeRoom


async def until(condition: Callable[[], bool]) -> None:
    """Lets the loop run until ``condition()`` holds."""
    async with asyncio.timeout(BOUND_S):
        while not condition():  # noqa: ASYNC110 - the state is the server's, it has no event
            await asyncio.sleep(0.005)


def room_of(engine: FakeEngine, name: str = "team") -> FakeRoom:
    return engine.open_rooms[name]


async def test_a_join_tells_everything_a_client_needs(server: Server) -> None:
    async with SocketClient(server) as ada:
        joined = await ada.ask("join", room="team", name="Ada")
    assert joined["participant"]["name"] == "Ada"
    assert joined["room"]["name"] == "team"
    assert [person["name"] for person in joined["participants"]] == ["Ada"]
    assert joined["ice_servers"] == []
    assert joined["resume_token"]
    assert joined["uplink"] is None
    assert joined["tiles"]["canvas"] == {"width": 1280, "height": 720}
    assert joined["tiles"]["tiles"][0]["participant"] == joined["participant"]["id"]


async def test_others_hear_of_joins_states_and_leaves(server: Server) -> None:
    async with SocketClient(server) as ada, SocketClient(server) as bob:
        await ada.ask("join", room="team", name="Ada")
        me = (await bob.ask("join", room="team", name="보라"))["participant"]
        while (news := await ada.event("participant_joined"))["participant"]["id"] != me["id"]:
            pass
        assert news["participant"]["name"] == "보라"
        state = await bob.ask("media_state", audio=False)
        assert state["participant"]["media"] == {"audio": False, "video": True, "screen": False}
        assert (await ada.event("participant_updated"))["participant"]["media"]["audio"] is False
        await bob.ask("leave")
        assert await bob.closed() == 1000
        assert await ada.event("participant_left") == {"id": me["id"], "reason": "left"}
        tiles = await ada.event("tiles")
        assert tiles["canvas"] == {"width": 1280, "height": 720}
        assert [tile["name"] for tile in tiles["tiles"]] == ["Ada"]
        assert TileMap.model_validate(tiles).view == "main"


async def test_a_room_that_closes_under_a_join_is_opened_again(server: Server, engine: FakeEngine) -> None:
    async with SocketClient(server) as ada, SocketClient(server) as bob:
        await ada.ask("join", room="team", name="Ada")
        room = engine.open_rooms["team"]
        room.stall.clear()
        joining = asyncio.ensure_future(bob.ask("join", room="team", name="Bob"))
        await until(lambda: sum(call.type == "join" for call in room.calls) == 2)
        await engine.close_room("team")
        room.stall.set()
        joined = await joining
        assert [person["name"] for person in joined["participants"]] == ["Bob"]


async def test_an_offer_is_answered_and_candidates_reach_the_room(server: Server, engine: FakeEngine) -> None:
    async with SocketClient(server) as ada:
        await ada.ask("join", room="team")
        assert (await ada.ask("offer", sdp="v=0\r\n"))["sdp"].startswith("v=0")
        candidate = {"candidate": "candidate:1 1 udp 1 192.0.2.1 9 typ host", "sdpMid": "0", "sdpMLineIndex": 0}
        assert await ada.ask("candidate", candidate=candidate) == {}
        assert await ada.ask("candidate", candidate=None) == {}
    got = [call for call in room_of(engine).calls if isinstance(call, AddCandidate)]
    assert [(one.candidate, one.sdp_mid) for one in got] == [(candidate["candidate"], "0"), (None, None)]


BAD_MESSAGES: list[tuple[str, dict[str, object], str, str | None]] = [
    ("dance", {}, "unknown_type", "type"),
    ("offer", {}, "invalid", "sdp"),
    ("offer", {"sdp": "hello"}, "bad_sdp", "sdp"),
    ("offer", {"sdp": "v=0" + "x" * 65_536}, "invalid", "sdp"),
    ("offer", {"sdp": "v=0", "connection": "third"}, "invalid", "connection"),
    ("candidate", {"candidate": {"candidate": "x" * 1025}}, "invalid", "candidate.candidate"),
    ("candidate", {"candidate": {"candidate": "x", "sdpMLineIndex": -1}}, "invalid", "candidate.sdpMLineIndex"),
    ("layout", {"layout": {"preset": "spiral"}}, "invalid", "layout.preset"),
    ("layout", {"layout": {}, "view": "other"}, "no_such_view", None),
    ("layout", {"layout": {}, "if_match": "old"}, "layout_changed", None),
    ("mute", {"participant": "nobody", "audio": True}, "no_such_participant", "participant"),
    ("kick", {"participant": "no body"}, "invalid", "participant"),
    ("record", {"action": "rewind"}, "invalid", "action"),
    ("record", {"action": "pause"}, "wrong_state", None),
    ("record", {"action": "resume"}, "wrong_state", None),
    ("record", {"action": "stop"}, "wrong_state", None),
    ("join", {"room": "other"}, "wrong_state", None),
]


async def test_a_bad_message_gets_a_stable_code_and_the_socket_lives(server: Server) -> None:
    async with SocketClient(server) as ada:
        await ada.ask("join", room="team")
        for kind, data, code, field in BAD_MESSAGES:
            error = await ada.refused(kind, **data)
            assert (error["code"], error.get("field")) == (code, field), kind
            assert error["message"]
        assert await ada.ask("ping") == {}


BAD_JOINS: list[tuple[dict[str, object], str, str | None]] = [
    ({}, "invalid", "room"),
    ({"room": "x" * 65}, "invalid", "room"),
    ({"room": "\u202e"}, "invalid", "room"),
    ({"room": "a/b"}, "invalid", "room"),
    ({"room": "team", "name": "\x00"}, "invalid", "name"),
    ({"room": "team", "name": 7}, "invalid", "name"),
    ({"room": "team", "token": "x" * 4097}, "invalid", "token"),
    ({"room": "team", "token": "not.a.token"}, "unauthorised", None),
]


async def test_a_bad_join_can_be_tried_again(server: Server) -> None:
    async with SocketClient(server) as ada:
        for data, code, field in BAD_JOINS:
            error = await ada.refused("join", **data)
            assert (error["code"], error.get("field")) == (code, field), data
        assert (await ada.ask("join", room="team"))["participant"]["id"]


async def test_nothing_but_join_and_ping_before_the_join(server: Server) -> None:
    async with SocketClient(server) as ada:
        assert await ada.ask("ping") == {}
        assert (await ada.refused("offer", sdp="v=0"))["code"] == "wrong_state"


NO_MESSAGES: list[str | bytes] = [
    "{",
    "[]",
    "7",
    '"x"',
    "null",
    '{"type": "ping"}',
    '{"id": "x", "type": "ping"}',
    '{"id": -1, "type": "ping"}',
    '{"id": 1e400, "type": "ping"}',
    "[" * 100_000,
    '{"id": ' + "9" * 50_000 + "}",
    '{"id": 1, "type": "\\ud800"}',
    b'{"id": 1, "type": "ping"}',
]


async def test_what_is_no_message_ends_the_socket(server: Server) -> None:
    for message in NO_MESSAGES:
        async with SocketClient(server) as ada:
            await ada.connection.send(message)
            assert await ada.closed() == 1008, message[:40]


async def test_a_message_with_an_id_is_answered_however_wrong(server: Server) -> None:
    async with SocketClient(server) as ada:
        for message in ('{"id": 4}', '{"id": 4, "type": 5}', '{"id": 4, "type": "ping", "data": []}'):
            await ada.connection.send(message)
            reply = await ada.reply_to(4)
            assert reply["error"]["code"] == "bad_request"


async def test_a_message_too_long_ends_the_socket(server: Server) -> None:
    async with SocketClient(server) as ada:
        long = json.dumps({"id": 1, "type": "ping", "data": {"x": "y" * MAX_MESSAGE_BYTES}})
        await ada.connection.send(long)
        assert await ada.closed() == 1009


async def test_a_flood_ends_the_socket(server: Server) -> None:
    async with SocketClient(server) as ada:
        await ada.ask("join", room="team")
        with suppress(ConnectionClosed):
            for number in range(300):
                await ada.connection.send(json.dumps({"id": number, "type": "ping"}))
        assert await ada.closed() == 1013


async def test_a_client_that_only_connects_is_sent_away(make_server: MakeServer) -> None:
    server = await make_server(limits={"join_timeout_s": 0.1})
    async with SocketClient(server) as silent:
        assert await silent.closed() == 1008


async def test_a_lost_socket_detaches_and_the_token_resumes(server: Server, engine: FakeEngine) -> None:
    async with SocketClient(server) as ada:
        first = await ada.ask("join", room="team", name="Ada")
    await until(lambda: any(isinstance(call, Detach) for call in room_of(engine).calls))
    assert room_of(engine).people[first["participant"]["id"]].presence == "reconnecting"
    async with SocketClient(server) as again:
        second = await again.ask("join", room="team", name="Ada", resume=first["resume_token"])
        assert second["participant"]["id"] == first["participant"]["id"]
        assert second["resumed"] is True
        assert len(second["participants"]) == 1


async def test_leaving_is_not_detaching(server: Server, engine: FakeEngine) -> None:
    async with SocketClient(server) as ada:
        await ada.ask("join", room="team")
        await ada.ask("leave")
        assert await ada.closed() == 1000
    assert [type(call) for call in room_of(engine).calls][-1] is Leave


async def test_who_is_kicked_is_told_and_let_go(server: Server, engine: FakeEngine) -> None:
    async with SocketClient(server) as ada, SocketClient(server) as bob:
        await ada.ask("join", room="team", name="Ada")
        them = (await bob.ask("join", room="team", name="Bob"))["participant"]["id"]
        await ada.ask("kick", participant=them, reason="too loud")
        assert await bob.event("kicked") == {"reason": "too loud"}
        assert await bob.closed() == 4001
        assert await ada.event("participant_left") == {"id": them, "reason": "kicked"}
    assert not any(isinstance(call, Detach) and call.participant == them for call in room_of(engine).calls)


async def test_a_closed_room_ends_its_sockets(server: Server, engine: FakeEngine) -> None:
    async with SocketClient(server) as ada:
        await ada.ask("join", room="team")
        await engine.close_room("team")
        assert await ada.event("room_closed") == {}
        assert await ada.closed() == 4002


async def test_whose_room_goes_on_elsewhere_is_told_to_join_again(server: Server, engine: FakeEngine) -> None:
    async with SocketClient(server) as ada:
        resume = (await ada.ask("join", room="team"))["resume_token"]
        room_of(engine).emit(Moved())
        assert await ada.event("moved") == {"url": None, "resume_token": resume}
        assert await ada.closed() == 1012
    assert not any(isinstance(call, Detach) for call in room_of(engine).calls)


async def test_news_have_the_shapes_of_the_protocol(server: Server, engine: FakeEngine) -> None:
    async with SocketClient(server) as ada:
        me = (await ada.ask("join", room="team"))["participant"]["id"]
        room_of(engine).emit(Speakers(active=(SpeakerLevel(id=me, level=0.5),), dominant=me))
        assert await ada.event("speakers") == {"active": [{"id": me, "level": 0.5}], "dominant": me}
        room_of(engine).emit(PeerFailed(to=me, connection="main", message="send a new offer"))
        assert await ada.event("error") == {
            "code": "connection_failed",
            "connection": "main",
            "message": "send a new offer",
        }
        started = await ada.ask("record", action="start")
        assert (await ada.event("recording")) == started
        assert started["state"] == "active"
        for action, now in (("pause", "paused"), ("resume", "active")):
            changed = await ada.ask("record", action=action)
            assert (changed["id"], changed["state"]) == (started["id"], now)
            assert await ada.ask("record", action=action) == changed
            assert (await ada.event("recording")) == changed
        assert (await ada.ask("record", action="stop"))["id"] == started["id"]
        state = await ada.ask("layout", layout={"preset": "speaker", "pinned": None})
        assert state["layout"]["pinned"] is None
        news = await ada.event("layout_changed")
        assert news == {"view": "main", "state": state, "by": me, "scheduled": None}
        pending = await ada.ask("layout", layout={"preset": "pip", "at": "2099-12-24T18:00:00Z"})
        assert (pending["at"], pending["by"]) == ("2099-12-24T18:00:00Z", me)
        assert await ada.event("layout_scheduled") == {"view": "main", "change": pending}


async def test_news_for_one_stay_with_that_one(server: Server, engine: FakeEngine) -> None:
    async with SocketClient(server) as ada, SocketClient(server) as bob:
        me = (await ada.ask("join", room="team"))["participant"]["id"]
        await bob.ask("join", room="team")
        room_of(engine).emit(PeerFailed(to=me, connection="main", message="only for one"))
        await ada.event("error")
        await bob.connection.send(json.dumps({"id": 99, "type": "ping"}))
        seen = []
        while "reply_to" not in (message := await bob.receive()):
            seen.append(message["type"])
        assert "error" not in seen


async def test_a_client_that_stops_reading_is_dropped_and_nobody_waits(server: Server, engine: FakeEngine) -> None:
    async with SocketClient(server) as ada, SocketClient(server, max_queue=1, close_timeout=0.1) as sleeper:
        await ada.ask("join", room="team")
        them = (await sleeper.ask("join", room="team"))["participant"]["id"]
        long = PeerFailed(to=them, connection="main", message="x" * 60_000)
        await until(lambda: _flooded(room_of(engine), long, them))
        assert await ada.ask("ping") == {}


def _flooded(room: FakeRoom, event: PeerFailed, who: str) -> bool:
    for _ in range(16):
        room.emit(event)
    return any(isinstance(call, Detach) and call.participant == who for call in room.calls)


async def test_a_fault_of_the_room_ends_one_socket_and_is_not_told(server: Server, engine: FakeEngine) -> None:
    async with SocketClient(server) as ada, SocketClient(server) as bob:
        await ada.ask("join", room="one")
        await bob.ask("join", room="two")
        room_of(engine, "one").crash = RuntimeError("a secret detail")
        await ada.connection.send('{"id": 1, "type": "media_state", "data": {"audio": true}}')
        assert await ada.closed() == 1011
        assert await bob.ask("ping") == {}


async def test_a_page_of_another_origin_is_kept_out(make_server: MakeServer, caplog: pytest.LogCaptureFixture) -> None:
    server = await make_server(cors_origins=("https://friend.example",))
    with pytest.raises(InvalidStatus) as refused:
        async with SocketClient(server, origin="https://evil.example"):
            pass
    assert refused.value.response.status_code == 403
    assert json.loads(refused.value.response.body)["code"] == "forbidden_origin"
    async with SocketClient(server, origin="https://friend.example") as friend:
        assert await friend.ask("ping") == {}
    async with SocketClient(server, origin=server.url) as own:
        assert await own.ask("ping") == {}
    assert [line.message for line in caplog.records if line.levelname in ("WARNING", "ERROR")] == []


async def test_the_server_ends_in_time_with_clients_connected(make_server: MakeServer, engine: FakeEngine) -> None:
    server = await make_server()
    async with SocketClient(server) as ada:
        await ada.ask("join", room="team")
        server.should_exit = True
        assert await ada.closed() in (1012, 4002)
    await until(lambda: engine.closed)
