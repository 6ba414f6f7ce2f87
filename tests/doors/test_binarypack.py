"""BinaryPack: what PeerJS packs is read, what we pack it reads, and rubbish is refused."""

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from api.signaling.peerjs.binarypack import MAX_DEPTH, MAX_ITEMS, BinaryPack, packed, unpacked
from mcu.errors import BadRequest

# What peerjs-js-binarypack 2.1 made of these.
FIXTURES: tuple[tuple[str, JsonValue], ...] = (
    ("b568656c6c6f", "hello"),
    ("b6ec9588eb8595", "안녕"),
    ("07", 7),
    ("cd012c", 300),
    ("cbbff8000000000000", -1.5),
    ("c0", None),
    ("93c3c201", [True, False, 1]),
    ("82b474797065b463686174b46461746181b474657874b26869", {"type": "chat", "data": {"text": "hi"}}),
    ("d80014" + "78" * 20, "x" * 20),
)

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(0, 1000) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=20), inner, max_size=20),
    max_leaves=10,
)


@pytest.mark.parametrize(("octets", "value"), FIXTURES)
def test_what_peerjs_packs_is_read(octets: str, value: JsonValue) -> None:
    assert unpacked(bytes.fromhex(octets)) == value


@settings(max_examples=100, deadline=None)
@given(VALUES)
def test_what_is_packed_can_be_read(value: Any) -> None:
    assert unpacked(packed(value)) == value


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_rubbish_is_refused_or_a_value(rubbish: bytes) -> None:
    with contextlib.suppress(BadRequest):
        BinaryPack().read(rubbish.decode("latin-1"), octets=True)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\xb5hell",
        b"\xd9\xff\xff\xff\xffx",
        b"\xdd\xff\xff\xff\xff",
        b"\x91" * (MAX_DEPTH + 2),
        b"\xdc" + (MAX_ITEMS + 1).to_bytes(2) + b"\x00" * (MAX_ITEMS + 1),
        b"\x81\x01\x01",
        b"\xa1x",
        b"\xb2\xff\xfe",
        b"\xcb\x7f\xf8" + bytes(6),
        b"\x01\x02",
    ],
)
def test_what_is_no_value_is_refused(octets: bytes) -> None:
    with pytest.raises(BadRequest):
        BinaryPack().read(octets.decode("latin-1"), octets=True)


def test_text_is_refused() -> None:
    with pytest.raises(BadRequest):
        BinaryPack().read("hello", octets=False)
