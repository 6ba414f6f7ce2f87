"""Groups in a live room: who sees whose tiles, which view people watch, and what is recorded."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from mcu.errors import Conflict, Forbidden
from mcu.protocol.commands import (
    CreateView,
    DeleteView,
    Done,
    Join,
    Joined,
    StartRecording,
    StopRecording,
    UpdateParticipant,
    UpdateView,
    WatchView,
)
from mcu.protocol.events import GroupChanged
from mcu.protocol.groups import MAX_GROUPS, GroupInfo, GroupList, GroupSpec, ListGroups, SetGroup
from mcu.protocol.models import ParticipantInfo, RecordingInfo, ViewChanges, ViewSpec
from mcu.room.room import Room
from mcu.room.selection import Moment
from mixer.layouts.arrange import Member
from mixer.scene import TileKey
from tests.kit import recordings as kit_recordings
from tests.kit.tones import tone_dbfs
from tests.mcu.room.meeting import Hum, ask, enter, next_event, open_room, running_engine, until

DEN = ViewSpec(name="den", width=180, height=180, fps=10, video_kbps=100, group="wolves")
HUM_HZ = 300.0


def tiles(room: Room, view: str) -> set[str]:
    return {tile.participant for tile in room.views.get(view).composite.tile_map.tiles}


async def move(room: Room, who: str, group: str) -> ParticipantInfo:
    return await ask(room, UpdateParticipant(participant=who, group=group), ParticipantInfo)


async def test_members_see_their_own_in_their_view_and_leave_it_with_the_group(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        ada, bob = await enter(room, "Ada"), await enter(room, "Bob")
        await ask(room, CreateView(spec=DEN), ViewSpec)
        assert (await move(room, ada.id, "wolves")).view == "den"
        den, main = room.views.get("den"), room.views.main
        await until(lambda: tiles(room, "den") == {ada.id} and tiles(room, "main") == {ada.id, bob.id})
        await until(lambda: (den.outputs.viewers, main.outputs.viewers) == (1, 1))
        with pytest.raises(Forbidden, match="den"):
            await ask(room, WatchView(participant=bob.id, view="den"), ParticipantInfo)
        assert (await move(room, ada.id, "")).view == "main"
        await until(lambda: (den.outputs.viewers, main.outputs.viewers) == (0, 2))
        await asyncio.gather(ada.close(), bob.close())


async def test_who_chose_a_view_keeps_it_unless_it_is_anothers_group(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        ada = (await ask(room, Join(name="Ada", group="wolves"), Joined)).participant
        await ask(room, WatchView(participant=ada.id, view="main"), ParticipantInfo)
        await ask(room, CreateView(spec=DEN), ViewSpec)
        (person,) = room.participants
        assert person.view == "main"
        await ask(room, WatchView(participant=ada.id, view="den"), ParticipantInfo)
        assert (await move(room, ada.id, "owls")).view == "main"
        assert (await move(room, ada.id, "wolves")).view == "den"
        await ask(room, UpdateView(view="den", changes=ViewChanges(group="owls")), ViewSpec)
        assert person.view == "main"
        await ask(room, UpdateView(view="den", changes=ViewChanges(group=None)), ViewSpec)
        await ask(room, WatchView(participant=ada.id, view="den"), ParticipantInfo)
        await ask(room, DeleteView(view="den"), Done)
        assert person.view == "main"


async def test_a_recording_of_a_view_has_the_sound_of_its_group(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        ada = await enter(room, "Ada")
        ada.client.pc.getSenders()[0].replaceTrack(Hum())
        await ask(room, CreateView(spec=DEN), ViewSpec)
        await move(room, ada.id, "wolves")
        await until(lambda: room.sounds.statistics.contributors == 1)
        started = [await ask(room, StartRecording(view=view), RecordingInfo) for view in ("den", "main")]
        before = room.sounds.statistics.ticks.ticks
        await until(lambda: room.sounds.statistics.ticks.ticks > before + 60)
        den, main = [await ask(room, StopRecording(recording=one.id), RecordingInfo) for one in started]
        await ada.close()
        levels = []
        for one in (den, main):
            sound = (kit_recordings.probe(tmp_path / one.id / one.file).sound * 32_767).astype(np.int16)
            # Pieces of 50 ms: a playout that finds its pace plays up to 2 % faster or slower.
            pieces = sound[-24_000:-4_800].reshape(-1, 2_400)
            levels.append(float(np.median([tone_dbfs(piece, HUM_HZ) for piece in pieces])))
        assert levels[0] > -40.0
        assert levels[1] < -80.0


async def test_what_a_group_listens_in_on_is_told(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        events = room.events()
        await ask(room, SetGroup(group="french", spec=GroupSpec(hears={"": -20.0})), GroupInfo)
        told = await next_event(events, "group_changed")
        assert isinstance(told, GroupChanged)
        assert told.group == GroupInfo(name="french", members=(), hears={"": -20.0})
        (main, french) = room.sounds.snapshot.groups
        assert not main.hears
        assert french.hears[""] == pytest.approx(0.1)
        await ask(room, SetGroup(group="french", spec=GroupSpec()), GroupInfo)
        assert [group.name for group in (await ask(room, ListGroups(), GroupList)).groups] == [""]


async def test_a_room_has_a_bounded_number_of_groups(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        ada = (await ask(room, Join(name="Ada"), Joined)).participant
        for number in range(MAX_GROUPS - 1):
            await ask(room, SetGroup(group=f"g{number}", spec=GroupSpec(hears={"": 0.0})), GroupInfo)
        with pytest.raises(Conflict) as refused:
            await move(room, ada.id, "more")
        assert refused.value.error_code == "too_many_groups"
        with pytest.raises(Conflict):
            await ask(room, Join(name="Bob", group="more"), Joined)
        with pytest.raises(Conflict):
            await ask(room, CreateView(spec=DEN), ViewSpec)
        assert (await move(room, ada.id, "g3")).group == "g3"


def test_the_active_speaker_of_a_group_is_one_of_its_members() -> None:
    members = tuple(Member(TileKey(who), who, last_spoke_ns=at) for who, at in (("ada", 5), ("bo", 9), ("cy", 7)))
    groups = {"ada": "wolves", "bo": "", "cy": "wolves"}

    class Source:
        def __init__(self, who: str) -> None:
            self.group = groups[who]

    sources = {member.key: Source(member.key.participant) for member in members}
    moment = Moment(0, sources, members, {}, "bo", {})  # type: ignore[arg-type]  # its group is all that is asked for
    assert moment.of(None) == (members, "bo")
    assert moment.of("wolves") == ((members[0], members[2]), "cy")
    assert moment.of("") == ((members[1],), "bo")
    assert moment.of("owls") == ((), None)
