"""A room over real WebRTC, against a server that is small enough to misbehave on command."""

import asyncio
from collections.abc import AsyncIterator, Callable

import numpy as np
import pytest

from client.cards import TestCard
from client.clips import Clip
from client.errors import ConnectionLost, JoinRefused, Removed, RequestRefused
from client.frames import mono, rgb
from client.room import Room
from client.sources import Sound, Tone
from client.tracks import fitting
from mcu.protocol.events import ParticipantJoined, QualityChanged, RecordingChanged, UplinkChanged
from mcu.protocol.layout import LayoutState
from mcu.protocol.models import Uplink, UplinkVideo
from tests.client.fake_server import (
    COMPOSITE_HUE,
    COMPOSITE_HZ,
    COMPOSITE_SENDER,
    RECORDING,
    TILES,
    FakeServer,
    fake_server,
    participant,
)
from tests.kit.cards import hue_distance, read_card
from tests.kit.tones import hears

WAIT_S = 20.0


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    async with fake_server() as fake:
        yield fake


async def until(server: FakeServer, true: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S), server.changed:
        await server.changed.wait_for(true)


def shows(server: FakeServer, sender: int, connection: str = "main") -> bool:
    frame = server.pictures.get(connection)
    reading = read_card(rgb(frame)) if frame is not None else None
    return reading is not None and reading.sender == sender


async def test_pictures_and_sound_flow_both_ways(server: FakeServer) -> None:
    async with Room.connect(server.url, "demo", "민준", audio=Tone(440), video=TestCard(30, 3, fps=15)) as room:
        assert room.participant.name == "민준"
        assert room.info.name == "demo"
        async with asyncio.timeout(WAIT_S):
            async for frame in room.pictures():
                reading = read_card(rgb(frame))
                if reading is not None:
                    break
            assert reading is not None
            assert reading.sender == COMPOSITE_SENDER
            assert hue_distance(reading.hue, COMPOSITE_HUE) < 12
            heard = np.zeros(0, np.int16)
            async for sound in room.sounds():
                heard = np.concatenate([heard, mono(sound)])[-9600:]
                if len(heard) == 9600 and hears(heard, COMPOSITE_HZ):
                    break
        await until(server, lambda: shows(server, 3))
        await until(server, lambda: len(server.sounds["main"]) == 9600 and hears(server.sounds["main"], 440))
        assert (await room.packets_sent())["audio"] > 0
    assert [kind for kind, _ in server.requests][-1] == "leave"
    assert await room.ended() is None


async def test_an_encoded_clip_is_sent_as_it_is(server: FakeServer) -> None:
    card = TestCard(30, 6, fps=15)

    pictures = [await card.picture(index) for index in range(30)]
    clip = Clip(lambda: pictures, 30, 15)
    async with Room.connect(server.url, "demo", "Ada", video=clip, receive=False) as room:
        await until(server, lambda: shows(server, 6))
        assert room.stats.pictures == 0
    assert server.seen("media_state")[0] == {"audio": False, "video": True, "screen": False}


async def test_mute_stops_the_packets_and_tells_everybody(server: FakeServer) -> None:
    async with Room.connect(
        server.url, "demo", "Ada", audio=Tone(440), video=TestCard(30, 3, fps=15), receive=False
    ) as room:
        await until(server, lambda: "main" in server.sounds and "main" in server.pictures)
        await room.mute()
        assert server.seen("media_state")[-1] == {"audio": False}
        first = await room.packets_sent()
        async with asyncio.timeout(WAIT_S):
            while (second := await room.packets_sent())["video"] < first["video"] + 5:
                server.pictures.clear()
                await until(server, lambda: "main" in server.pictures)
        assert second["audio"] <= first["audio"] + 1, "at most the packet that was under way"
        server.sounds.clear()
        await room.mute(False)
        await until(server, lambda: "main" in server.sounds)
        await room.camera(False)
        assert server.seen("media_state")[-1] == {"video": False}
        with pytest.raises(ValueError, match="without a source"):
            async with Room.connect(server.url, "demo", "Zoë", receive=False) as silent:
                await silent.camera(True)


async def test_a_hand_is_raised_and_taken_down(server: FakeServer) -> None:
    async with Room.connect(server.url, "demo", "Ada", receive=False) as room:
        await room.raise_hand()
        await room.raise_hand(False)
        assert server.seen("hand") == [{"raised": True}, {"raised": False}]


async def test_another_view_is_watched(server: FakeServer) -> None:
    async with Room.connect(server.url, "demo", "Ada", receive=False) as room:
        await room.watch("portrait")
        assert server.seen("view") == [{"name": "portrait"}]
        server.refuse["view"] = {"code": "no_such_view", "message": "this room has main"}
        with pytest.raises(RequestRefused, match="this room has main"):
            await room.watch("none")


async def test_a_screen_has_its_own_connection(server: FakeServer) -> None:
    async with Room.connect(server.url, "demo", "Ada", video=TestCard(30, 3, fps=15), receive=False) as room:
        await room.share_screen(TestCard(90, 7, fps=15))
        await until(server, lambda: shows(server, 7, "screen") and shows(server, 3))
        assert [offer["connection"] for offer in server.seen("offer")] == ["main", "screen"]
        await room.stop_sharing()
        assert server.seen("media_state")[-1] == {"screen": False}


async def test_pictures_are_made_to_suit_what_the_server_asks_for(server: FakeServer) -> None:
    def width() -> int:
        frame = server.pictures.get("main")
        return frame.width if frame is not None else 0

    async with Room.connect(server.url, "demo", "Ada", video=TestCard(30, 3, fps=20), receive=False) as room:
        await until(server, lambda: width() == 640)
        first = room.uplink
        assert first is None
        await server.say("uplink", video={"width": 300, "height": 180, "fps": 10, "kbps": 200}, screen=None)
        await until(server, lambda: width() == 320 and shows(server, 3))
        events = room.events()
        await server.say("uplink", video=None, screen={"width": 640, "height": 360, "fps": 15, "kbps": 900})
        async with asyncio.timeout(WAIT_S):
            assert isinstance(await anext(events), UplinkChanged)
        assert room.uplink == Uplink(screen=UplinkVideo(width=640, height=360, fps=15, kbps=900))
        await until_resting(room)
        server.pictures.clear()
        await server.say("uplink", video={"width": 1280, "height": 720, "fps": 30, "kbps": 1700}, screen=None)
        await until(server, lambda: width() == 640 and shows(server, 3))


async def test_the_quality_can_be_bounded_and_its_changes_are_told(server: FakeServer) -> None:
    async with Room.connect(server.url, "demo", "Ada", receive=False) as room:
        assert (await room.limit_quality("low")).tier == "low"
        assert server.seen("view") == [{"tier": "low"}]
        events = room.events()
        await server.say("quality", tier="audio", reason="bandwidth", choice="low")
        async with asyncio.timeout(WAIT_S):
            assert isinstance(await anext(events), QualityChanged)
        assert room.quality is not None
        assert (room.quality.tier, room.quality.reason, room.quality.choice) == ("audio", "bandwidth", "low")


async def until_resting(room: Room) -> None:
    """No picture was sent for half a second, in which ten would have been."""
    async with asyncio.timeout(WAIT_S):
        while True:
            before = (await room.packets_sent())["video"]
            await asyncio.sleep(0.5)
            if (await room.packets_sent())["video"] == before:
                return


def test_a_picture_keeps_its_shape_and_is_never_enlarged() -> None:
    asked = UplinkVideo(width=320, height=180, fps=25, kbps=200)
    assert fitting(1280, 720, asked) == (320, 180)
    assert fitting(640, 480, asked) == (320, 240)
    assert fitting(360, 640, asked) == (320, 570)
    assert fitting(160, 90, asked) == (160, 90)
    assert fitting(1280, 720, None) == (1280, 720)


async def test_a_dropped_socket_is_resumed_as_the_same_person(server: FakeServer) -> None:
    async with Room.connect(server.url, "demo", "Ada", video=TestCard(30, 3, fps=15)) as room:
        before = room.participant.id
        await until(server, lambda: shows(server, 3))
        pictures = room.pictures()
        await server.drop()
        await until(server, lambda: room.stats.reconnects == 1)
        assert [join["resume"] for join in server.seen("join")] == [None, "token1"]
        assert len(server.seen("offer")) == 2
        assert room.participant.id == before
        server.pictures.clear()
        await until(server, lambda: shows(server, 3))
        async with asyncio.timeout(WAIT_S):
            await anext(pictures)
        await room.mute()


async def test_a_server_that_forgot_us_gets_a_newcomer(server: FakeServer) -> None:
    async with Room.connect(server.url, "demo", "Ada", video=TestCard(30, 3, fps=15), receive=False) as room:
        server.knows_tokens = False
        await server.drop()
        await until(server, lambda: room.stats.reconnects == 1)
        assert [join["resume"] for join in server.seen("join")] == [None, "token1", None]
        assert room.participant.id == "p2"


async def test_a_failed_connection_is_offered_again(server: FakeServer) -> None:
    async with Room.connect(server.url, "demo", "Ada", video=TestCard(30, 3, fps=15), receive=False) as room:
        await until(server, lambda: shows(server, 3))
        await server.say("error", code="connection_failed", connection="main", message="the peer died")
        await until(server, lambda: len(server.seen("offer")) == 2)
        server.pictures.clear()
        await until(server, lambda: shows(server, 3))
        assert room.stats.reconnects == 0


async def test_streams_nobody_reads_stay_small(server: FakeServer) -> None:
    async with Room.connect(server.url, "demo", "Ada", audio=Tone(440)) as room:
        pictures, sounds, watched = room.pictures(), room.sounds(5), room.pictures(1)
        events = room.events(4)
        for number in range(10):
            await server.say("tiles", **TILES | {"layout_seq": number})
        async with asyncio.timeout(WAIT_S):
            while room.stats.pictures < 8 or room.stats.sounds < 20 or room.tiles.layout_seq < 9:
                await anext(watched)
        assert (len(pictures), len(sounds), len(events)) == (2, 5, 4)
        assert pictures.dropped >= 6
        assert sounds.dropped >= 15


async def test_events_keep_the_roster(server: FakeServer) -> None:
    async with Room.connect(server.url, "demo", "Ada", receive=False) as room:
        events = room.events()
        await server.say("something_new", x=1)
        await server.say("participant_joined", participant=participant(7, "Юлия"))
        async with asyncio.timeout(WAIT_S):
            event = await anext(events)
            assert isinstance(event, ParticipantJoined)
            assert room.participants["p7"].name == "Юлия"
            await server.say("participant_updated", participant=participant(7, "Julia"))
            await anext(events)
            assert room.participants["p7"].name == "Julia"
            await server.say("participant_left", id="p7", reason="left")
            await anext(events)
            assert set(room.participants) == {room.participant.id}
            await server.say("speakers", active=[{"id": "p1", "level": 0.5}], dominant="p1")
            await anext(events)
            assert room.speaking.dominant == "p1"
            await server.say("recording", **RECORDING)
            event = await anext(events)
            assert isinstance(event, RecordingChanged)
            assert event.recording.file == "demo.mp4"


async def test_a_source_that_fails_ends_its_own_track_only(server: FakeServer) -> None:
    class Broken(Tone):
        async def sound(self, index: int) -> Sound:
            raise RuntimeError("the microphone is on fire")

    async with Room.connect(
        server.url, "demo", "Ada", audio=Broken(440), video=TestCard(30, 3, fps=15), receive=False
    ) as room:
        await until(server, lambda: shows(server, 3))
        assert "main" not in server.sounds
        await asyncio.wait_for(room.leave(), WAIT_S)
        assert await room.ended() is None


async def test_layout_and_recording_are_asked_for(server: FakeServer) -> None:
    async with Room.connect(server.url, "demo", "Ada", receive=False) as room:
        state = await room.set_layout({"preset": "speaker"})
        assert isinstance(state, LayoutState)
        assert state.etag == "v2"
        assert server.seen("layout")[0]["layout"] == {"preset": "speaker"}
        assert (await room.start_recording()).state == "active"
        assert (await room.pause_recording()).state == "paused"
        assert (await room.resume_recording()).state == "active"
        assert (await room.stop_recording()).state == "finished"
        await room.start_recording("portrait")
        asked = [(action, "main") for action in ("start", "pause", "resume", "stop")] + [("start", "portrait")]
        assert [(one["action"], one["view"]) for one in server.seen("record")] == asked
        server.refuse["layout"] = {"code": "layout_changed", "message": "somebody was faster"}
        with pytest.raises(RequestRefused) as refused:
            await room.set_layout({"preset": "grid"}, if_match="v1")
        assert refused.value.code == "layout_changed"


async def test_a_refused_join_says_why(server: FakeServer) -> None:
    server.refuse["join"] = {"code": "room_full", "message": "this room is full"}
    with pytest.raises(JoinRefused, match="full") as refused:
        async with Room.connect(server.url, "demo", "Ada"):
            pytest.fail("nobody got in")
    assert refused.value.code == "room_full"


async def test_nobody_there(server: FakeServer, unused_tcp_port: int) -> None:
    with pytest.raises(ConnectionLost, match="can't be reached"):
        async with Room.connect(f"http://127.0.0.1:{unused_tcp_port}", "demo", "Ada"):
            pytest.fail("nobody got in")
    with pytest.raises(ValueError, match="http://host:port"):
        async with Room.connect("ftp://example.org", "demo", "Ada"):
            pytest.fail("nobody got in")


async def test_being_removed_ends_the_streams(server: FakeServer) -> None:
    async with Room.connect(server.url, "demo", "Ada", receive=False) as room:
        pictures = room.pictures()
        await server.say("kicked", reason="too loud")
        async with asyncio.timeout(WAIT_S):
            assert isinstance(await room.ended(), Removed)
            with pytest.raises(Removed, match="too loud"):
                await anext(pictures)
        assert room.state == "left"


async def test_a_server_that_stays_away_is_given_up() -> None:
    async with fake_server() as server:
        connecting = Room.connect(server.url, "demo", "Ada", receive=False, give_up_s=0.1)
        room = await connecting.__aenter__()
    async with asyncio.timeout(WAIT_S):
        assert isinstance(await room.ended(), ConnectionLost)
    await connecting.__aexit__(None, None, None)
