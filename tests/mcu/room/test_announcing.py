"""Announcements and chimes in a live room: heard, recorded, told of, bounded."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mcu.errors import Conflict, NotFound, Unprocessable
from mcu.protocol.announcements import (
    MAX_ANNOUNCEMENTS,
    Announce,
    AnnouncementInfo,
    AnnouncementList,
    ListAnnouncements,
    StopAnnouncement,
    Tone,
)
from mcu.protocol.commands import Done, Leave, StartRecording, StopRecording
from mcu.protocol.events import AnnouncementChanged
from mcu.protocol.models import RecordingInfo, RoomSpec
from mcu.room.announcing import Announcing
from mcu.room.events import Events
from tests.kit import recordings as kit_recordings
from tests.kit.clock import FakeClock
from tests.kit.tones import tone_dbfs
from tests.mcu.room.meeting import VIEW, ask, enter, next_event, open_room, running_engine, until

BEEP = Tone(hz=1_000.0, duration_ms=800, level_dbfs=-20.0)
LONG = Tone(duration_ms=60_000)


class Tap:
    """Takes a room's mix, as a recorder does."""

    def __init__(self) -> None:
        self.chunks: list[NDArray[np.int16]] = []

    def write_sound(self, pcm: NDArray[np.int16], time_ns: int) -> None:
        self.chunks.append(pcm)

    @property
    def sound(self) -> NDArray[np.int16]:
        return np.concatenate(self.chunks)


async def test_a_tone_is_heard_recorded_and_told_of(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        events = room.events()
        recording = await ask(room, StartRecording(), RecordingInfo)
        info = await ask(room, Announce(tone=BEEP), AnnouncementInfo)
        assert (info.state, info.duration_s, info.played_s) == ("playing", 0.8, 0.0)
        (listed,) = (await ask(room, ListAnnouncements(), AnnouncementList)).announcements
        assert listed.id == info.id
        began, ended = await next_event(events, "announcement"), await next_event(events, "announcement")
        assert isinstance(began, AnnouncementChanged)
        assert isinstance(ended, AnnouncementChanged)
        assert (began.announcement.state, ended.announcement.state) == ("playing", "finished")
        assert ended.announcement.played_s == 0.8
        assert (await ask(room, ListAnnouncements(), AnnouncementList)).announcements == ()
        done = await ask(room, StopRecording(recording=recording.id), RecordingInfo)
        sound = kit_recordings.probe(tmp_path / done.id / done.file).sound
        pieces = (sound[: sound.size // 4_800 * 4_800] * 32_767).astype(np.int16).reshape(-1, 4_800)
        loud = [tone_dbfs(piece, BEEP.hz) > -22.0 for piece in pieces]
        assert 6 <= sum(loud) <= 8


async def test_an_announcement_is_stopped(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        tap = Tap()
        room.sounds.sinks = ((tap, ""),)
        info = await ask(room, Announce(tone=LONG), AnnouncementInfo)
        await until(lambda: len(tap.chunks) > 5 and tap.sound.any())
        stopped = await ask(room, StopAnnouncement(id=info.id), AnnouncementInfo)
        assert stopped.state == "stopped"
        assert 0.0 < stopped.played_s < 60.0
        with pytest.raises(NotFound):
            await ask(room, StopAnnouncement(id=info.id), AnnouncementInfo)
        heard = len(tap.chunks)
        await until(lambda: len(tap.chunks) > heard + 5)
        assert not tap.chunks[-1].any()


async def test_what_can_not_be_played_is_refused_and_takes_no_place(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        for _ in range(MAX_ANNOUNCEMENTS + 1):
            with pytest.raises(Unprocessable):
                await ask(room, Announce(sound=b"no sound"), AnnouncementInfo)
        for _ in range(MAX_ANNOUNCEMENTS):
            await ask(room, Announce(tone=LONG), AnnouncementInfo)
        with pytest.raises(Conflict) as refused:
            await ask(room, Announce(tone=BEEP), AnnouncementInfo)
        assert refused.value.error_code == "too_many_announcements"


async def test_those_who_come_and_go_are_chimed_for(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await engine.open(RoomSpec(name="room", view=VIEW, chimes=True))
        tap = Tap()
        room.sounds.sinks = ((tap, ""),)
        ada = await enter(room, "Ada")
        await until(lambda: tap.chunks and tap.sound.any())
        await until(lambda: not room.sounds.snapshot.announcements)
        await until(lambda: not np.concatenate(tap.chunks[-3:]).any())
        heard = len(tap.chunks)
        await until(lambda: len(tap.chunks) > heard + 50)
        await ask(room, Leave(participant=ada.id), Done)
        await until(lambda: np.concatenate(tap.chunks[heard:]).any())
        assert (await ask(room, ListAnnouncements(), AnnouncementList)).announcements == ()
        await ada.close()


def test_a_crowd_does_not_ring_all_the_time() -> None:
    clock = FakeClock()
    announcing = Announcing(clock, Events(), chimes=True, played=dict, on_change=lambda: None)

    class Person:
        ever_connected, hidden = True, False
        group = ""

        def __init__(self, number: int) -> None:
            self.id = f"p{number}"

    people: list[Person] = []
    for number in range(100):
        people.append(Person(number))
        announcing.attend(tuple(people))  # type: ignore[arg-type]  # id, group and ever_connected are all it asks for
        clock.advance(ms=200)
    # The more there are, the longer the next chime waits: of a hundred who come within 20 s the first is chimed for.
    assert len(announcing.announcements) == 1
    clock.advance(ms=30_000)
    announcing.attend(tuple(people[:-1]))  # type: ignore[arg-type]  # the same
    assert len(announcing.announcements) == 2
