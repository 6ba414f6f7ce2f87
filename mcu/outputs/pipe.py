"""What passes between an output and its sender process: one line of JSON, then pictures and sound, each after a header
of its kind, whether it is a keyframe, its length and its room time. The sender answers with lines of JSON.

An ``END`` asks it to take leave of its destination; where the pipe ends without one, whoever held it has died, and it
goes at once.
"""

import json
import struct
from dataclasses import asdict, dataclass
from typing import BinaryIO, Final, Literal

PICTURE: Final = 1
SOUND: Final = 2
END: Final = 3
HEADER: Final = struct.Struct("!BBIq")
MAX_BODY_BYTES: Final = 16 * 1024 * 1024
MAX_SETUP_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Setup:
    """What is sent where. ``target``: an address, for ``hls`` a folder that is there. ``again``: it isn't the first
    sender of this output. ``scratch``: a folder of the sender's own, which whoever started it removes. ``verify``:
    the certificate of its destination.
    """

    kind: Literal["rtmp", "srt", "hls", "whip"]
    target: str
    fps: float
    token: str | None = None
    again: bool = False
    scratch: str = ""
    verify: bool = True

    def __repr__(self) -> str:
        return f"Setup({self.kind!r}, …)"  # target and token are secret

    def line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Item:
    """A picture (H.264, Annex B), a block of sound (int16, mono, 48 kHz), or the end."""

    kind: int
    keyframe: bool
    time_ns: int
    body: bytes

    def packed(self) -> bytes:
        return HEADER.pack(self.kind, self.keyframe, len(self.body), self.time_ns) + self.body


@dataclass(frozen=True, slots=True)
class News:
    """From the sender: it has reached the destination, how many bytes it has sent, or why it ends."""

    active: bool
    bytes_sent: int
    error: str | None = None

    def line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"


def read_setup(source: BinaryIO) -> Setup:
    """Raises ``ValueError``."""
    return Setup(**json.loads(source.readline(MAX_SETUP_BYTES)))


def read_item(source: BinaryIO) -> Item | None:
    """The next one; None where the pipe ends. Raises ``ValueError``."""
    header = source.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    kind, keyframe, length, time_ns = HEADER.unpack(header)
    if kind not in (PICTURE, SOUND, END) or length > MAX_BODY_BYTES:
        raise ValueError(f"no item is of kind {kind} and {length} bytes")
    body = source.read(length)
    return Item(kind, bool(keyframe), time_ns, body) if len(body) == length else None


def read_news(line: bytes) -> News:
    """Raises ``ValueError``."""
    told = json.loads(line)
    if not isinstance(told, dict):
        raise ValueError("news is an object")
    error = told.get("error")
    return News(bool(told.get("active")), int(told.get("bytes_sent", 0)), None if error is None else str(error)[:300])
