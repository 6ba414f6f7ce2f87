"""How a server ends, by Ctrl-C and by force, while people are in a room that is being recorded."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import av
import pytest

from client.errors import ClientError
from client.room import Room
from client.sources import Tone
from mcu.recording.manifest import manifest_path, read_manifest
from tests.kit import recordings
from tests.kit.server import Server, running_server
from tests.system.people import CHLOE, DAE, Person

SMALL_VIEW = {"MCU_VIEW__WIDTH": "320", "MCU_VIEW__HEIGHT": "180", "MCU_VIEW__FPS": "25", "MCU_VIEW__VIDEO_KBPS": "300"}
PATIENCE_S = 40.0
STOPS_WITHIN_S = 10.0
"""A second or two, and longer where several programs want each core; `Server.interrupt` waits for 15 s at most."""


@contextlib.asynccontextmanager
async def seated(server: Server, person: Person) -> AsyncIterator[Room]:
    """Somebody in the room until the server is gone, which they are told."""
    joining = Room.connect(
        server.url, "end", person.name, audio=Tone(person.tone_hz, 0.1), video=person.card, give_up_s=1.0
    )
    async with joining as room:
        yield room
        with pytest.raises(ClientError):
            await wait_for_the_end(room)


async def wait_for_the_end(room: Room) -> None:
    async with asyncio.timeout(PATIENCE_S):
        async for _ in room.events():
            pass


async def watch(room: Room, seconds: float) -> float:
    """Looks on for so much media time; how much it was."""
    first: float | None = None
    async with asyncio.timeout(PATIENCE_S):
        async for frame in room.pictures(size=64):
            assert frame.time is not None
            first = frame.time if first is None else first
            if frame.time - first >= seconds:
                return frame.time - first
    raise AssertionError("the pictures ended")


def only_recording(directory: Path) -> Path:
    (file,) = directory.glob("*/*.mp4")
    return file


def playable_s(file: Path) -> tuple[float, float]:
    """How much picture and sound a player gets out of a file before it ends, or is torn."""
    ends = {"video": 0.0, "audio": 0.0}
    try:
        with av.open(str(file)) as container:
            for packet in container.demux():
                for frame in packet.decode():
                    kind = "video" if isinstance(frame, av.VideoFrame) else "audio"
                    ends[kind] = max(ends[kind], getattr(frame, "time", None) or 0.0)
    except av.FFmpegError:
        assert ends["video"], "nothing of the file can be played"
    return ends["video"], ends["audio"]


@pytest.mark.timeout(120)
async def test_ctrl_c_finishes_recordings_and_exits_with_0(tmp_path: Path, workers: tuple[str, ...]) -> None:
    with running_server(tmp_path, SMALL_VIEW, *workers) as server:
        async with seated(server, CHLOE) as room:
            await room.start_recording()
            await watch(room, 2.0)
            began = time.monotonic()
            code = await asyncio.to_thread(server.interrupt)
            took_s = time.monotonic() - began
        assert code == 0, server.log
        assert took_s < STOPS_WITHIN_S
        file = only_recording(server.recordings)
        recording = recordings.probe(file)
        assert recording.pictures_in_order
        assert recording.sound_whole
        assert recording.duration_s > 1.4
        manifest = read_manifest(manifest_path(file))
        assert manifest is not None
        assert manifest.state == "finished"
        assert manifest.error is None
        assert abs(manifest.duration_s - recording.duration_s) < 0.2


@pytest.mark.timeout(120)
async def test_a_killed_server_leaves_a_recording_that_plays_to_its_last_second(
    tmp_path: Path, workers: tuple[str, ...]
) -> None:
    with running_server(tmp_path, SMALL_VIEW, *workers) as server:
        async with seated(server, DAE) as room:
            await room.start_recording()
            seen_s = await watch(room, 6.0)
            await asyncio.to_thread(server.kill)
        pictures_s, sounds_s = playable_s(only_recording(server.recordings))
        # The first keyframe may have been half a second away, and one more second is what a kill may cost.
        assert pictures_s > seen_s - 1.5
        assert sounds_s > seen_s - 1.5
