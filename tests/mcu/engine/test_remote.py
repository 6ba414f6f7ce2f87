"""What the gateway remembers of a room, for the day its worker dies."""

from datetime import UTC, datetime, timedelta

import pytest

from mcu.engine.memory import MAX_AVATAR_BYTES, Memory
from mcu.engine.process import Program, WorkerProcess
from mcu.engine.remote import RemoteRoom
from mcu.errors import NoCapacity
from mcu.protocol.access import StopWaiting, Waiting, WaitingInfo
from mcu.protocol.commands import Done, Join, SetAvatar, SetBackgroundImage
from mcu.protocol.decor import MAX_IMAGE_BYTES
from mcu.protocol.events import (
    Admitted,
    ChatDeleted,
    ChatEdited,
    ChatPosted,
    Denied,
    LayoutChangedEvent,
    LetterWaits,
    Moved,
    ParticipantJoined,
    ParticipantLeft,
    ReadyChanged,
    RecordingChanged,
    RoomUpdated,
)
from mcu.protocol.layout import Layout, LayoutState
from mcu.protocol.models import ParticipantInfo, RecordingInfo, RoomInfo, RoomSpec, ViewSpec
from mcu.protocol.talk import MAX_HISTORY, ChatHistory, ChatMessage, ClearReady, GetChatHistory, ReadySet
from mcu.room.unread import MAX_UNREAD

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SIDE = ViewSpec(name="side", width=320, height=180)
MAIN = ViewSpec(width=640, height=360)


class Nobody:
    """A listener of a worker that was never started."""

    def on_news(self, *_: object) -> None: ...

    def on_lost(self, *_: object) -> None: ...


def updated(*views: ViewSpec) -> RoomUpdated:
    info = RoomInfo(
        name="a", capacity=9, participants=0, views=views, recording=False, created_at=NOW, metadata={"k": "v"}
    )
    return RoomUpdated(room=info)


def changed(view: str, preset: str) -> LayoutChangedEvent:
    layout = Layout.model_validate({"preset": preset})
    return LayoutChangedEvent(view=view, state=LayoutState(layout=layout, etag="1"))


def recording(state: str) -> RecordingChanged:
    facts = {"id": "r1", "room": "a", "view": "side", "file": "r.mp4", "started_at": NOW, "duration_s": 1}
    return RecordingChanged(recording=RecordingInfo.model_validate({**facts, "size_bytes": 2, "state": state}))


def test_views_and_what_they_wear_survive_and_go_with_the_view() -> None:
    memory = Memory(RoomSpec(name="a"))
    memory.learn(updated(MAIN, SIDE))
    memory.learn(changed("main", "speaker"))
    memory.learn(changed("side", "strip"))
    memory.carried_out(SetBackgroundImage(view="side", image=b"image"))
    after = memory.survive(NOW)
    assert (after.spec.view.width, after.views) == (640, (MAIN, SIDE))
    assert {view: last.state.layout.preset for view, last in after.layouts.items()} == {
        "main": "speaker",
        "side": "strip",
    }
    assert [image.view for image in after.images.values()] == ["side"]
    after.learn(updated(MAIN))
    assert (list(after.layouts), after.images) == (["main"], {})


def test_only_recordings_that_run_go_on() -> None:
    memory = Memory(RoomSpec(name="a"))
    memory.learn(recording("active"))
    assert [info.view for info in memory.recordings.values()] == ["side"]
    memory.learn(recording("paused"))
    assert memory.recordings["r1"].state == "paused"
    assert memory.survive(NOW).recordings == {}, "their second parts are recordings of their own"
    memory.learn(recording("finished"))
    assert memory.recordings == {}


def test_tokens_are_good_for_the_room_that_follows_and_the_next() -> None:
    memory = Memory(RoomSpec(name="a"), tokens={"ada": "t1"})
    second = memory.survive(NOW)
    assert (second.tokens, second.former) == ({}, {"t1": "ada"})
    second.tokens["bo"] = "t2"
    assert second.survive(NOW).former == {"t1": "ada", "t2": "bo"}


async def test_an_event_that_cant_be_read_is_left_out() -> None:
    room = RemoteRoom(1, Memory(RoomSpec(name="a")), WorkerProcess(1, Program(), Nobody()), lambda _: None)
    events = room.events()
    room.deliver(b'{"type": "speakers", "active": [{"id": "ada", "level": null}], "dominant": null}')
    room.deliver(Moved().model_dump_json().encode())
    assert (await anext(events)).type == "moved"


async def test_a_worker_that_never_was_is_gone() -> None:
    worker = WorkerProcess(1, Program(), Nobody())
    room = RemoteRoom(1, Memory(RoomSpec(name="a")), worker, lambda _: None)
    with pytest.raises(NoCapacity, match="join again") as gone:
        await room.call(SetBackgroundImage(image=None))
    assert gone.value.retry_after_s == 1
    await worker.stop(1.0)


def test_memory_is_bounded_by_what_rooms_may_hold() -> None:
    memory = Memory(RoomSpec(name="a"))
    for number in range(MAX_HISTORY + 5):
        message = ChatMessage(id=f"m{number}", sender=None, name="Server", text="hello", sent_at=NOW)
        memory.learn(ChatPosted(message=message))
        memory.learn(ChatPosted(to="ada", message=message.model_copy(update={"id": f"p{number}"})))
    assert (len(memory.chat), next(iter(memory.chat))) == (MAX_HISTORY, "m5")

    image = b"x" * MAX_IMAGE_BYTES
    for number in range(20):
        who = ParticipantInfo(id=f"p{number}", name="Ada", joined_at=NOW)
        memory.learn(ParticipantJoined(participant=who))
        memory.carried_out(SetAvatar(participant=who.id, image=image))
    assert sum(len(one.image or b"") for one in memory.avatars.values()) <= MAX_AVATAR_BYTES
    assert "p19" in memory.avatars
    memory.carried_out(SetAvatar(participant="nobody", image=image))
    assert "nobody" not in memory.avatars
    memory.learn(ParticipantLeft(id="p19", reason="left"))
    assert "p19" not in memory.avatars | memory.people


def test_who_left_for_good_is_not_restored() -> None:
    memory = Memory(RoomSpec(name="a"), tokens={"ada": "t1", "bo": "t2"})
    for who in ("ada", "bo"):
        memory.learn(ParticipantJoined(participant=ParticipantInfo(id=who, name=who, joined_at=NOW)))
    memory.learn(ParticipantLeft(id="bo", reason="kicked"))
    after = memory.survive(NOW)
    assert (list(after.absent), after.former, after.people) == (["ada"], {"t1": "ada"}, {})
    assert list(after.survive(NOW).absent) == ["ada"], "who has not come back yet is still expected"


def letter(text: str, reader: str, sent_at: datetime = NOW) -> ChatMessage:
    return ChatMessage(id=text, sender="ada", name="Ada", text=text, to=(reader,), sent_at=sent_at)


def test_letters_are_kept_until_told_as_long_as_they_may_be_lost() -> None:
    memory = Memory(RoomSpec(name="a"), tokens={"bo": "t1", "cy": "t2"})
    memory.learn(ChatPosted(to="bo", message=letter("arrived", "bo", NOW - timedelta(seconds=61))))
    memory.learn(LetterWaits(to="bo", message=letter("waits", "bo", NOW - timedelta(hours=1))))
    for text in ("perhaps", "told", "taken_back"):
        memory.learn(ChatPosted(to="bo", message=letter(text, "bo")))
    memory.learn(LetterWaits(to="cy", message=letter("gone", "cy")))
    memory.learn(LetterWaits(to="nobody", message=letter("lost", "nobody")))
    memory.learn(ChatEdited(to="bo", by="ada", message=letter("waits", "bo").model_copy(update={"text": "mended"})))
    memory.learn(ChatDeleted(to="bo", by="ada", message_id="taken_back"))
    memory.carried_out(GetChatHistory(participant="bo"), ChatHistory(messages=(letter("told", "bo"),)))
    memory.learn(ParticipantLeft(id="cy", reason="left"))

    after = memory.survive(NOW)
    for kept in (after.survive(NOW + timedelta(hours=1)), after):  # by now all of them wait
        assert [one.text for one in kept.letters.take("bo")] == ["mended", "perhaps"]
        assert kept.letters.boxes == {}


def test_a_room_keeps_as_many_letters_as_its_worker_does() -> None:
    memory = Memory(RoomSpec(name="a"))
    for number in range(MAX_UNREAD + 5):
        memory.learn(LetterWaits(to="bo", message=letter(str(number), "bo")))
    kept = memory.letters.take("bo")
    assert (len(kept), kept[0].text) == (MAX_UNREAD, "5")


def test_who_waits_before_the_door_is_remembered_until_it_is_over() -> None:
    memory = Memory(RoomSpec(name="a"))
    for who in ("ada", "bo", "cy", "di", "ed"):
        knock = Waiting(waiting=WaitingInfo(id=who, name=who, since=NOW), admission=f"of {who}")
        memory.carried_out(Join(name=who, identity=who), knock)
    memory.learn(Denied(to="ada", reason="no"))
    memory.learn(Admitted(to="bo"))
    memory.carried_out(StopWaiting(participant="cy", admission="of cy"), Done())
    memory.carried_out(StopWaiting(participant="di", admission="a guess"), Done())
    left = memory.survive(NOW).waiters
    assert {(who, waiter.admitted) for who, waiter in left.items()} == {("bo", True), ("di", False), ("ed", False)}
    assert [who for who in left if who != "bo"] == ["di", "ed"], "in the order they came"


def test_a_new_round_begins_for_those_who_are_not_back_yet_too() -> None:
    memory = Memory(RoomSpec(name="a"), tokens={"ada": "t1", "bo": "t2"})
    for who in ("ada", "bo"):
        memory.learn(ParticipantJoined(participant=ParticipantInfo(id=who, name=who, joined_at=NOW)))
    memory.learn(ReadyChanged(ready=("ada",), waiting=("bo",)))
    after = memory.survive(NOW)
    assert {who: stay.ready for who, stay in after.absent.items()} == {"ada": True, "bo": False}
    after.carried_out(ClearReady(), ReadySet(ready=(), waiting=()))
    assert not any(stay.ready for stay in after.absent.values())
