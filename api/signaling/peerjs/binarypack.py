"""BinaryPack, in which PeerJS sends data unless it is told otherwise: MessagePack of an early day with other tags.

Strings, numbers, lists and maps are what chat is made of; octets and what has no JSON are refused.
"""

import struct

from pydantic import JsonValue

from mcu.errors import BadRequest

MAX_DEPTH = 8
MAX_ITEMS = 256
"""Of all lists and maps of one message together."""

_SCALARS: dict[int, JsonValue] = {0xC0: None, 0xC1: None, 0xC2: False, 0xC3: True}
_NUMBERS = {
    0xCA: ">f", 0xCB: ">d",
    0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q",
    0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q",
}  # fmt: skip
_LENGTHS = {0xD8: ">H", 0xD9: ">I", 0xDC: ">H", 0xDD: ">I", 0xDE: ">H", 0xDF: ">I"}


class BinaryPack:
    """``Packing``."""

    def read(self, words: str, *, octets: bool) -> JsonValue:
        """Raises ``BadRequest``."""
        if not octets:
            raise BadRequest("send this channel's messages as BinaryPack")
        try:
            return unpacked(words.encode("latin-1"))
        except (struct.error, ValueError):
            raise BadRequest("not valid BinaryPack") from None

    def write(self, value: JsonValue) -> tuple[str, bool]:
        return packed(value).decode("latin-1"), True


def unpacked(data: bytes) -> JsonValue:
    """One value. Raises ``ValueError`` or ``struct.error`` for what is no value, too deep, or followed by more."""
    reader = _Reader(data)
    value = reader.value(MAX_DEPTH)
    if reader.place != len(data):
        raise ValueError("more than one value")
    return value


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.place = 0
        self._data = data
        self._items = 0

    def value(self, depth: int) -> JsonValue:
        tag = self._number(">B")
        assert isinstance(tag, int)
        if tag < 0x80 or tag >= 0xE0:
            return tag if tag < 0x80 else tag - 0x100
        if tag in _SCALARS:
            return _SCALARS[tag]
        if tag in _NUMBERS:
            return self._number(_NUMBERS[tag])
        kind, size = self._sized(tag)
        if kind == "string":
            return self._string(size)
        if depth == 0:
            raise ValueError("nested too deep")
        self._items += size
        if self._items > MAX_ITEMS:
            raise ValueError("too many items")
        if kind == "list":
            return [self.value(depth - 1) for _ in range(size)]
        return {self._key(depth): self.value(depth - 1) for _ in range(size)}

    def _sized(self, tag: int) -> tuple[str, int]:
        short = {0x80: "map", 0x90: "list", 0xB0: "string"}.get(tag & 0xF0)
        if short is not None:
            return short, tag & 0x0F
        if tag not in _LENGTHS:
            raise ValueError("octets, or nothing that JSON knows")
        size = self._number(_LENGTHS[tag])
        assert isinstance(size, int)
        return {0xD8: "string", 0xDC: "list", 0xDE: "map"}[tag & 0xFE], size

    def _key(self, depth: int) -> str:
        key = self.value(depth - 1)
        if not isinstance(key, str):
            raise ValueError("the name of a field is no string")
        return key

    def _number(self, form: str) -> int | float:
        (number,) = struct.unpack_from(form, self._data, self.place)
        self.place += struct.calcsize(form)
        if number != number or number in (float("inf"), float("-inf")):
            raise ValueError("not a number")
        found: int | float = number
        return found

    def _string(self, size: int) -> str:
        end = self.place + size
        if end > len(self._data):
            raise ValueError("cut off")
        text = self._data[self.place : end].decode()
        self.place = end
        return text


def packed(value: JsonValue) -> bytes:
    """One value."""
    match value:
        case None:
            return b"\xc0"
        case bool():
            return b"\xc3" if value else b"\xc2"
        case int() if 0 <= value < 0x80:
            return bytes([value])
        case int() | float():
            # Every number of JavaScript's is a double.
            return b"\xcb" + struct.pack(">d", value)
        case str():
            text = value.encode()
            return _head(len(text), 0xB0, 0xD8) + text
        case list():
            return _head(len(value), 0x90, 0xDC) + b"".join(map(packed, value))
        case _:
            fields = (packed(name) + packed(field) for name, field in value.items())
            return _head(len(value), 0x80, 0xDE) + b"".join(fields)


def _head(size: int, short: int, long: int) -> bytes:
    if size < 0x10:
        return bytes([short + size])
    return struct.pack(">BH", long, size) if size < 0x10000 else struct.pack(">BI", long + 1, size)
