"""A room that forwards: everybody gets everybody's own stream, and the server neither decodes nor encodes a picture."""

import asyncio
from pathlib import Path

import cv2
import numpy as np
import pytest

from mcu.errors import BadRequest, Conflict, NotFound
from mcu.protocol.access import RoomChanges, UpdateRoom
from mcu.protocol.commands import Done, Join, Joined, Leave, StartRecording, StopRecording, UpdateParticipant
from mcu.protocol.events import StreamsChanged
from mcu.protocol.models import ParticipantInfo, RecordingInfo, RoomInfo, RoomSpec
from mcu.protocol.streams import StreamInfo
from mcu.protocol.viewing import Snapshot, TakeSnapshot
from mcu.room.events import Subscription
from mcu.room.room import Room
from tests.kit.testcard import hue_distance, hue_of
from tests.mcu.room.cards import Person, come
from tests.mcu.room.meeting import PATIENCE_S, VIEW, ask, running_engine, until

ADA, BOB, CHLOE = 20.0, 140.0, 260.0
SPEC = RoomSpec(name="room", topology="forward", view=VIEW)


def decoded(room: Room) -> int:
    return sum(one.statistics.decoded for person in room.participants for one in person.decodings.values())


async def streams_when(news: Subscription, count: int) -> tuple[StreamInfo, ...]:
    """The first list of that many streams."""
    async with asyncio.timeout(PATIENCE_S):
        async for event in news:
            if isinstance(event, StreamsChanged) and len(event.streams) == count:
                return event.streams
    raise AssertionError("the events ended")


def place(streams: tuple[StreamInfo, ...], whose: Person, source: str) -> str:
    (mid,) = [one.mid for one in streams if (one.participant, one.source) == (whose.id, source)]
    assert mid is not None
    return mid


def shows(person: Person, mid: str, hue: float) -> bool:
    seen = person.seen[mid].hue
    return seen is not None and hue_distance(seen, hue) < 15


async def test_everybody_gets_everybody_and_nothing_is_decoded(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await engine.open(SPEC)
        ada = await come(room, "Ada", ADA, streams=1)
        news = room.events(ada.id)
        bob, chloe = await come(room, "Bob", BOB, streams=1), await come(room, "Chloé", CHLOE, streams=1)
        streams = await streams_when(news, 4)
        mids = {place(streams, one, source) for one in (bob, chloe) for source in ("camera", "microphone")}
        assert len(mids) == 4
        await until(lambda: shows(ada, place(streams, bob, "camera"), BOB))
        await until(lambda: shows(ada, place(streams, chloe, "camera"), CHLOE))
        heard = [ada.seen[place(streams, one, "microphone")] for one in (bob, chloe)]
        await until(lambda: all(one.loudest > 300 for one in heard))
        await until(lambda: len(chloe.main.pictures) > 5)
        assert decoded(room) == 0
        assert not any(view.outputs.hubs or view.outputs.frames for view in room.views)
        assert room.sounds.statistics.encodes == 0
        await ask(room, Leave(participant=bob.id), Done)
        left = await streams_when(news, 2)
        assert {one.participant for one in left} == {chloe.id}
        assert place(left, chloe, "camera") == place(streams, chloe, "camera"), "who stays keeps their place"
        await asyncio.gather(ada.close(), bob.close(), chloe.close())


async def test_who_has_too_few_sections_is_told_whom_they_miss(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await engine.open(SPEC)
        ada = await come(room, "Ada", ADA)
        news = room.events(ada.id)
        bob = await come(room, "Bob", BOB)
        await until(lambda: shows(ada, place(room_streams(room, ada), bob, "camera"), BOB))
        chloe = await come(room, "Chloé", CHLOE)
        streams = await streams_when(news, 2)
        assert sorted(one.missing or "" for one in streams) == ["", "no_section"]
        assert all(one.source == "camera" for one in streams), "one section of sound has the mix of all"
        await until(lambda: ada.seen[next(mid for mid in ada.seen if ada.kind_of(mid) == "audio")].loudest > 300)
        await asyncio.gather(ada.close(), bob.close(), chloe.close())


def room_streams(room: Room, person: Person) -> tuple[StreamInfo, ...]:
    told = room.streams.told(person.id)
    assert told is not None
    return told


async def test_who_is_switched_off_is_not_forwarded(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await engine.open(SPEC)
        ada, bob = await come(room, "Ada", ADA, streams=1), await come(room, "Bob", BOB, streams=1)
        await until(lambda: len(ada.main.pictures) > 3)
        await ask(room, UpdateParticipant(participant=bob.id, server_muted_video=True), ParticipantInfo)
        forward = next(forward for key, forward in room.forwarding.sources if key.participant == bob.id)
        frames, sent = forward.statistics.frames, bob.camera.sent
        await until(lambda: bob.camera.sent > sent + 15)
        assert forward.statistics.frames == frames
        await ask(room, UpdateParticipant(participant=bob.id, server_muted_video=False), ParticipantInfo)
        shown = len(ada.main.pictures)
        await until(lambda: len(ada.main.pictures) > shown + 3)
        await asyncio.gather(ada.close(), bob.close())


async def test_a_recording_is_drawn_while_it_runs(tmp_path: Path) -> None:
    async with running_engine(tmp_path, park_after_ms=300) as engine:
        room = await engine.open(SPEC)
        ada, bob = await come(room, "Ada", ADA, streams=1), await come(room, "Bob", BOB, streams=1)
        await until(lambda: len(ada.main.pictures) > 3)
        assert decoded(room) == 0
        recording = await ask(room, StartRecording(), RecordingInfo)
        await until(lambda: room.views.main.outputs.frames > 10 and decoded(room) > 10)
        stopped = await ask(room, StopRecording(recording=recording.id), RecordingInfo)
        assert stopped.size_bytes > 0
        await until(lambda: not any(p.decodings["camera"].running for p in room.participants))
        assert not room.views.main.outputs.hubs
        await asyncio.gather(ada.close(), bob.close())


async def test_a_snapshot_waits_for_those_in_it(tmp_path: Path) -> None:
    async with running_engine(tmp_path, park_after_ms=300) as engine:
        room = await engine.open(SPEC)
        ada = await come(room, "Ada", ADA)
        await until(lambda: room.views.main.composite.placed and ada.camera.sent > 5)
        shot = await ask(room, TakeSnapshot(), Snapshot)
        bgr = cv2.imdecode(np.frombuffer(shot.data, np.uint8), cv2.IMREAD_COLOR)
        assert bgr is not None
        hue = hue_of(np.asarray(bgr[..., ::-1], np.uint8))
        assert hue is not None
        assert hue_distance(hue, ADA) < 15
        await until(lambda: not any(one.running for p in room.participants for one in p.decodings.values()))
        await ada.close()


async def test_one_person_alone(tmp_path: Path) -> None:
    async with running_engine(tmp_path, park_after_ms=300) as engine:
        room = await engine.open(SPEC.model_copy(update={"topology": "mcu"}))
        ada, bob = await come(room, "Ada", ADA), await come(room, "Bob", BOB)
        eye = await come(room, "Eye", CHLOE, join=Join(name="Eye", hidden=True, follows=bob.id))
        await until(lambda: shows(eye, next(mid for mid in eye.seen if eye.kind_of(mid) == "video"), BOB))
        await until(lambda: eye.seen[next(mid for mid in eye.seen if eye.kind_of(mid) == "audio")].loudest > 300)
        with pytest.raises(NotFound):
            await room.call(Join(name="Eye", hidden=True, follows=eye.id))
        await asyncio.gather(ada.close(), bob.close(), eye.close())


async def test_the_topology_changes_only_while_nobody_is_there(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await engine.open(SPEC.model_copy(update={"topology": "mcu"}))
        changed = await ask(room, UpdateRoom(changes=RoomChanges(topology="forward")), RoomInfo)
        assert changed.topology == "forward"
        await ask(room, Join(name="Ada"), Joined)
        with pytest.raises(Conflict) as refused:
            await room.call(UpdateRoom(changes=RoomChanges(topology="mcu")))
        assert refused.value.error_code == "room_in_use"


async def test_a_codec_that_somebody_does_not_take_is_told(tmp_path: Path) -> None:
    async with running_engine(tmp_path) as engine:
        room = await engine.open(SPEC)
        ada, bob = await come(room, "Ada", ADA, codec="VP8"), await come(room, "Bob", BOB, codec="H264")
        chloe = await come(room, "Chloé", CHLOE, streams=1)
        await until(lambda: "codec_mismatch" in {one.missing for one in room_streams(room, ada)})
        mismatched = {one.participant for one in room_streams(room, ada) if one.missing == "codec_mismatch"}
        assert bob.id in mismatched
        # Who knows both codecs gets both, whatever the first of them is that each place was made for.
        streams = room_streams(room, chloe)
        await until(lambda: shows(chloe, place(streams, ada, "camera"), ADA))
        await until(lambda: shows(chloe, place(streams, bob, "camera"), BOB))
        with pytest.raises(BadRequest) as refused:
            await come(room, "Eye", CHLOE, codec="VP8", join=Join(name="Eye", hidden=True, follows=bob.id))
        assert refused.value.error_code == "codec_mismatch"
        await asyncio.gather(ada.close(), bob.close(), chloe.close())
