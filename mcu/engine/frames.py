"""What passes between the gateway and a worker process: frames of plain data, and what turns the protocol into them.

A frame is two lengths (big-endian, 32 bits each), a head and a body. The head is JSON: the kind, the number that ties
an answer to its request, the number of the room, and for a reply the name of its class. The body is the JSON of a
model. Both sides run the same code, so nothing here has a version.

Gateway → worker, each answered by ``reply`` or ``fault``:

==========  =================================  ==========================
start       ``Start``                          ``Done``, once rooms can be opened
open        ``Opening``                        ``RoomInfo``
call        a ``Command``                      its ``Reply``
close       nothing                            ``Done``, once the room is closed
rooms       nothing                            ``RoomList``
metrics     nothing                            ``MetricsPage``
mend        ``Mending``                        ``RecordingList``
stop        nothing                            ``Done``, once every room is closed
==========  =================================  ==========================

Worker → gateway, by itself: ``warm`` (everything is loaded, ``start`` may come), ``event`` (an ``Event`` of a room),
``behind`` (some of a room's events were lost), ``closed`` (a room has ended, with the ``RecordingList`` of its name),
``figures`` (``Figures``, every second) and ``leaving`` (the worker ends; its rooms should go on elsewhere).
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from mcu.config import EngineConfig
from mcu.errors import Internal, McuError, TooLarge
from mcu.protocol.commands import Command, Reply
from mcu.protocol.events import Event
from mcu.protocol.models import Frozen, RecordingInfo, RoomInfo, RoomSpec

MAX_HEAD_BYTES: Final = 4096
MAX_BODY_BYTES: Final = 64 * 1024 * 1024
"""A snapshot of the largest canvas as a PNG of noise, in base64."""
LENGTHS: Final = struct.Struct("!II")

Kind = Literal[
    "start", "open", "call", "close", "rooms", "metrics", "mend", "stop",
    "reply", "fault", "event", "behind", "closed", "figures", "leaving", "warm",
]  # fmt: skip


class Head(Frozen):
    kind: Kind
    number: int = 0
    room: int = 0
    name: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """``room`` 0: about no room; ``number`` 0: nobody waits for an answer."""

    kind: Kind
    number: int = 0
    room: int = 0
    name: str = ""
    body: bytes = b""


class Start(Frozen):
    """``worker``: its number, for a spare the first it hears of it."""

    worker: int
    config: EngineConfig


class Opening(Frozen):
    """``recordings``: those of earlier rooms of this name."""

    spec: RoomSpec
    recordings: tuple[RecordingInfo, ...] = ()


class RoomList(Frozen):
    rooms: tuple[RoomInfo, ...]


class MetricsPage(Frozen):
    text: str


class Mending(Frozen):
    """Recordings to put right, by id; None: all that there are. Nobody may be writing them."""

    recordings: tuple[str, ...] | None = None


class Figures(Frozen):
    """How a worker does; what the placement of rooms goes by. ``cpu_share`` is of one core, over the last second."""

    rooms: int = 0
    participants: int = 0
    cpu_share: float = 0.0
    cpu_s: float = 0.0
    resident_bytes: int = 0


class FaultBody(Frozen):
    """An error of ``mcu.errors``. ``classes`` from the error's own class up to the root."""

    classes: tuple[str, ...]
    code: str
    message: str
    field: str | None = None
    retry_after_s: int | None = None


def pack(frame: Frame) -> bytes:
    """Raises ``TooLarge``."""
    if len(frame.body) > MAX_BODY_BYTES:
        raise TooLarge(f"{len(frame.body)} bytes are more than a room may be asked or may answer")
    head = Head(kind=frame.kind, number=frame.number, room=frame.room, name=frame.name).model_dump_json().encode()
    return LENGTHS.pack(len(head), len(frame.body)) + head + frame.body


def unpack_lengths(data: bytes) -> tuple[int, int]:
    """Of head and body. Raises ``ValueError`` when they can't be right."""
    head, body = LENGTHS.unpack(data)
    if head > MAX_HEAD_BYTES or body > MAX_BODY_BYTES:
        raise ValueError(f"a frame of {head} and {body} bytes")
    return head, body


def unpack(head: bytes, body: bytes) -> Frame:
    """Raises ``ValueError``."""
    read = Head.model_validate_json(head)
    return Frame(read.kind, read.number, read.room, read.name, body)


def members(union: Any) -> Iterator[type[BaseModel]]:
    """The classes of a union, however it was put together."""
    origin = get_origin(union)
    if origin is Annotated:
        yield from members(get_args(union)[0])
    elif origin in (Union, UnionType):
        for member in get_args(union):
            yield from members(member)
    else:
        yield union


def _by_name(union: Any) -> Mapping[str, type[BaseModel]]:
    classes = tuple(members(union))
    named = {cls.__name__: cls for cls in classes}
    if len(named) != len(set(classes)):
        raise TypeError("two classes of one union bear the same name: the name could not tell them apart")
    return named


def _error_classes(root: type[McuError] = McuError) -> dict[str, type[McuError]]:
    found = {root.__name__: root}
    for cls in root.__subclasses__():
        found |= _error_classes(cls)
    return found


_COMMANDS: TypeAdapter[Command] = TypeAdapter(Command)
_EVENTS: TypeAdapter[Event] = TypeAdapter(Event)
_REPLIES = _by_name(Reply)
ReplyT = TypeVar("ReplyT", bound=BaseModel)


def dump_command(command: Command) -> bytes:
    return _COMMANDS.dump_json(command)


def load_command(body: bytes) -> Command:
    return _COMMANDS.validate_json(body)


def dump_event(event: Event) -> bytes:
    return _EVENTS.dump_json(event)


def load_event(body: bytes) -> Event:
    return _EVENTS.validate_json(body)


def dump_reply(reply: BaseModel) -> tuple[str, bytes]:
    """The name of its class, and the data."""
    return type(reply).__name__, reply.model_dump_json().encode()


def load_reply(name: str, body: bytes) -> Reply:
    """A room's answer. Raises ``Internal`` for what no room answers."""
    cls = _REPLIES.get(name)
    if cls is None:
        raise Internal(f"no room answers with {name!r}")
    return load_as(cls, body)  # type: ignore[return-value]  # the registry holds the members of Reply and no others


def load_as(cls: type[ReplyT], body: bytes) -> ReplyT:
    """Raises ``Internal``."""
    try:
        return cls.model_validate_json(body)
    except ValidationError as error:
        raise Internal(f"a worker's {cls.__name__} can't be read: {error.errors(include_input=False)[0]}") from None


def dump_fault(error: McuError) -> bytes:
    fault = FaultBody(
        classes=tuple(cls.__name__ for cls in type(error).__mro__ if issubclass(cls, McuError)),
        code=error.error_code,
        message=error.message,
        field=error.field,
        retry_after_s=error.retry_after_s,
    )
    return fault.model_dump_json().encode()


def load_fault(body: bytes) -> McuError:
    """The error as it was raised over there; of a class that isn't known here, its nearest known base."""
    fault = load_as(FaultBody, body)
    known = _error_classes()
    cls = next((known[name] for name in fault.classes if name in known), McuError)
    return cls(fault.message, code=fault.code, field=fault.field, retry_after_s=fault.retry_after_s)
