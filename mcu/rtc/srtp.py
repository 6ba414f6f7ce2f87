"""SRTP and SRTCP (RFC 3711, RFC 7714) on reusable buffers. The one file that knows libsrtp's binding.

A libsrtp session is not thread-safe, and it counts roll-overs for each SSRC by itself. So every thread that sends has
a ``Protector`` of its own, and an SSRC belongs to one protector for as long as the keys live: the same sequence number
protected by two sessions of one key would use a nonce of AES-GCM twice.
"""

import struct
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, Literal, NamedTuple

from pylibsrtp import Policy, Session
from pylibsrtp._binding import ffi, lib

SrtpProfileName = Literal["AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM", "AEAD_AES_256_GCM"]

REPLAY_WINDOW = 1024
"""Packets an SSRC may be late by, and the age of what may be sent again."""
MIN_REPLAY_WINDOW = 64
"""For whoever sends nothing again: libsrtp moves the window bit by bit, which is a tenth of what a packet costs."""
MAX_DATAGRAM = 2048
# SRTCP adds an index of 4 bytes and a tag of at most 16; SRTP a tag.
_TRAILER = 32

Pointer = Any
"""A C pointer, as cffi has it."""

_put_sequence = struct.Struct("!H").pack_into
_put_sequence_and_time = struct.Struct("!HI").pack_into


class _Profile(NamedTuple):
    libsrtp: int
    tag_length: int
    key_length: int


_PROFILES: dict[SrtpProfileName, _Profile] = {
    "AES_CM_128_HMAC_SHA1_80": _Profile(Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 10, 30),
    "AEAD_AES_128_GCM": _Profile(Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 16, 28),
    "AEAD_AES_256_GCM": _Profile(Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 16, 44),
}


@dataclass(frozen=True, slots=True)
class SrtpKeys:
    """What DTLS agreed on (RFC 5764): master key followed by master salt, ours and theirs.

    Raises ``ValueError`` when a key has not the length of its profile.
    """

    profile: SrtpProfileName
    local: bytes = field(repr=False)
    remote: bytes = field(repr=False)

    def __post_init__(self) -> None:
        wanted = _PROFILES[self.profile].key_length
        if len(self.local) != wanted or len(self.remote) != wanted:
            raise ValueError(f"{self.profile} needs {wanted} bytes of key and salt each way")

    @property
    def tag_length(self) -> int:
        """Bytes that protecting adds to an RTP packet."""
        return _PROFILES[self.profile].tag_length


def _session(profile: SrtpProfileName, key: bytes, ssrc_type: int, window: int = REPLAY_WINDOW) -> Session:
    policy = Policy(key=key, ssrc_type=ssrc_type, srtp_profile=_PROFILES[profile].libsrtp)
    policy.allow_repeat_tx = True
    policy.window_size = window
    return Session(policy)


class PacketBuffer:
    """Memory that one thread lays packets into and protects them in, again and again. ``view`` is written to, and is
    what a socket sends.
    """

    def __init__(self, size: int) -> None:
        # Writing through a memoryview copies once; a bytearray makes a copy of what it is given first.
        self.view = memoryview(bytearray(size + _TRAILER))
        self.base: Pointer = ffi.from_buffer("char[]", self.view, require_writable=True)


class Mould:
    """Plain packets that start every ``stride`` bytes, to be poured into ``buffer`` and protected there for one viewer
    after the other. What the buffer holds after ``pour`` may be changed before it is protected.

    ``plain`` has room for a tag between the packets, and ``lengths`` leaves tags out; ``datagrams`` is all of it with
    the tags, as a socket sends it.
    """

    def __init__(self, buffer: PacketBuffer, plain: bytes, stride: int, lengths: Sequence[int], size: int) -> None:
        self.stride = stride
        self.datagrams = buffer.view[:size]
        self.pointers = [buffer.base + index * stride for index in range(len(lengths))]
        self._plain = plain
        self._place = buffer.view[: len(plain)]
        self._plain_lengths = array("i", lengths)
        # libsrtp reads how long a packet is, and writes how long it has become.
        self._lengths = memoryview(array("i", lengths))
        base = ffi.from_buffer("int[]", self._lengths, require_writable=True)
        self.lengths = [base + index for index in range(len(lengths))]

    def pour(self) -> None:
        """Lays the plain packets into the buffer."""
        self._place[:] = self._plain
        self._lengths[:] = self._plain_lengths

    def renumber(self, sequence: int, timestamp: int) -> int:
        """Gives the packets that were poured the numbers from ``sequence`` on and this RTP time; the number after."""
        packets, stride = self._place, self.stride
        for at in range(2, len(packets), stride):
            _put_sequence_and_time(packets, at, sequence & 0xFFFF, timestamp)
            sequence += 1
        return sequence


class Protector:
    """Protects what one thread sends to one viewer. Not thread-safe; ``close`` frees the session. ``repeats``: it may
    protect a packet again that is up to ``REPLAY_WINDOW`` older than the newest.
    """

    def __init__(self, keys: SrtpKeys, *, repeats: bool = False) -> None:
        self.tag_length = keys.tag_length
        window = REPLAY_WINDOW if repeats else MIN_REPLAY_WINDOW
        self._session: Session | None = _session(keys.profile, keys.local, Policy.SSRC_ANY_OUTBOUND, window)
        self._srtp = self._session._srtp[0]
        self._for_each = repeat(self._srtp)
        self._length = ffi.new("int *")
        self._scratch: PacketBuffer | None = None

    def protect_poured(self, mould: Mould) -> bool:
        """Protects the packets that were poured, in place; each grows by ``tag_length``. False when one of them
        failed: those behind it are not protected then, so none may be sent.
        """
        if self._session is None:
            return False
        return not any(map(lib.srtp_protect, self._for_each, mould.pointers, mould.lengths))

    def protect_numbered(self, buffer: PacketBuffer, packet: bytes, sequence_number: int) -> int:
        """Copies a plain RTP packet to the start of ``buffer``, gives it its 16-bit number and protects it there; its
        new length, 0 on failure.
        """
        size = len(packet)
        if self._session is None or size + _TRAILER > len(buffer.view):
            return 0
        buffer.view[:size] = packet
        _put_sequence(buffer.view, 2, sequence_number)
        length = self._length
        length[0] = size
        return 0 if lib.srtp_protect(self._srtp, buffer.base, length) else size + self.tag_length

    def protect(self, packet: bytes) -> bytes | None:
        """A protected copy of one plain RTP packet; None on failure."""
        return self._copy(lib.srtp_protect, packet)

    def protect_rtcp(self, packet: bytes) -> bytes | None:
        """A protected copy of one plain compound RTCP packet; None on failure."""
        return self._copy(lib.srtp_protect_rtcp, packet)

    def _copy(self, protect: Any, packet: bytes) -> bytes | None:
        if self._scratch is None:
            self._scratch = PacketBuffer(MAX_DATAGRAM)
        size, buffer, length = len(packet), self._scratch, self._length
        if self._session is None or size + _TRAILER > len(buffer.view):
            return None
        buffer.view[:size] = packet
        length[0] = size
        return None if protect(self._srtp, buffer.base, length) else bytes(buffer.view[: length[0]])

    def close(self) -> None:
        """Frees the keys. Idempotent; protecting afterwards fails quietly."""
        session, self._session = self._session, None
        if session is not None:
            ffi.release(session._srtp)


class Unprotector:
    """Opens what one peer sends, in place on one buffer. Not thread-safe: the event loop owns it."""

    def __init__(self, keys: SrtpKeys) -> None:
        self._session: Session | None = _session(keys.profile, keys.remote, Policy.SSRC_ANY_INBOUND)
        self._srtp = self._session._srtp[0]
        self._length = ffi.new("int *")
        self._buffer = PacketBuffer(MAX_DATAGRAM)
        self.plain = self._buffer.view
        """Where the packets that were opened are, each until the next one."""
        self.failures = 0
        """Datagrams that were forged, replayed, too old or too long."""

    def open(self, datagram: bytes) -> int:
        """The length of the plain RTP packet at the start of ``plain``; 0 (counted) when it doesn't authenticate."""
        return self._open(lib.srtp_unprotect, datagram)

    def unprotect(self, datagram: bytes) -> memoryview | None:
        """The plain RTP packet, valid until the next call; None (counted) when it doesn't authenticate."""
        size = self._open(lib.srtp_unprotect, datagram)
        return self.plain[:size] if size else None

    def unprotect_rtcp(self, datagram: bytes) -> memoryview | None:
        """The plain compound RTCP packet, valid until the next call; None (counted) when it doesn't authenticate."""
        size = self._open(lib.srtp_unprotect_rtcp, datagram)
        return self.plain[:size] if size else None

    def _open(self, unprotect: Any, datagram: bytes) -> int:
        size, length = len(datagram), self._length
        if self._session is not None and size <= MAX_DATAGRAM:
            self.plain[:size] = datagram
            length[0] = size
            if not unprotect(self._srtp, self._buffer.base, length):
                return int(length[0])
        self.failures += 1
        return 0

    def close(self) -> None:
        """Frees the keys. Idempotent; everything that comes afterwards is refused."""
        session, self._session = self._session, None
        if session is not None:
            ffi.release(session._srtp)
