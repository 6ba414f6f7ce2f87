"""Viewers of a real room change tiers: what they see, what they are told, and which encoders are left."""

import asyncio
import itertools
from functools import partial
from pathlib import Path

import av
from av.video.frame import VideoFrame

from mcu.engine.inline import InlineEngine
from mcu.media.hub import EncoderHub
from mcu.protocol.commands import CreateView, UpdateView, WatchView
from mcu.protocol.events import QualityChanged
from mcu.protocol.models import ParticipantInfo, RoomSpec, ViewChanges, ViewSpec
from mcu.protocol.quality import GetQuality, Quality, SetQuality, TierChoice
from mcu.room.encoders import OutputKey
from mcu.room.events import Subscription
from mcu.room.room import Room
from mcu.rtc.listener import Reception
from tests.mcu.room.meeting import Guest, ask, connect, enter, next_event, running_engine, until

VIEW = ViewSpec(width=640, height=360, fps=10, video_kbps=400)
PATIENCE_S = 20.0
LONGEST_GAP_S = 0.8
"""A view in which nothing moves sends a picture every half second."""


async def open_room(engine: InlineEngine) -> Room:
    return await engine.open(RoomSpec(name="room", view=VIEW))


async def picture(guest: Guest) -> VideoFrame:
    async with asyncio.timeout(PATIENCE_S):
        frame = await guest.client.tracks["video"].recv()
    assert isinstance(frame, av.VideoFrame)
    return frame


async def sees(guest: Guest, width: int, height: int) -> list[float]:
    """The times of the pictures up to the first of this size, in seconds of media time."""
    times = []
    while True:
        frame = await picture(guest)
        assert frame.time is not None
        times.append(frame.time)
        if (frame.width, frame.height) == (width, height):
            return times


async def choose(room: Room, guest: Guest, choice: TierChoice) -> Quality:
    return await ask(room, SetQuality(participant=guest.id, choice=choice), Quality)


async def told(news: Subscription) -> QualityChanged:
    event = await next_event(news, "quality")
    assert isinstance(event, QualityChanged)
    return event


def tiers(room: Room) -> set[str]:
    return {key.tier for key in room.views.main.outputs.hubs}


async def settled(hub: EncoderHub) -> None:
    """Until the keyframe that newcomers asked for is out: the first they see is an older one, sent to them again."""
    await until(lambda: not hub.keyframe_wanted)
    frames = hub.statistics.frames
    await until(lambda: hub.statistics.frames > frames)


def only(room: Room, tier: str) -> bool:
    return tiers(room) == {tier}


async def packets_lost(guest: Guest) -> int:
    report = await guest.client.pc.getStats()
    (video,) = [one for one in report.values() if one.type == "inbound-rtp" and one.kind == "video"]
    lost: int = video.packetsLost
    return lost


async def test_a_viewer_goes_through_the_tiers_without_a_gap_and_unused_encoders_go(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        ada = await enter(room, "Ada")
        news, times = room.events(ada.id), await sees(ada, 640, 360)
        steps: list[tuple[TierChoice, str, int, int]] = [
            ("low", "low", 160, 90),
            ("medium", "medium", 320, 180),
            ("auto", "high", 640, 360),
            ("low", "low", 160, 90),
        ]
        for choice, tier, width, height in steps:
            quality = await choose(room, ada, choice)
            assert (quality.choice, quality.tier, quality.reason) == (choice, tier, "asked")
            event = await told(news)
            assert (event.to, event.tier, event.choice) == (ada.id, tier, choice)
            times += await sees(ada, width, height)
            await until(partial(only, room, tier))
        gaps = [later - sooner for sooner, later in itertools.pairwise(times)]
        assert min(gaps) > 0
        assert max(gaps) < LONGEST_GAP_S
        assert await packets_lost(ada) == 0
        metrics = await engine.metrics()
        assert 'mcu_tier_encoders{room="room",tier="low"} 1.0' in metrics
        assert 'mcu_tier_encoders{room="room",tier="high"}' not in metrics
        assert 'mcu_tier_viewers{room="room",tier="low"} 1.0' in metrics
        assert 'mcu_tier_moves_total{reason="asked",room="room"} 4.0' in metrics
        assert 'mcu_hub_viewers{codec="H264",room="room",tier="low",view="main"} 1.0' in metrics
        await ada.close()


async def test_each_viewer_has_a_tier_of_their_own(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        ada, bob = await enter(room, "Ada"), await enter(room, "Bob")
        await asyncio.gather(sees(ada, 640, 360), sees(bob, 640, 360))
        whole = room.views.main.outputs.hubs[OutputKey("H264", "high")]
        await choose(room, bob, "medium")
        await sees(bob, 320, 180)
        await until(lambda: tiers(room) == {"high", "medium"})
        await settled(whole)
        keyframes, frames = whole.statistics.keyframes, whole.statistics.frames
        await choose(room, bob, "low")
        await sees(bob, 160, 90)
        await until(lambda: tiers(room) == {"high", "low"})
        await until(lambda: whole.statistics.frames > frames + 2)
        assert whole.statistics.keyframes == keyframes, "Bob's moves are nothing to those who see the whole canvas"
        frame = await picture(ada)
        assert (frame.width, frame.height) == (640, 360)
        other = Guest(bob.joined, await connect(room, bob.id))
        await sees(other, 160, 90)
        assert (await ask(room, GetQuality(participant=bob.id), Quality)).tier == "low"
        await asyncio.gather(ada.close(), bob.close(), other.close())


async def test_sound_alone_costs_no_picture_and_the_picture_comes_back(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        ada = await enter(room, "Ada")
        await sees(ada, 640, 360)
        await choose(room, ada, "audio")
        await until(lambda: not room.views.main.outputs.hubs)
        downlink = room.participants[0].links["main"].watching
        assert downlink is not None
        before = downlink.statistics
        await until(lambda: downlink.statistics.audio_packets > before.audio_packets + 25)
        assert downlink.statistics.video_packets == before.video_packets
        # A view chosen meanwhile is what comes back.
        await ask(room, CreateView(spec=VIEW.model_copy(update={"name": "wide", "width": 720})), ViewSpec)
        await ask(room, WatchView(participant=ada.id, view="wide"), ParticipantInfo)
        assert not room.views.get("wide").outputs.hubs
        await choose(room, ada, "auto")
        await sees(ada, 720, 360)
        assert await packets_lost(ada) == 0
        await ada.close()


async def test_a_path_that_loses_packets_is_given_less_and_told_why(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        ada, bob = await enter(room, "Ada"), await enter(room, "Bob")
        await asyncio.gather(sees(ada, 640, 360), sees(bob, 640, 360))
        link, news = room.participants[0].links["main"], room.events(ada.id)

        async def lose() -> None:
            for number in itertools.count(1000):
                link.on_reception(Reception("video", 0.5, 0.05, None, number))
                await asyncio.sleep(0.05)

        losing = asyncio.create_task(lose())
        moved = await told(news)
        losing.cancel()
        await asyncio.gather(losing, return_exceptions=True)
        assert moved.to == ada.id
        assert (moved.reason, moved.choice) == ("loss", "auto")
        assert moved.tier in ("medium", "low")
        size = {"medium": (320, 180), "low": (160, 90)}[moved.tier]
        await sees(ada, *size)
        quality = await ask(room, GetQuality(participant=ada.id), Quality)
        assert (quality.tier, quality.reason) == (moved.tier, "loss")
        frame = await picture(bob)
        assert (frame.width, frame.height) == (640, 360)
        assert (await ask(room, GetQuality(participant=bob.id), Quality)).tier == "high"
        await asyncio.gather(ada.close(), bob.close())


async def test_a_tier_follows_its_view(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        ada = await enter(room, "Ada")
        await choose(room, ada, "low")
        await sees(ada, 160, 90)
        await ask(room, UpdateView(changes=ViewChanges(width=800, height=400, low_kbps=60)), ViewSpec)
        await sees(ada, 200, 100)
        (hub,) = room.views.main.outputs.hubs.values()
        assert hub.bitrate_bps == 60_000
        # A canvas too small for quarters is halved, and one too small for halves is sent as it is.
        await ask(room, UpdateView(changes=ViewChanges(width=320, height=200)), ViewSpec)
        await sees(ada, 160, 100)
        await ask(room, UpdateView(changes=ViewChanges(width=160, height=120)), ViewSpec)
        await sees(ada, 160, 120)
        assert tiers(room) == {"high"}
        # One tier may be all that is wanted.
        await ask(room, UpdateView(changes=ViewChanges(width=640, height=360, tiers=1)), ViewSpec)
        await sees(ada, 640, 360)
        assert tiers(room) == {"high"}
        await ada.close()
