"""Several views in a room, as those who watch them see it: sizes, changes of view, and what is decoded for whom."""

import asyncio
from pathlib import Path
from typing import Any

import av
import pytest

from mcu.errors import Conflict, NotFound
from mcu.protocol.commands import (
    CreateView,
    DeleteView,
    Done,
    GetTileHealth,
    ListViews,
    SetLayout,
    SetMediaState,
    StartRecording,
    StopRecording,
    TileHealthList,
    UpdateParticipant,
    UpdateView,
    ViewList,
    WatchView,
)
from mcu.protocol.events import ParticipantUpdated, RoomUpdated, Tiles
from mcu.protocol.layout import Layout, LayoutState
from mcu.protocol.models import MAX_VIEWS, ParticipantInfo, RecordingInfo, TileHealth, ViewChanges, ViewSpec
from mcu.room.room import Room
from tests.kit import recordings as kit_recordings
from tests.mcu.room.meeting import Guest, ask, connect, enter, next_event, open_room, running_engine, until

PORTRAIT = ViewSpec(name="portrait", width=180, height=320, fps=5, video_kbps=100)


async def sees(guest: Guest, width: int, height: int) -> None:
    """Waits until the guest's own decoder shows a picture of this size."""
    async with asyncio.timeout(20):
        while True:
            frame = await guest.client.tracks["video"].recv()
            assert isinstance(frame, av.VideoFrame)
            if (frame.width, frame.height) == (width, height):
                return


async def received(guest: Guest) -> Any:
    """What the stock client counts of the one video stream it gets."""
    report = await guest.client.pc.getStats()
    (video,) = [one for one in report.values() if one.type == "inbound-rtp" and one.kind == "video"]
    return video


def decoded(room: Room, guest: Guest) -> int:
    (person,) = [one for one in room.participants if one.id == guest.id]
    return person.decodings["camera"].statistics.decoded


async def health(room: Room, guest: Guest, view: str = "main") -> TileHealth:
    tiles = (await ask(room, GetTileHealth(view=view), TileHealthList)).tiles
    (camera,) = [tile for tile in tiles if (tile.participant, tile.source) == (guest.id, "camera")]
    return camera


async def test_two_views_have_sizes_and_rates_of_their_own(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        ada, bob = await enter(room, "Ada"), await enter(room, "Bob")
        events = room.events()
        await ask(room, CreateView(spec=PORTRAIT), ViewSpec)
        updated = await next_event(events, "room_updated")
        assert isinstance(updated, RoomUpdated)
        assert [view.name for view in updated.room.views] == ["main", "portrait"]
        await ask(room, WatchView(participant=bob.id, view="portrait"), ParticipantInfo)
        await asyncio.gather(sees(ada, 320, 180), sees(bob, 180, 320))
        main, portrait = room.views.get("main"), room.views.get("portrait")
        assert (main.outputs.viewers, portrait.outputs.viewers) == (1, 1)
        before = main.composite.statistics.ticks, portrait.composite.statistics.ticks
        await until(lambda: main.composite.statistics.ticks >= before[0] + 10)
        assert 4 <= portrait.composite.statistics.ticks - before[1] <= 7
        assert {tile.participant for tile in portrait.composite.tile_map.tiles} == {ada.id, bob.id}
        assert portrait.composite.tile_map.canvas.height == 320
        text = await engine.metrics()
        assert 'mcu_hub_viewers{codec="H264",room="room",tier="high",view="portrait"} 1.0' in text
        await asyncio.gather(ada.close(), bob.close())


async def test_a_viewer_changes_view_without_a_gap_in_the_packets(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        ada = await enter(room, "Ada")
        await ask(room, CreateView(spec=PORTRAIT), ViewSpec)
        await sees(ada, 320, 180)
        news = room.events(ada.id)
        for name, width, height in (("portrait", 180, 320), ("main", 320, 180), ("portrait", 180, 320)):
            info = await ask(room, WatchView(participant=ada.id, view=name), ParticipantInfo)
            assert info.view == name
            tiles = await next_event(news, "tiles")
            assert isinstance(tiles, Tiles)
            assert (tiles.to, tiles.tiles.view) == (ada.id, name)
            await sees(ada, width, height)
            assert [len(view.outputs.hubs) for view in room.views] == [name == "main", name == "portrait"]
        counted = await received(ada)
        assert counted.packetsLost == 0
        assert counted.packetsReceived > 10
        with pytest.raises(NotFound) as refused:
            await room.call(WatchView(participant=ada.id, view="nothing"))
        assert refused.value.error_code == "no_such_view"
        await ada.close()


async def test_a_chosen_view_stays_after_a_new_connection(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        ada = await enter(room, "Ada")
        await ask(room, CreateView(spec=PORTRAIT), ViewSpec)
        await ask(room, WatchView(participant=ada.id, view="portrait"), ParticipantInfo)
        again = Guest(ada.joined, await connect(room, ada.id))
        await sees(again, 180, 320)
        await until(lambda: [view.outputs.viewers for view in room.views] == [0, 1])
        await asyncio.gather(ada.close(), again.close())


async def test_who_watches_a_view_that_is_deleted_falls_back_to_main(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        ada = await enter(room, "Ada")
        await ask(room, CreateView(spec=PORTRAIT), ViewSpec)
        await ask(room, WatchView(participant=ada.id, view="portrait"), ParticipantInfo)
        await sees(ada, 180, 320)
        events, her_news = room.events(), room.events(ada.id)
        await ask(room, DeleteView(view="portrait"), Done)
        moved = await next_event(events, "participant_updated")
        assert isinstance(moved, ParticipantUpdated)
        assert moved.participant.view == "main"
        tiles = await next_event(her_news, "tiles")
        assert isinstance(tiles, Tiles)
        assert tiles.tiles.view == "main"
        await sees(ada, 320, 180)
        assert (await received(ada)).packetsLost == 0
        assert [view.name for view in (await ask(room, ListViews(), ViewList)).views] == ["main"]
        with pytest.raises(NotFound):
            await room.call(DeleteView(view="portrait"))
        with pytest.raises(Conflict):
            await room.call(DeleteView(view="main"))
        await ada.close()


async def test_a_view_changes_its_canvas_under_its_viewers(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        ada = await enter(room, "Ada")
        await sees(ada, 320, 180)
        seq = room.views.main.composite.tile_map.layout_seq
        changed = await ask(room, UpdateView(changes=ViewChanges(width=240, height=240, fps=15)), ViewSpec)
        assert (changed.width, changed.height, changed.fps, changed.video_kbps) == (240, 240, 15, 200)
        await sees(ada, 240, 240)
        assert room.views.main.outputs.viewers == 1
        assert room.views.main.composite.tile_map.layout_seq > seq
        assert (await received(ada)).packetsLost == 0
        await ada.close()


async def test_a_view_being_recorded_keeps_its_shape_and_its_place(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        await ask(room, CreateView(spec=PORTRAIT), ViewSpec)
        ada = await enter(room, "Ada")
        info = await ask(room, StartRecording(view="portrait"), RecordingInfo)
        other = await ask(room, StartRecording(view="main"), RecordingInfo)
        assert (info.view, other.view) == ("portrait", "main")
        assert sorted(room.info.recorded_views) == ["main", "portrait"]
        for command in (
            StartRecording(view="portrait"),
            UpdateView(view="portrait", changes=ViewChanges(width=200)),
            DeleteView(view="portrait"),
        ):
            with pytest.raises(Conflict):
                await room.call(command)
        await ask(room, UpdateView(view="portrait", changes=ViewChanges(background="#203040")), ViewSpec)
        (hub,) = room.views.get("portrait").outputs.hubs.values()
        await until(lambda: hub.statistics.frames > 5)
        done = await ask(room, StopRecording(recording=info.id), RecordingInfo)
        probe = kit_recordings.probe(tmp_path / info.id / info.file)
        assert (probe.width, probe.height) == (180, 320)
        assert done.state == "finished"
        assert room.info.recorded_views == ("main",)
        await ask(room, StopRecording(recording=other.id), RecordingInfo)
        await ask(room, DeleteView(view="portrait"), Done)
        await ada.close()


async def test_a_room_has_so_many_views_and_each_name_once(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        with pytest.raises(Conflict) as refused:
            await room.call(CreateView(spec=ViewSpec(name="main")))
        assert refused.value.error_code == "view_exists"
        for number in range(MAX_VIEWS - 1):
            await ask(room, CreateView(spec=PORTRAIT.model_copy(update={"name": f"v{number}"})), ViewSpec)
        with pytest.raises(Conflict) as refused:
            await room.call(CreateView(spec=PORTRAIT))
        assert refused.value.error_code == "too_many_views"


async def test_what_no_view_shows_is_not_decoded_and_comes_back_with_a_keyframe(tmp_path: Path) -> None:
    async with running_engine(tmp_path, park_after_ms=200) as engine:
        room = await open_room(engine)
        ada, bob = await enter(room, "Ada"), await enter(room, "Bob")
        await until(lambda: decoded(room, ada) and decoded(room, bob))
        await ask(room, SetLayout(layout=Layout(max_tiles=1, pinned=ada.id)), LayoutState)
        parked = room.participants[1].decodings["camera"]
        await until(lambda: parked.parked)
        stood, dropped, shown = decoded(room, bob), parked.statistics.dropped, decoded(room, ada)
        await until(lambda: parked.statistics.dropped > dropped + 5)
        assert decoded(room, bob) == stood
        assert decoded(room, ada) > shown
        assert (await health(room, bob)).state == "parked"
        await ask(room, CreateView(spec=PORTRAIT), ViewSpec)
        await until(lambda: decoded(room, bob) > stood)
        assert (await health(room, bob)).state == "hidden"
        assert (await health(room, bob, "portrait")).on_canvas
        await asyncio.gather(ada.close(), bob.close())


async def test_a_camera_that_a_moderator_switched_off_is_parked_until_it_is_back(tmp_path: Path) -> None:
    async with running_engine(tmp_path, park_after_ms=200) as engine:
        room = await open_room(engine)
        ada = await enter(room, "Ada")
        await until(lambda: decoded(room, ada))
        await ask(room, UpdateParticipant(participant=ada.id, server_muted_video=True), ParticipantInfo)
        await until(lambda: room.participants[0].decodings["camera"].parked)
        stood = decoded(room, ada)
        camera = await health(room, ada)
        assert (camera.state, camera.muted_by, camera.parked) == ("muted", "moderator", True)
        await ask(room, UpdateParticipant(participant=ada.id, server_muted_video=False), ParticipantInfo)
        await until(lambda: decoded(room, ada) > stood)
        await ada.close()


async def test_a_black_tile_has_a_reason(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        ada, bob = await enter(room, "Ada"), await enter(room, "Bob")
        await until(lambda: decoded(room, ada) and decoded(room, bob))
        await until(lambda: {tile.state for tile in room.views.main.composite.tile_map.tiles} == {"live"})
        alive = await health(room, ada)
        assert (alive.state, alive.on_canvas, alive.muted_by) == ("live", True, None)
        assert (alive.width, alive.height) == (160, 120)
        assert alive.last_frame_ms is not None
        assert alive.last_keyframe_ms is not None
        assert alive.since is not None
        await ask(room, SetMediaState(participant=ada.id, video=False), ParticipantInfo)
        bob.client.vanish()
        states = room.views.main.composite
        await until(lambda: {tile.state for tile in states.tile_map.tiles} == {"muted", "no_packets"})
        off, gone = await health(room, ada), await health(room, bob)
        assert (off.state, off.muted_by) == ("muted", "participant")
        assert gone.state == "no_packets"
        assert gone.last_packet_ms is not None
        assert gone.last_packet_ms >= 1000
        assert gone.since is not None
        assert gone.since > alive.since
        await asyncio.gather(ada.close(), bob.close())


async def test_a_client_that_hangs_up_frees_its_encoder(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        ada = await enter(room, "Ada")
        await sees(ada, 320, 180)
        assert room.views.viewers == 1
        await ada.close()
        await until(lambda: room.views.viewers == 0)
        await until(lambda: not room.views.main.outputs.hubs)
