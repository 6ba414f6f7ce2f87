"""Live outputs of a room: they share the viewers' encoder, and nobody notices what becomes of a destination."""

import asyncio
import os
from pathlib import Path

import pytest

from mcu.errors import Conflict, NotFound
from mcu.protocol.commands import (
    DeleteView,
    ListOutputs,
    OutputInfo,
    OutputList,
    StartOutput,
    StartRecording,
    StopOutput,
    StopRecording,
    UpdateView,
)
from mcu.protocol.events import OutputChanged
from mcu.protocol.models import RecordingInfo, ViewChanges
from mcu.protocol.outputs import NewOutput
from mcu.room.events import Subscription
from mcu.room.room import Room
from tests.kit import recordings as kit_recordings
from tests.kit.destinations import Listener, unused_port
from tests.mcu.room.meeting import PATIENCE_S, ask, enter, open_room, running_engine, until


async def output_event(events: Subscription, state: str) -> OutputInfo:
    async with asyncio.timeout(PATIENCE_S):
        async for event in events:
            if isinstance(event, OutputChanged) and event.output.state == state:
                return event.output
    raise AssertionError(f"the events ended without {state}")


def senders() -> set[int]:
    """The sender processes that this one has started, dead ones that nobody has reaped among them."""
    children = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    found = {int(pid) for child in children for pid in child.read_text().split()}
    return {pid for pid in found if Path(f"/proc/{pid}/comm").read_text().startswith("python")}


async def start(room: Room, url: str | None) -> OutputInfo:
    wanted = NewOutput(kind="hls") if url is None else NewOutput(url=url)
    return await ask(room, StartOutput(output=wanted), OutputInfo)


async def test_nobody_notices_that_a_destination_dies_and_it_is_found_again(tmp_path: Path) -> None:
    url = f"rtmp://127.0.0.1:{unused_port()}/live/key"
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        events = room.events()
        ada = await enter(room, "Ada")
        await until(lambda: room.views.main.outputs.hubs)
        recording = await ask(room, StartRecording(), RecordingInfo)
        with await asyncio.to_thread(Listener, url, tmp_path / "first.flv") as listener:
            info = await start(room, url)
            assert (await output_event(events, "active")).id == info.id
            (hub,) = room.views.main.outputs.hubs.values()
            (fanout,) = room.views.main.outputs.fanouts.values()
            listener.kill()
            interrupted = await output_event(events, "retrying")
            assert interrupted.error
            assert interrupted.bytes_sent > 0, "what was sent stays counted"
            frames, packets = hub.statistics.frames, fanout.statistics.packets
            await until(lambda: hub.statistics.frames > frames + 20 and fanout.statistics.packets > packets + 20)
        with await asyncio.to_thread(Listener, url, tmp_path / "second.flv") as again:
            found = await output_event(events, "active")
            assert (found.id, found.restarts > 0) == (info.id, True)
            await until(lambda: room.broadcasts.infos[0].bytes_sent > found.bytes_sent + 1000)
            assert list(room.views.main.outputs.hubs.values()) == [hub], "one encoder for all"
            ended = await ask(room, StopOutput(id=info.id), OutputInfo)
            assert (ended.state, senders()) == ("ended", set())
            assert await ask(room, StopOutput(id=info.id), OutputInfo) == ended
            await until(again.ended)
            assert kit_recordings.probe(again.path).frames > 0
        done = await ask(room, StopRecording(recording=recording.id), RecordingInfo)
        recorded = kit_recordings.probe(tmp_path / done.id / done.file)
        assert recorded.sound_whole
        assert recorded.frames > 20
        assert (hub.statistics.sinks, hub.statistics.errors) == (1, 0)
        await ada.close()


async def test_the_end_of_a_room_ends_its_outputs(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        events = room.events()
        hls = await start(room, None)
        refused = await start(room, "rtmp://127.0.0.1:9/live/key")
        await output_event(events, "active")
        assert {info.id for info in (await ask(room, ListOutputs(), OutputList)).outputs} == {hls.id, refused.id}
        folder = tmp_path / "live" / hls.id
        assert folder.is_dir()
        await until(lambda: senders())
        await engine.close_room(room.name)
        assert senders() == set()
        assert not folder.exists()
        ended = {(await output_event(events, "ended")).id, (await output_event(events, "ended")).id}
        assert ended == {hls.id, refused.id}


async def test_one_that_is_stopped_twice_at_once_takes_no_other_along(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        stays, goes = await start(room, None), await start(room, None)
        (hub,) = room.views.main.outputs.hubs.values()
        first, second = await asyncio.gather(*(ask(room, StopOutput(id=goes.id), OutputInfo) for _ in range(2)))
        assert first == second
        assert list(room.views.main.outputs.hubs.values()) == [hub]
        keyframes = hub.statistics.keyframes
        await until(lambda: hub.statistics.keyframes > keyframes)
        assert [info.id for info in room.broadcasts.infos] == [stays.id]


async def test_what_may_not_happen_to_a_view_that_is_sent_out(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        for _ in range(4):
            info = await start(room, None)
        with pytest.raises(Conflict) as full:
            await start(room, None)
        assert full.value.error_code == "too_many_outputs"
        with pytest.raises(NotFound):
            await ask(room, StartOutput(output=NewOutput(kind="hls", view="away")), OutputInfo)
        with pytest.raises(Conflict):
            await room.call(UpdateView(view="main", changes=ViewChanges(fps=5)))
        with pytest.raises(Conflict):
            await room.call(DeleteView(view="main"))
        await ask(room, StopOutput(id=info.id), OutputInfo)
        again = await ask(room, StartOutput(output=NewOutput(kind="hls"), id=info.id), OutputInfo)
        assert again.id == info.id, "one that goes on elsewhere is the same"
        assert room.info.live_views == ("main",)
