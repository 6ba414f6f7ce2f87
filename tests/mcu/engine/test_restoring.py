"""What a room still knows after its worker was killed with -9: its people find it, and themselves, as they were."""

import asyncio
from pathlib import Path

from mcu.engine.processes import ProcessEngine
from mcu.engine.remote import RemoteRoom
from mcu.protocol.announcements import (
    Announce,
    AnnouncementInfo,
    AnnouncementList,
    ListAnnouncements,
    StopAnnouncement,
    Tone,
)
from mcu.protocol.commands import (
    CreateView,
    Done,
    GetDecor,
    Join,
    Joined,
    ListParticipants,
    ListRecordings,
    ParticipantList,
    PauseRecording,
    RecordingList,
    ResumeRecording,
    SetAvatar,
    SetHand,
    SetLogo,
    StartRecording,
    StopRecording,
    UpdateParticipant,
    WatchView,
)
from mcu.protocol.decor import ViewDecor
from mcu.protocol.groups import GroupInfo, GroupList, GroupSpec, ListGroups, SetGroup
from mcu.protocol.models import ParticipantInfo, RecordingInfo, RoomSpec, ViewSpec
from mcu.protocol.quality import GetQuality, Quality, SetQuality
from mcu.protocol.talk import ChatHistory, ChatMessage, DeleteMessage, EditMessage, GetChatHistory, Said, Say
from tests.kit.images import RED, file_of, plain
from tests.mcu.engine.test_processes import A_SECOND_BYTES, PATIENCE_S, VIEW, ask, end_worker, found, running, until

IMAGE = file_of(plain(RED))


async def lost_and_found(engine: ProcessEngine, room: RemoteRoom) -> RemoteRoom:
    assert (await end_worker(room))[-1] == "moved"
    return await found(engine, room.name)


async def person(room: RemoteRoom, identifier: str) -> ParticipantInfo:
    everybody = (await ask(room, ListParticipants(), ParticipantList)).participants
    return next(one for one in everybody if one.id == identifier)


async def test_what_was_said_to_everybody_is_still_there_and_nothing_else(tmp_path: Path) -> None:
    async with running(tmp_path) as engine:
        room = await engine.open(RoomSpec(name="a", view=VIEW))
        for name in ("ada", "bo"):
            await ask(room, Join(name=name, identity=name), Joined)
        first = await ask(room, Say(sender="ada", text="good mroning", channel="lesson"), Said)
        await ask(room, EditMessage(message=first.message_id, text="good morning", by="ada"), ChatMessage)
        gone = await ask(room, Say(sender="bo", text="oops"), Said)
        await ask(room, Say(sender="ada", text="between us", to=("bo",)), Said)
        await ask(room, Say(sender=None, text="welcome"), Said)
        await ask(room, DeleteMessage(message=gone.message_id, by="bo"), Done)
        before = (await ask(room, GetChatHistory(), ChatHistory)).messages

        back = await lost_and_found(engine, room)
        assert (await ask(back, GetChatHistory(), ChatHistory)).messages == before
        assert [one.text for one in before] == ["good morning", "welcome"]
        later = await ask(back, Say(sender=None, text="go on"), Said)
        back = await lost_and_found(engine, back)
        assert [one.id for one in (await ask(back, GetChatHistory(), ChatHistory)).messages][-1] == later.message_id


async def test_what_moderators_decided_about_somebody_holds_on(tmp_path: Path) -> None:
    async with running(tmp_path) as engine:
        room = await engine.open(RoomSpec(name="a", view=VIEW))
        ada = await ask(room, Join(name="Ada", attributes={"seat": "1", "team": "red"}), Joined)
        me = ada.participant.id
        await ask(room, CreateView(spec=ViewSpec(name="side", width=320, height=180)), ViewSpec)
        await ask(room, SetGroup(group="booth", spec=GroupSpec(hears={"": -12.0})), GroupInfo)
        decided = UpdateParticipant(
            participant=me,
            name="Ada L.",
            server_muted_audio=True,
            role="moderator",
            group="booth",
            gain=0.5,
            attributes={"seat": None, "team": "blue"},
        )
        await ask(room, decided, ParticipantInfo)
        await ask(room, SetHand(participant=me, raised=True), ParticipantInfo)
        await ask(room, WatchView(participant=me, view="side"), ParticipantInfo)
        await ask(room, SetQuality(participant=me, choice="low"), Quality)
        await ask(room, SetAvatar(participant=me, image=IMAGE), ParticipantInfo)
        was = await person(room, me)
        assert was.avatar

        back = await lost_and_found(engine, room)
        again = Join(name="Ada", attributes={"seat": "1", "team": "red"}, resume_token=ada.resume_token)
        joined = await ask(back, again, Joined)
        async with asyncio.timeout(PATIENCE_S):
            while not (await person(back, me)).avatar:
                pass
        now = await person(back, me)
        assert dict(now) | {"joined_at": 0} == dict(was) | {"joined_at": 0}
        assert dict(joined.participant) | {"joined_at": 0, "avatar": True} == dict(was) | {"joined_at": 0}
        assert (await ask(back, GetQuality(participant=me), Quality)).choice == "low"
        groups = (await ask(back, ListGroups(), GroupList)).groups
        assert {group.name: (group.members, group.hears) for group in groups}["booth"] == ((me,), {"": -12.0})
        assert back.memory.people[me].gain == 0.5

        stranger = (await ask(back, Join(name="Bo"), Joined)).participant
        assert (stranger.hand, stranger.server_muted_audio, stranger.role) == (False, False, "participant")


async def test_an_announcement_goes_on_where_it_was_cut_off(tmp_path: Path) -> None:
    async with running(tmp_path) as engine:
        room = await engine.open(RoomSpec(name="a", view=VIEW))
        await ask(room, SetLogo(image=IMAGE), ViewDecor)
        long = await ask(room, Announce(tone=Tone(duration_ms=60_000), duck_db=-6.0), AnnouncementInfo)
        short = await ask(room, Announce(tone=Tone(duration_ms=60_000)), AnnouncementInfo)
        await ask(room, StopAnnouncement(id=short.id), AnnouncementInfo)
        played_s = 0.0
        async with asyncio.timeout(PATIENCE_S):
            while played_s < 0.5:
                (playing,) = (await ask(room, ListAnnouncements(), AnnouncementList)).announcements
                played_s = playing.played_s
        back = await lost_and_found(engine, room)
        plays: tuple[AnnouncementInfo, ...] = ()
        async with asyncio.timeout(PATIENCE_S):
            while not plays:
                plays = (await ask(back, ListAnnouncements(), AnnouncementList)).announcements
        (again,) = plays
        assert (again.id, again.duck_db, again.duration_s) == (long.id, -6.0, 60.0)
        assert played_s - 0.04 <= again.played_s < 59.0, "from where the server last heard it was"
        assert (await ask(back, StopAnnouncement(id=long.id), AnnouncementInfo)).state == "stopped"
        assert (await ask(back, GetDecor(), ViewDecor)).logo is not None


async def test_a_paused_recording_comes_back_paused(tmp_path: Path) -> None:
    async with running(tmp_path) as engine:
        room = await engine.open(RoomSpec(name="a", view=VIEW))
        first = await ask(room, StartRecording(), RecordingInfo)
        file = tmp_path / first.id / first.file
        await until(lambda: file.exists() and file.stat().st_size > A_SECOND_BYTES)
        await ask(room, PauseRecording(recording=first.id), RecordingInfo)
        back = await lost_and_found(engine, room)
        mended, second = (await ask(back, ListRecordings(), RecordingList)).recordings
        assert (mended.id, mended.state, len(mended.pauses)) == (first.id, "finished", 1)
        assert (second.state, second.duration_s) == ("paused", 0)
        await ask(back, ResumeRecording(recording=second.id), RecordingInfo)
        rest = tmp_path / second.id / second.file
        await until(lambda: rest.stat().st_size > A_SECOND_BYTES)
        assert (await ask(back, StopRecording(recording=second.id), RecordingInfo)).error is None
