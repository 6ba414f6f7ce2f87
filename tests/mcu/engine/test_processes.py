"""Rooms in worker processes: asked as rooms here are, and what is left of them when a process is killed."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from mcu.config import EngineConfig
from mcu.engine import process
from mcu.engine.process import Program
from mcu.engine.processes import ProcessEngine
from mcu.engine.remote import RemoteRoom
from mcu.errors import NoCapacity, NotFound
from mcu.protocol.commands import (
    Command,
    CreateView,
    GetBanner,
    GetDecor,
    GetLayout,
    GetRoom,
    Join,
    Joined,
    ListOutputs,
    ListParticipants,
    ListRecordings,
    OutputInfo,
    OutputList,
    ParticipantList,
    RecordingList,
    Reply,
    SetBackgroundImage,
    SetBanner,
    SetHand,
    SetLayout,
    SetLogo,
    Snapshot,
    StartOutput,
    StartRecording,
    StopOutput,
    TakeSnapshot,
)
from mcu.protocol.decor import Banner, ViewDecor
from mcu.protocol.events import Event
from mcu.protocol.layout import Layout, LayoutState
from mcu.protocol.models import ParticipantInfo, RecordingInfo, RoomInfo, RoomSpec, ViewSpec
from mcu.protocol.outputs import NewOutput
from tests.kit import recordings, rtc
from tests.kit.images import RED, file_of, plain

R = TypeVar("R", bound=Reply)

PATIENCE_S = 30.0
A_SECOND_BYTES = 2500
"""More than a recording's header: a fragment of an empty room's picture and silence is there."""
VIEW = ViewSpec(width=320, height=180, fps=10, video_kbps=200)


@contextlib.asynccontextmanager
async def running(directory: Path, workers: int = 1, max_rooms: int = 4) -> AsyncIterator[ProcessEngine]:
    engine = ProcessEngine(EngineConfig(rtc=rtc.LOOPBACK, recordings_dir=directory, max_rooms=max_rooms), workers)
    await engine.start()
    try:
        yield engine
    finally:
        await engine.close()


async def ask(room: RemoteRoom, command: Command, reply: type[R]) -> R:
    answer = await asyncio.wait_for(room.call(command), PATIENCE_S)
    assert isinstance(answer, reply), answer
    return answer


async def until(condition: Callable[[], object]) -> None:
    """Waits for something another process brings about."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - another process brings it about, there is no event to wait for
            await asyncio.sleep(0.02)


async def all_of(events: AsyncIterator[Event]) -> list[Event]:
    async with asyncio.timeout(PATIENCE_S):
        return [event async for event in events]


async def until_event(events: AsyncIterator[Event], kind: str) -> Event:
    async with asyncio.timeout(PATIENCE_S):
        async for event in events:
            if event.type == kind:
                return event
    raise AssertionError(f"the events ended without {kind}")


async def found(engine: ProcessEngine, name: str) -> RemoteRoom:
    room = await asyncio.wait_for(engine.find(name), PATIENCE_S)
    assert room is not None
    return room


async def end_worker(room: RemoteRoom, how: signal.Signals = signal.SIGKILL) -> list[str]:
    """The room's last news, once its worker has got the signal."""
    news = room.events()
    pid = room.worker.pid
    assert pid is not None
    os.kill(pid, how)
    return [event.type for event in await all_of(news)]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_room_next_door_is_asked_as_one_here(tmp_path: Path) -> None:
    async with running(tmp_path, max_rooms=1) as engine:
        room = await engine.open(RoomSpec(name="회의", view=VIEW, metadata={"class": "3b"}))
        assert await engine.open(RoomSpec(name="회의")) is room
        assert await engine.find("nobody") is None
        with pytest.raises(NoCapacity, match="all 1 rooms"):
            await engine.open(RoomSpec(name="another"))
        news = room.events("ada")
        joined = await ask(room, Join(name="Ada", identity="ada"), Joined)
        assert joined.room.metadata == {"class": "3b"}
        await ask(room, SetHand(participant="ada", raised=True), ParticipantInfo)
        updated = await until_event(news, "participant_updated")
        assert updated.model_dump()["participant"]["hand"] is True
        picture = await ask(room, TakeSnapshot(format="png"), Snapshot)
        assert picture.data.startswith(b"\x89PNG")
        with pytest.raises(NotFound, match="nobody here") as refused:
            await room.call(SetHand(participant="bo", raised=True))
        assert refused.value.error_code == "no_such_participant"
        assert [info.name for info in await engine.rooms()] == ["회의"]
        metrics = await engine.metrics()
        assert 'mcu_participants{room="회의"} 1.0' in metrics
        assert 'mcu_worker_up{worker="1"} 1.0' in metrics
        await engine.close_room("회의")
        assert [event.type for event in await all_of(news)][-1] == "room_closed"
        with pytest.raises(NotFound) as closed:
            await room.call(GetRoom())
        assert closed.value.error_code == "no_such_room"
        assert await engine.find("회의") is None
        again = await engine.open(RoomSpec(name="회의", view=VIEW))
        assert (await ask(again, ListParticipants(), ParticipantList)).participants == ()


async def test_a_slow_reader_is_ended_and_the_others_go_on(tmp_path: Path) -> None:
    async with running(tmp_path) as engine:
        room = await engine.open(RoomSpec(name="a", view=VIEW))
        slow, quick = room.events(), room.events()
        await ask(room, Join(name="Ada", identity="ada"), Joined)
        seen = 0
        while room.overflows == 0:
            await ask(room, SetHand(participant="ada", raised=seen % 2 == 0), ParticipantInfo)
            await until_event(quick, "participant_updated")
            seen += 1
            assert seen < 300
        assert len(await all_of(slow)) == 256
        await ask(room, SetHand(participant="ada", raised=False), ParticipantInfo)
        await until_event(quick, "participant_updated")


async def test_a_killed_worker_takes_only_its_rooms_and_they_come_back(tmp_path: Path) -> None:
    async with running(tmp_path, workers=2) as engine:
        lost = await engine.open(RoomSpec(name="lost", view=VIEW, capacity=7))
        other = await engine.open(RoomSpec(name="other", view=VIEW))
        assert lost.worker is not other.worker
        ada = await ask(lost, Join(name="Ada"), Joined)
        await ask(lost, CreateView(spec=VIEW.model_copy(update={"name": "side"})), ViewSpec)
        await ask(lost, SetLayout(view="side", layout=Layout(preset="strip")), LayoutState)
        pinned = Layout(preset="speaker", pinned=ada.participant.id)
        await ask(lost, SetLayout(layout=pinned), LayoutState)
        await ask(lost, SetBanner(view="side", banner=Banner(text="Break")), Banner)
        await ask(lost, SetLogo(view="side", image=file_of(plain(RED))), ViewDecor)
        await ask(lost, SetBackgroundImage(image=file_of(plain(RED))), ViewDecor)
        await ask(lost, SetBackgroundImage(image=None), ViewDecor)
        news, calm = lost.events(ada.participant.id), other.events()
        await end_worker(lost)
        assert [event.type for event in await all_of(news)] == ["moved"]
        with pytest.raises(NoCapacity, match="join again"):
            await lost.call(GetRoom())
        assert [event.type for event in await all_of(lost.events())] == ["moved"]

        back = await found(engine, "lost")
        assert back.worker is other.worker
        assert (await ask(back, GetRoom(), RoomInfo)).capacity == 7
        joined = await ask(back, Join(name="Ada", resume_token=ada.resume_token), Joined)
        assert (joined.participant.id, joined.resumed) == (ada.participant.id, False)
        assert (await ask(back, GetLayout(view="side"), LayoutState)).layout.preset == "strip"
        assert (await ask(back, GetLayout(), LayoutState)).layout.preset == "speaker"
        assert (await ask(back, GetBanner(view="side"), Banner)).text == "Break"
        assert (await ask(back, GetDecor(view="side"), ViewDecor)).logo is not None
        assert (await ask(back, GetDecor(), ViewDecor)).background_image is False

        assert await found(engine, "other") is other
        await ask(other, Join(name="Bo"), Joined)
        assert (await until_event(calm, "participant_joined")).type == "participant_joined"
        await until(lambda: len(engine.fleet.ready) == 2)
        assert "mcu_worker_restarts_total 1" in await engine.metrics()


async def test_a_recording_goes_on_as_a_second_part(tmp_path: Path) -> None:
    async with running(tmp_path) as engine:
        room = await engine.open(RoomSpec(name="a", view=VIEW))
        await ask(room, Join(name="Ada"), Joined)
        first = await ask(room, StartRecording(), RecordingInfo)
        file = tmp_path / first.id / first.file
        await until(lambda: file.exists() and file.stat().st_size > A_SECOND_BYTES)
        await end_worker(room)
        back = await found(engine, "a")
        listed: tuple[RecordingInfo, ...] = ()
        async with asyncio.timeout(PATIENCE_S):
            while len(listed) < 2:
                listed = (await ask(back, ListRecordings(), RecordingList)).recordings
                await asyncio.sleep(0.02)
        mended, second = listed
        assert (mended.id, mended.state) == (first.id, "finished")
        assert "plays up to there" in (mended.error or "")
        assert mended.duration_s > 0
        assert recordings.probe(file).pictures_in_order
        assert (second.view, second.state in ("starting", "active")) == ("main", True)
        path = tmp_path / second.id / second.file
        await until(lambda: path.exists() and path.stat().st_size > A_SECOND_BYTES)
        await engine.close()
        whole = recordings.probe(path)
        assert whole.pictures_in_order
        assert whole.sound_whole


@pytest.mark.parametrize("how", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
async def test_an_output_goes_on_as_the_same(tmp_path: Path, how: signal.Signals) -> None:
    async with running(tmp_path) as engine:
        room = await engine.open(RoomSpec(name="a", view=VIEW))
        first = await ask(room, StartOutput(output=NewOutput(kind="hls")), OutputInfo)
        stopped = await ask(room, StartOutput(output=NewOutput(kind="hls")), OutputInfo)
        await ask(room, StopOutput(id=stopped.id), OutputInfo)
        playlist = tmp_path / "live" / first.id / "index.m3u8"
        await until(playlist.exists)
        before = playlist.read_text()
        assert (await end_worker(room, how))[-1] == "moved"
        back = await found(engine, "a")
        (second,) = (await ask(back, ListOutputs(), OutputList)).outputs
        assert (second.id, second.playlist) == (first.id, first.playlist)
        await until(lambda: playlist.exists() and playlist.read_text() != before)
        assert "#EXT-X-ENDLIST" not in playlist.read_text(), "viewers stay"
        assert "#EXT-X-DISCONTINUITY" in playlist.read_text()
        await ask(back, StopOutput(id=second.id), OutputInfo)
        assert not playlist.exists()


async def test_a_worker_that_is_asked_to_end_finishes_its_recordings(tmp_path: Path) -> None:
    async with running(tmp_path) as engine:
        room = await engine.open(RoomSpec(name="a", view=VIEW))
        first = await ask(room, StartRecording(), RecordingInfo)
        file = tmp_path / first.id / first.file
        await until(lambda: file.exists() and file.stat().st_size > A_SECOND_BYTES)
        assert (await end_worker(room, signal.SIGTERM))[-1] == "moved"
        back = await found(engine, "a")
        listed = (await ask(back, ListRecordings(), RecordingList)).recordings
        assert (listed[0].id, listed[0].state, listed[0].error) == (first.id, "finished", None)


async def test_a_room_that_loses_three_workers_in_a_minute_is_closed(tmp_path: Path) -> None:
    async with running(tmp_path) as engine:
        await engine.open(RoomSpec(name="a", view=VIEW))
        for _ in range(2):
            assert (await end_worker(await found(engine, "a")))[-1] == "moved"
        assert (await end_worker(await found(engine, "a")))[-1] == "room_closed"
        assert await engine.find("a") is None


async def test_a_worker_that_hangs_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "SILENCE_S", 3.0)
    async with running(tmp_path) as engine:
        room = await engine.open(RoomSpec(name="a", view=VIEW))
        await until(lambda: room.worker.figures.resident_bytes)
        assert (await end_worker(room, signal.SIGSTOP))[-1] == "moved"
        back = await found(engine, "a")
        assert (await ask(back, GetRoom(), RoomInfo)).name == "a"


async def test_without_a_worker_the_reason_is_told(tmp_path: Path) -> None:
    async with running(tmp_path) as engine:
        room = await engine.open(RoomSpec(name="a", view=VIEW))
        await end_worker(room)
        with pytest.raises(NoCapacity, match="no worker process is ready"):
            await engine.rooms()
        await found(engine, "a")
        assert [info.name for info in await engine.rooms()] == ["a"]


async def test_closing_ends_the_processes(tmp_path: Path) -> None:
    async with running(tmp_path, workers=2) as engine:
        pids = [worker.pid or 0 for worker in engine.fleet.workers]
        room = await engine.open(RoomSpec(name="a", view=VIEW))
        news = room.events()
        assert all(map(alive, pids))
        await engine.close()
        assert not any(map(alive, pids))
        assert (await all_of(news))[-1].type == "room_closed"
        with pytest.raises(NoCapacity, match="shutting down"):
            await engine.open(RoomSpec(name="b"))


async def test_a_program_that_is_no_worker_is_told_of(tmp_path: Path) -> None:
    engine = ProcessEngine(EngineConfig(recordings_dir=tmp_path), 2, Program(("-c", "raise SystemExit(3)")))
    with pytest.raises(RuntimeError, match="a worker can't start"):
        await engine.start()


GATEWAY = """
import asyncio, sys
from pathlib import Path
from mcu.config import EngineConfig
from mcu.engine.processes import ProcessEngine
from mcu.protocol.commands import StartRecording
from mcu.protocol.models import RoomSpec

async def main():
    engine = ProcessEngine(EngineConfig(recordings_dir=Path(sys.argv[1])), 1)
    await engine.start()
    room = await engine.open(RoomSpec(name="a"))
    await room.call(StartRecording())
    print("pid", room.worker.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_a_worker_whose_gateway_is_killed_finishes_and_ends(tmp_path: Path) -> None:
    gateway = subprocess.Popen(  # noqa: ASYNC220 - a moment, and there is nothing else on this loop
        [sys.executable, "-c", GATEWAY, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert gateway.stdout is not None
        with gateway.stdout as told:
            pid = await asyncio.to_thread(lambda: next(int(line[4:]) for line in told if line.startswith("pid ")))
        (file,) = await asyncio.to_thread(lambda: list(tmp_path.glob("*/*.mp4")))
        await until(lambda: file.stat().st_size > A_SECOND_BYTES)
    finally:
        gateway.kill()
        gateway.wait()
    await until(lambda: not alive(pid))
    assert recordings.probe(file).sound_whole
