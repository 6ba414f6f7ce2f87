"""A worker process is killed in the middle of a meeting: who was in its rooms is back by themselves, and nobody else
notices.
"""

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from client.room import Room
from client.sources import Tone
from mcu.protocol.models import RecordingInfo
from tests.kit import recordings
from tests.kit.browser import RoomPage, launch_chromium
from tests.kit.server import Server, running_server
from tests.system.people import ADA, BO, CHLOE, Person
from tests.system.test_meeting import PATIENCE_S, everybody_in_place, opened, sees

ROOM = "lost"
BACK_WITHIN_S = 5.0
"""It takes one. A client that only waits for its connection to fall silent takes longer than this."""
VIEW = {
    "MCU_VIEW__WIDTH": "640",
    "MCU_VIEW__HEIGHT": "360",
    "MCU_VIEW__FPS": "25",
    "MCU_VIEW__VIDEO_KBPS": "800",
    "MCU_VIEW__TIERS": "1",  # tiles are looked for in the pixels of the canvas, also on a busy machine
}
DEVICES_ASKED = """() => {
  window.asked = 0;
  const { mediaDevices } = navigator;
  const getUserMedia = mediaDevices.getUserMedia.bind(mediaDevices);
  mediaDevices.getUserMedia = (wish) => { window.asked += 1; return getUserMedia(wish); };
}"""


def seat(server: Server, room: str, person: Person) -> contextlib.AbstractAsyncContextManager[Room]:
    return Room.connect(server.url, room, person.name, audio=Tone(person.tone_hz, 0.1), video=person.card)


async def layout_of(server: Server) -> dict[str, Any]:
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{server.url}/api/v1/rooms/{ROOM}/views/main/layout")
    layout: dict[str, Any] = answer.json()
    return layout


async def said(server: Server) -> list[str]:
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{server.url}/api/v1/rooms/{ROOM}/messages")
    return [message["text"] for message in answer.json()["messages"]]


@contextlib.asynccontextmanager
async def in_browser(person: Person, server: Server, directory: Path) -> AsyncIterator[RoomPage]:
    camera = person.write_camera(directory / f"{person.sender}.y4m")
    address = f"{server.url}/?room={ROOM}&name={person.name}&autojoin=1"
    async with launch_chromium(camera=camera) as chromium, opened(chromium, address) as page:
        yield page


def worker_of(server: Server, room: str) -> int:
    """The process id of the worker that has the room now, as the log tells it."""
    pids: dict[int, int] = {}
    worker = 0
    for line in server.log.splitlines():
        with contextlib.suppress(ValueError):
            entry = json.loads(line)
            if entry["event"] == "worker_ready":
                pids[entry["worker"]] = entry["pid"]
            if entry["event"] == "room_placed" and entry["room"] == room:
                worker = entry["worker"]
    return pids[worker]


def told_by_workers(server: Server) -> set[tuple[int, str]]:
    """Which worker logged what: theirs are lines of the server's own log."""
    entries = (json.loads(line) for line in server.log.splitlines() if line.startswith("{"))
    return {(entry["worker"], entry["event"]) for entry in entries if "worker" in entry}


async def listed(server: Server) -> list[RecordingInfo]:
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{server.url}/api/v1/rooms/{ROOM}/recordings")
    return [RecordingInfo.model_validate(one) for one in answer.json()["recordings"]]


async def back(room: Room, page: RoomPage) -> None:
    """Both see both again, in pictures that came after they joined anew."""
    async with asyncio.timeout(PATIENCE_S):
        while room.stats.reconnects == 0:  # noqa: ASYNC110 - the client has no event for it
            await asyncio.sleep(0.02)
    people = (ADA, CHLOE)
    await sees(room, lambda picture: everybody_in_place(picture, room.tiles, people))
    await page.wait_for_state("live", PATIENCE_S)
    await page.wait_for_frame(partial(everybody_in_place, tiles=room.tiles, people=people), PATIENCE_S)


@pytest.mark.browser
@pytest.mark.timeout(240)
async def test_a_killed_worker_takes_only_its_rooms_and_everybody_is_back(tmp_path: Path) -> None:
    with running_server(tmp_path, VIEW, "--workers", "2") as server:
        async with (
            seat(server, ROOM, CHLOE) as chloe,
            in_browser(ADA, server, tmp_path) as ada,
            seat(server, "calm", BO) as bo,
        ):
            await sees(chloe, lambda picture: everybody_in_place(picture, chloe.tiles, (ADA, CHLOE)))
            await sees(bo, lambda picture: everybody_in_place(picture, bo.tiles, (BO,)))
            await chloe.start_recording()
            await chloe.set_layout({"preset": "grid", "gap": 24})
            await chloe.chat.say("See you in a second")
            await chloe.raise_hand(True)
            me = chloe.participant.id
            await ada.page.evaluate(DEVICES_ASKED)
            first = (await listed(server))[0]
            part = server.recordings / first.id / first.file
            async with asyncio.timeout(PATIENCE_S):
                while first.duration_s < 2.0:
                    first = (await listed(server))[0]
            assert worker_of(server, ROOM) != worker_of(server, "calm")

            began = time.monotonic()
            os.kill(worker_of(server, ROOM), signal.SIGKILL)
            await back(chloe, ada)
            assert time.monotonic() - began < BACK_WITHIN_S

            assert (chloe.participant.id, chloe.participant.hand) == (me, True)
            assert await said(server) == ["See you in a second"]
            assert (await layout_of(server))["gap"] == 24
            assert {person.name for person in chloe.participants.values()} == {ADA.name, CHLOE.name}
            assert await ada.page.evaluate("window.asked") == 0
            assert ada.complaints == []
            assert {1, 2} <= {worker for worker, event in told_by_workers(server) if event == "participant_joined"}
            pictures = bo.stats.pictures
            await sees(bo, lambda picture: everybody_in_place(picture, bo.tiles, (BO,)))
            assert bo.stats.pictures > pictures
            assert bo.stats.reconnects == 0

            mended, second = await listed(server)
            assert (mended.id, mended.state, second.state) == (first.id, "finished", "active")
            assert recordings.probe(part).duration_s > 1.0
            stopped = await chloe.stop_recording()
            assert stopped.id == second.id
            whole = recordings.probe(server.recordings / second.id / second.file)
            assert whole.pictures_in_order
            assert whole.sound_whole
