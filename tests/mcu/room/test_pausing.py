"""Recordings that are paused, in a running room."""

import asyncio
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from mcu.errors import Conflict, Internal, NotFound
from mcu.protocol.announcements import Announce, AnnouncementInfo, StopAnnouncement, Tone
from mcu.protocol.commands import (
    Command,
    ListRecordings,
    PauseRecording,
    RecordingList,
    ResumeRecording,
    StartRecording,
    StopRecording,
    UpdateView,
)
from mcu.protocol.events import RecordingChanged
from mcu.protocol.models import RecordingInfo, ViewChanges, ViewSpec
from mcu.room import recording as recording_module
from mcu.room.room import Room
from tests.kit import recordings as kit_recordings
from tests.kit.tones import tone_dbfs
from tests.mcu.room.meeting import ask, enter, open_room, running_engine, until

HEARD, SECRET = (Tone(hz=hz, duration_ms=60_000, level_dbfs=-20.0) for hz in (600.0, 3000.0))


async def change(room: Room, command: Command) -> RecordingInfo:
    return await ask(room, command, RecordingInfo)


async def the_recording(room: Room) -> RecordingInfo:
    return (await ask(room, ListRecordings(), RecordingList)).recordings[-1]


async def written(room: Room, seconds: float) -> None:
    """So much more of the recording is in its file."""
    wanted_s = (await the_recording(room)).duration_s + seconds
    async with asyncio.timeout(20):
        while (await the_recording(room)).duration_s < wanted_s:  # noqa: ASYNC110 - a thread writes it
            await asyncio.sleep(0.05)


async def scene(room: Room, colour: str, tone: Tone) -> AnnouncementInfo:
    await ask(room, UpdateView(view="main", changes=ViewChanges(background=colour)), ViewSpec)
    return await ask(room, Announce(tone=tone), AnnouncementInfo)


async def test_nothing_of_a_pause_is_in_the_file(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        events = room.events()
        shown = await scene(room, "#203020", HEARD)
        info = await change(room, StartRecording())
        await written(room, 1.0)
        paused = await change(room, PauseRecording(recording=info.id))
        assert (paused.state, paused.pauses[0].paused_ms) == ("paused", None)
        assert (room.info.recording, room.info.recorded_views, room.info.paused_views) == (True, ("main",), ("main",))
        assert 'mcu_recordings_paused{room="room"} 1' in await engine.metrics()
        again = await change(room, PauseRecording(recording=info.id))
        assert again == paused
        assert not room.views.main.outputs.hubs, "nobody watches: nothing is encoded"
        await ask(room, StopAnnouncement(id=shown.id), AnnouncementInfo)
        secret = await scene(room, "#E02020", SECRET)
        await until(lambda: room.sounds.announced.get(secret.id, 0) >= 0.3 * 48_000)
        await ask(room, StopAnnouncement(id=secret.id), AnnouncementInfo)
        await scene(room, "#203020", HEARD)
        assert (await the_recording(room)).duration_s == paused.duration_s
        resumed = await change(room, ResumeRecording(recording=info.id))
        assert resumed.state == "active"
        assert (await change(room, ResumeRecording(recording=info.id))).state == "active"
        await written(room, 1.0)
        done = await change(room, StopRecording(recording=info.id))
        assert (done.state, done.error) == ("finished", None)
        (cut,) = done.pauses
        assert cut.paused_ms is not None
        assert cut.paused_ms >= 300
        events.close()
        told = [event.recording.state async for event in events if isinstance(event, RecordingChanged)]
        assert told == ["active", "paused", "active", "finished"]
        path = tmp_path / done.id / done.file
        recording = kit_recordings.probe(path)
        assert abs(recording.duration_s - done.duration_s) < 0.15
        assert recording.pictures_in_order
        assert recording.sound_whole
        assert max(later - earlier for earlier, later in pairwise(recording.picture_times_s)) < 0.7
        assert all(float(picture.v.mean()) < 150 for _, picture in kit_recordings.pictures(path))
        sound = (recording.sound[: len(recording.sound) // 1920 * 1920] * 32767).astype(np.int16).reshape(-1, 1920)
        assert max(tone_dbfs(piece, SECRET.hz) for piece in sound) < -45
        with pytest.raises(Conflict, match="start another"):
            await change(room, PauseRecording(recording=info.id))
        with pytest.raises(Conflict, match="start another"):
            await change(room, ResumeRecording(recording=info.id))
        with pytest.raises(NotFound):
            await change(room, PauseRecording(recording="nothing"))


async def test_who_watches_keeps_watching(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        ada = await enter(room, "Ada")
        info = await change(room, StartRecording())
        (hub,) = room.views.main.outputs.hubs.values()
        await written(room, 0.5)
        sinks = hub.statistics.sinks
        await change(room, PauseRecording(recording=info.id))
        assert list(room.views.main.outputs.hubs.values()) == [hub]
        assert hub.statistics.sinks == sinks - 1
        frames = hub.statistics.frames
        await until(lambda: hub.statistics.frames > frames + 5)
        await change(room, ResumeRecording(recording=info.id))
        assert hub.statistics.sinks == sinks
        await written(room, 0.5)
        done = await change(room, StopRecording(recording=info.id))
        assert done.error is None
        assert list(room.views.main.outputs.hubs.values()) == [hub]
        await ada.close()


async def test_what_is_paused_can_be_stopped_or_closed_with_its_room(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        done = []
        for _ in range(2):
            info = await change(room, StartRecording())
            await written(room, 0.5)
            await change(room, PauseRecording(recording=info.id))
            with pytest.raises(Conflict):
                await change(room, StartRecording())
            done.append(info)
            if len(done) == 1:
                stopped = await change(room, StopRecording(recording=info.id))
                assert (stopped.state, stopped.error, len(stopped.pauses)) == ("finished", None, 1)
        await engine.close_room("room")
        for info in done:
            recording = kit_recordings.probe(tmp_path / info.id / info.file)
            assert recording.duration_s > 0.4
            assert recording.sound_whole


async def test_a_second_part_waits_paused(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        info = await change(room, StartRecording(paused=True))
        assert info.state == "paused"
        assert not room.views.main.outputs.hubs
        await change(room, ResumeRecording(recording=info.id))
        await written(room, 0.5)
        assert (await change(room, StopRecording(recording=info.id))).error is None
        never = await change(room, StartRecording(paused=True))
        done = await change(room, StopRecording(recording=never.id))
        assert (done.state, done.error) == ("failed", "it was paused before any picture came")


async def test_changes_asked_for_at_once_are_made_one_by_one(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        info = await change(room, StartRecording())
        await written(room, 0.3)
        pause, resume = PauseRecording(recording=info.id), ResumeRecording(recording=info.id)
        await asyncio.gather(*(change(room, command) for command in (pause, pause, resume, pause, resume, resume)))
        (output,) = room.views.main.outputs.hubs.values()
        assert output.statistics.sinks == 2, "the fan-out and one recorder"
        (_,) = room.sounds.sinks
        await written(room, 0.3)
        await asyncio.gather(
            change(room, pause), change(room, StopRecording(recording=info.id)), return_exceptions=True
        )
        assert not room.views.main.outputs.hubs
        assert not room.sounds.sinks
        assert (await the_recording(room)).state == "finished"


async def test_the_number_of_pauses_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording_module, "MAX_PAUSES", 1)
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        info = await change(room, StartRecording(paused=True))
        await change(room, ResumeRecording(recording=info.id))
        with pytest.raises(Conflict, match="start another"):
            await change(room, PauseRecording(recording=info.id))


async def test_without_an_encoder_it_stays_paused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ValueError("no encoder")

    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        info = await change(room, StartRecording(paused=True))
        with monkeypatch.context() as patched:
            patched.setattr(room.views.main.outputs, "add_sink", broken)
            with pytest.raises(Internal, match="no encoder"):
                await change(room, ResumeRecording(recording=info.id))
        assert (await the_recording(room)).state == "paused"
        await change(room, ResumeRecording(recording=info.id))
        await written(room, 0.3)
        assert (await change(room, StopRecording(recording=info.id))).error is None
