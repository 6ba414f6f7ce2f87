"""Files played into a live room: seen, heard, governed like anybody, and gone without a trace."""

import threading
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mcu.errors import ClientFault, Conflict, NotFound, Unprocessable
from mcu.protocol.commands import (
    Done,
    Join,
    Joined,
    Leave,
    ListParticipants,
    ParticipantList,
    SetLayout,
    Snapshot,
    StartRecording,
    StopRecording,
    TakeSnapshot,
    UpdateParticipant,
)
from mcu.protocol.events import ParticipantJoined, ParticipantLeft, PlaybackChanged
from mcu.protocol.layout import Layout, LayoutState
from mcu.protocol.models import ParticipantInfo, RecordingInfo, RoomSpec, ViewSpec
from mcu.protocol.playback import (
    ListPlaybacks,
    PlaybackChanges,
    PlaybackInfo,
    PlaybackList,
    PlaybackOptions,
    StartPlayback,
    StopPlayback,
    UpdatePlayback,
)
from mcu.protocol.sound import GetSoundHealth, SoundHealth
from mcu.room.room import Room
from tests.kit import recordings as kit_recordings
from tests.kit.films import FPS, beeps, cards, flashes, tone, write_film
from tests.kit.testcard import code_of, hue_distance, hue_of
from tests.kit.tones import hears
from tests.mcu.room.cards import come
from tests.mcu.room.meeting import VIEW, ask, next_event, open_room, running_engine, until

HUE = 120.0


class Tap:
    """Takes the mix of a group, as a recorder does."""

    def __init__(self) -> None:
        self.chunks: list[NDArray[np.int16]] = []

    def write_sound(self, pcm: NDArray[np.int16], time_ns: int) -> None:
        self.chunks = [*self.chunks[-9:], pcm]

    @property
    def heard(self) -> bool:
        return len(self.chunks) == 10 and hears(np.concatenate(self.chunks), 1000.0)

    @property
    def silent(self) -> bool:
        return len(self.chunks) == 10 and not np.concatenate(self.chunks).any()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    write_film(folder / "cards.mp4", cards(2 * FPS, HUE), tone(2))
    write_film(folder / "flash.mp4", flashes(1), beeps(1))
    return folder


def tapped(room: Room, group: str = "") -> Tap:
    tap = Tap()
    room.sounds.sinks = (*room.sounds.sinks, (tap, group))
    return tap


async def play(room: Room, path: Path, name: str = "Film", **options: object) -> PlaybackInfo:
    command = StartPlayback(path=str(path), name=name, options=PlaybackOptions.model_validate(options))
    return await ask(room, command, PlaybackInfo)


async def change(room: Room, playback: PlaybackInfo, **changes: object) -> PlaybackInfo:
    command = UpdatePlayback(id=playback.id, changes=PlaybackChanges.model_validate(changes))
    return await ask(room, command, PlaybackInfo)


async def playing(room: Room) -> tuple[PlaybackInfo, ...]:
    return (await ask(room, ListPlaybacks(), PlaybackList)).playbacks


async def canvas(room: Room) -> NDArray[np.uint8]:
    """The view ``main``, RGB."""
    shot = await ask(room, TakeSnapshot(view="main", format="png"), Snapshot)
    picture = cv2.imdecode(np.frombuffer(shot.data, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB).astype(np.uint8)


async def people(room: Room) -> tuple[ParticipantInfo, ...]:
    return (await ask(room, ListParticipants(), ParticipantList)).participants


def film_threads() -> int:
    return sum(thread.name.startswith("film-") for thread in threading.enumerate())


async def test_a_viewer_sees_and_hears_the_film_and_the_roster_has_it(tmp_path: Path, folder: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        ada = await come(room, "Ada", 240.0)
        events = room.events()
        info = await play(room, folder / "cards.mp4", loop=True)
        assert (info.state, info.duration_s, info.audio, info.video) == ("playing", 2.0, True, True)
        joined, told = await next_event(events, "participant_joined"), await next_event(events, "playback")
        assert isinstance(joined, ParticipantJoined)
        assert isinstance(told, PlaybackChanged)
        assert (joined.participant.kind, joined.participant.id) == ("playback", info.participant)
        assert joined.participant.presence == "connected"
        assert told.playback.id == info.id
        assert [one.kind for one in await people(room)] == ["person", "playback"]
        # Side by side: the right half is the film, whose hue is another than Ada's.
        await until(lambda: ada.main.pictures and hue_distance(ada.main.pictures[-1].right or 0, HUE) < 12)
        heard = next(watched for mid, watched in ada.seen.items() if ada.kind_of(mid) == "audio")
        await until(lambda: heard.loudest > 3000)
        assert {tile.name for tile in room.views.main.composite.tile_map.tiles} == {"Ada", "Film"}
        await ada.close()


async def test_pause_seek_and_go_on(tmp_path: Path, folder: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        info, tap = await play(room, folder / "cards.mp4", loop=True), tapped(room)
        await until(lambda: tap.heard)
        assert hue_distance(hue_of(await canvas(room)) or 0, HUE) < 12
        paused = await change(room, info, paused=True, position_s=0.9)
        assert (paused.state, paused.position_s) == ("paused", 0.9)
        assert code_of(await canvas(room)) == 22
        await until(lambda: tap.silent)
        assert code_of(await canvas(room)) == 22
        await change(room, info, position_s=0.27)
        assert code_of(await canvas(room)) == 6
        (listed,) = await playing(room)
        assert (listed.state, listed.position_s) == ("paused", 0.27)
        assert (await change(room, info, paused=False)).state == "playing"
        await until(lambda: tap.heard)
        with pytest.raises(Unprocessable, match="ends at 2"):
            await change(room, info, position_s=2.5)


async def test_at_its_end_it_leaves_and_at_the_rooms_it_ends(tmp_path: Path, folder: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        events = room.events()
        info = await play(room, folder / "cards.mp4", start_s=1.8)
        left = await next_event(events, "participant_left")
        assert isinstance(left, ParticipantLeft)
        assert (left.id, left.reason) == (info.participant, "left")
        over = await next_event(events, "playback")
        assert isinstance(over, PlaybackChanged)
        assert (over.playback.state, over.playback.error, over.playback.position_s) == ("ended", None, 2.0)
        assert await playing(room) == ()
        await play(room, folder / "cards.mp4", loop=True)
        assert film_threads() > 0
        await engine.close_room("room")
        assert film_threads() == 0


async def test_it_is_governed_like_anybody(tmp_path: Path, folder: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        info, tap, wolves = await play(room, folder / "cards.mp4", loop=True), tapped(room), tapped(room, "wolves")
        await until(lambda: tap.heard)
        assert (await ask(room, GetSoundHealth(participant=info.participant), SoundHealth)).level_dbov > -40
        await ask(room, UpdateParticipant(participant=info.participant, server_muted_audio=True), ParticipantInfo)
        await until(lambda: tap.silent)
        await ask(room, UpdateParticipant(participant=info.participant, server_muted_audio=False), ParticipantInfo)
        await ask(room, UpdateParticipant(participant=info.participant, group="wolves"), ParticipantInfo)
        await until(lambda: wolves.heard and tap.silent)
        await ask(room, UpdateParticipant(participant=info.participant, server_muted_video=True), ParticipantInfo)
        shown = np.asarray(await canvas(room))
        assert hue_of(shown) is None or hue_distance(hue_of(shown) or 0, HUE) > 12, "an avatar, and no film"
        with pytest.raises(Conflict):
            await ask(room, UpdateParticipant(participant=info.participant, role="moderator"), ParticipantInfo)
        events = room.events()
        await ask(room, Leave(participant=info.participant, kicked="enough"), Done)
        over = await next_event(events, "playback")
        assert isinstance(over, PlaybackChanged)
        assert over.playback.state == "ended"
        with pytest.raises(NotFound):
            await ask(room, StopPlayback(id=info.id), PlaybackInfo)


async def test_layouts_choose_it_by_its_role(tmp_path: Path, folder: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        ada = await come(room, "Ada", 240.0)
        info = await play(room, folder / "cards.mp4", loop=True)
        layout = Layout.model_validate(
            {"variants": [{"regions": [{"id": "all", "box": [0, 0, 1, 1], "pick": {"match": "role:playback"}}]}]}
        )
        await ask(room, SetLayout(view="main", layout=layout), LayoutState)
        tiles = room.views.main.composite
        await until(lambda: [tile.participant for tile in tiles.tile_map.tiles] == [info.participant])
        await ada.close()


async def test_what_nobody_sees_is_not_decoded(tmp_path: Path, folder: Path) -> None:
    async with running_engine(tmp_path, park_after_ms=100) as engine:
        room = await open_room(engine)
        info, tap = await play(room, folder / "cards.mp4", loop=True), tapped(room)
        film = next(person.film for person in room.participants if person.id == info.participant)
        assert film is not None
        await ask(room, UpdateParticipant(participant=info.participant, server_muted_video=True), ParticipantInfo)
        await until(lambda: film.pictures.parked)
        await until(lambda: tap.heard)
        await ask(room, UpdateParticipant(participant=info.participant, server_muted_video=False), ParticipantInfo)
        await until(lambda: not film.pictures.parked and film.pictures.peek() is not None)
        assert hue_distance(hue_of(await canvas(room)) or 0, HUE) < 12


async def test_rooms_and_people_have_bounds(tmp_path: Path, folder: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine, capacity=5)
        for _ in range(4):
            await play(room, folder / "cards.mp4", paused=True)
        with pytest.raises(Conflict) as refused:
            await play(room, folder / "cards.mp4")
        assert refused.value.error_code == "too_many_playbacks"
        await ask(room, Join(name="Ada"), Joined)
        with pytest.raises(Conflict) as full:
            await ask(room, Join(name="Bob"), Joined)
        assert full.value.error_code == "room_full"
        await ask(room, StopPlayback(id=(await playing(room))[0].id), PlaybackInfo)
        await ask(room, Join(name="Bob"), Joined)
        with pytest.raises(Conflict) as full:
            await play(room, folder / "cards.mp4")
        assert full.value.error_code == "room_full"


async def test_a_film_keeps_no_room_open_and_inherits_none(tmp_path: Path, folder: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await engine.open(RoomSpec(name="room", view=VIEW, on_owner_left="hand_over", chimes=True))
        since_ns = room.empty_since_ns
        info = await play(room, folder / "cards.mp4", loop=True)
        assert since_ns is not None
        assert room.empty_since_ns == since_ns
        assert not room.sounds.snapshot.announcements, "no chime for a file"
        ada = (await ask(room, Join(name="Ada", role="moderator"), Joined)).participant
        assert not room.empty_since_ns
        await ask(room, Leave(participant=ada.id), Done)
        assert room.empty_since_ns is not None
        assert room.info.owner is None
        assert [one.role for one in await people(room)] == ["participant"]
        with pytest.raises(Conflict, match="watch a view"):
            await ask(room, Join(name="Eye", hidden=True, follows=info.participant), Joined)


async def test_what_can_not_be_played_is_refused_and_takes_no_place(tmp_path: Path, folder: Path) -> None:
    text = tmp_path / "film.mp4"
    text.write_bytes(b"this is no film at all")
    async with running_engine(tmp_path) as engine:
        room = await open_room(engine)
        for path in (text, tmp_path / "none.mp4") * 3:
            with pytest.raises(ClientFault):
                await play(room, path)
        assert await people(room) == ()
        await play(room, folder / "cards.mp4")
        forwarding = await engine.open(RoomSpec(name="forward", view=VIEW, topology="forward"))
        with pytest.raises(Conflict) as refused:
            await play(forwarding, folder / "cards.mp4")
        assert refused.value.error_code == "not_mixed"


async def test_a_recording_is_played_back_and_lips_meet_voices_in_it(tmp_path: Path, folder: Path) -> None:
    async with running_engine(tmp_path) as engine:
        spec = ViewSpec(width=192, height=108, fps=25, video_kbps=300)
        room = await engine.open(RoomSpec(name="room", view=spec))
        film = await play(room, folder / "flash.mp4", loop=True)
        first = await _recorded(room)
        await ask(room, StopPlayback(id=film.id), PlaybackInfo)
        flashes_s, beeps_s = _times(tmp_path / first.id / first.file)
        assert len(flashes_s) >= 2
        # A picture is drawn in the nearest of 25 ticks a second, and AAC smears an onset by some 10 ms each time. On a
        # busy machine ticks are left out, and a picture is late with them: most of them tell.
        assert abs(median(beep - flash for flash, beep in zip(flashes_s, beeps_s, strict=True))) < 0.040
        again = await play(room, tmp_path / first.id / first.file, "Again", start_s=0.5)
        second = await _recorded(room, least_s=2.0)
        assert again.duration_s == pytest.approx(first.duration_s, abs=0.2)
        replayed = _times(tmp_path / second.id / second.file)
        assert abs(median(beep - flash for flash, beep in zip(*replayed, strict=True))) < 0.080


async def _recorded(room: Room, least_s: float = 3.5) -> RecordingInfo:
    recording = await ask(room, StartRecording(), RecordingInfo)
    recorder = room.sounds.sinks[-1][0]
    await until(lambda: recorder.statistics.duration_s > least_s)  # type: ignore[attr-defined]  # it is the recorder
    return await ask(room, StopRecording(recording=recording.id), RecordingInfo)


def _times(path: Path) -> tuple[list[float], list[float]]:
    """When it flashes and when it beeps, but for what was cut at either end."""
    flashed, beeped = kit_recordings.flashes(path), kit_recordings.beeps(kit_recordings.probe(path))
    pairs = [(one, other) for one in flashed for other in beeped if min(one, other) > 0.3 and abs(one - other) < 0.3]
    assert pairs
    return [one for one, _ in pairs], [other for _, other in pairs]
