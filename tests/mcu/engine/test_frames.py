"""What crosses to a worker and back is what was sent: commands, replies, events and errors, all of them."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcu import errors
from mcu.engine.frames import (
    LENGTHS,
    MAX_BODY_BYTES,
    Frame,
    dump_command,
    dump_event,
    dump_fault,
    dump_reply,
    load_command,
    load_event,
    load_fault,
    load_reply,
    members,
    pack,
    unpack,
    unpack_lengths,
)
from mcu.errors import Conflict, Internal, McuError, TooLarge
from mcu.protocol.commands import Command, Done, MergeLayout, Offer, Reply, SetLayout, Snapshot, UpdateView
from mcu.protocol.decor import Banner
from mcu.protocol.events import Event, LayoutChangedEvent, Moved, Speakers
from mcu.protocol.layout import Layout, LayoutState
from mcu.protocol.models import RoomInfo, SpeakerLevel, ViewChanges, ViewSpec

NOW = datetime(2026, 3, 1, 12, 30, 15, 250_000, UTC)
CUSTOM = Layout.model_validate(
    {"variants": [{"regions": [{"id": "all", "box": ["1/3", "0", "2/3", "1"], "pick": {"first": ["pinned"]}}]}]}
)

COMMANDS: tuple[Command, ...] = (
    Offer(participant="ada", sdp="v=0\r\nö\r\n", connection="screen"),
    SetLayout(layout=CUSTOM, if_match='"7"', by="ada"),
    MergeLayout(patch={"gap": None, "variants": [{"max": 1}], "preset": "grid"}),
    UpdateView(changes=ViewChanges(background=None)),
    UpdateView(changes=ViewChanges(width=640)),
)
REPLIES: tuple[Reply, ...] = (
    Done(),
    Snapshot(content_type="image/png", data=bytes(range(256))),
    LayoutState(layout=CUSTOM, etag='"8"'),
    Banner(text="회의", countdown_to=NOW),
    RoomInfo(
        name="a", capacity=2, participants=1, views=(ViewSpec(),), recording=True, created_at=NOW, metadata={"k": "ö"}
    ),
)
EVENTS: tuple[Event, ...] = (
    Moved(to="ada"),
    Speakers(active=(SpeakerLevel(id="ada", level=0.1 + 0.2),), dominant="ada"),
    LayoutChangedEvent(view="main", state=LayoutState(layout=CUSTOM, etag='"8"'), by="ada"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.type)
def test_a_command_arrives_as_it_was_sent(command: Command) -> None:
    arrived = load_command(dump_command(command))
    assert arrived == command
    assert type(arrived) is type(command)


def test_what_of_a_view_was_not_named_still_isnt() -> None:
    arrived = load_command(dump_command(UpdateView(changes=ViewChanges(width=640))))
    assert isinstance(arrived, UpdateView)
    assert arrived.changes.applied_to(ViewSpec(background="#102030")).background == "#102030"


@pytest.mark.parametrize("reply", REPLIES, ids=lambda reply: type(reply).__name__)
def test_a_reply_arrives_as_it_was_sent(reply: Reply) -> None:
    arrived = load_reply(*dump_reply(reply))
    assert arrived == reply
    assert type(arrived) is type(reply)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_an_event_arrives_as_it_was_sent(event: Event) -> None:
    assert load_event(dump_event(event)) == event


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=300))
def test_bytes_cross_unharmed(data: bytes) -> None:
    assert load_reply(*dump_reply(Snapshot(content_type="image/png", data=data))) == Snapshot(
        content_type="image/png", data=data
    )


def test_whatever_holds_bytes_says_how_they_are_written() -> None:
    """Without it bytes that aren't UTF-8 can't be JSON."""
    for cls in (*members(Command), *members(Reply), *members(Event)):
        if any("bytes" in repr(field.annotation) for field in cls.model_fields.values()):
            ways = (cls.model_config.get("ser_json_bytes"), cls.model_config.get("val_json_bytes"))
            assert ways == ("base64", "base64"), cls.__name__


def test_what_no_room_answers_is_not_taken_for_an_answer() -> None:
    with pytest.raises(Internal, match="Popen"):
        load_reply("Popen", b"{}")
    with pytest.raises(Internal, match="RoomInfo can't be read"):
        load_reply("RoomInfo", b"{}")


def every_error() -> list[type[McuError]]:
    return [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, McuError)]


@pytest.mark.parametrize("cls", every_error(), ids=lambda cls: cls.__name__)
def test_an_error_keeps_its_class_code_message_field_and_patience(cls: type[McuError]) -> None:
    raised = load_fault(dump_fault(cls("do this instead", code="a_code", field="at.0", retry_after_s=7)))
    assert type(raised) is cls
    told = (raised.message, str(raised), raised.error_code, raised.field, raised.retry_after_s)
    assert told == ("do this instead", "do this instead", "a_code", "at.0", 7)
    assert load_fault(dump_fault(cls("plain"))).error_code == cls.code


def test_an_error_of_an_unknown_class_keeps_its_fault() -> None:
    told = json.loads(dump_fault(Conflict("no", code="wrong_colour")))
    told["classes"].insert(0, "WrongColour")
    raised = load_fault(json.dumps(told).encode())
    assert (type(raised), raised.error_code) == (Conflict, "wrong_colour")


def test_a_frame_is_packed_and_unpacked() -> None:
    frame = Frame("reply", 7, 3, "Done", b"{}\n\x00")
    data = pack(frame)
    head, body = unpack_lengths(data[: LENGTHS.size])
    rest = data[LENGTHS.size :]
    assert len(rest) == head + body
    assert unpack(rest[:head], rest[head:]) == frame


def test_frames_are_bounded() -> None:
    with pytest.raises(TooLarge):
        pack(Frame("call", body=bytes(MAX_BODY_BYTES + 1)))
    with pytest.raises(ValueError, match="a frame of"):
        unpack_lengths(LENGTHS.pack(10, MAX_BODY_BYTES + 1))
    with pytest.raises(ValueError, match="a frame of"):
        unpack_lengths(LENGTHS.pack(1 << 20, 0))
