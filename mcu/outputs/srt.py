"""SRT by the system's own library, of which PyAV's FFmpeg has none: one caller in live mode, as a blocking socket.

By way of ``ctypes`` and not of the ``ffmpeg`` program, which takes the address, and with it stream id and passphrase,
on its command line, where everybody on the machine can read it. Names and numbers are those of SRT's public ``srt.h``,
which have been the same since 1.3.
"""

import ctypes
import errno
import socket
import struct
import sys
import time
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

LIBRARIES: Final = (
    "libsrt-gnutls.so.1.5",
    "libsrt-openssl.so.1.5",
    "libsrt.so.1.5",
    "libsrt-gnutls.so.1.4",
    "libsrt-openssl.so.1.4",
    "libsrt.so.1.4",
    "libsrt.dylib",
)
ADVICE: Final = "SRT needs the system's library: apt-get install libsrt1.5-gnutls"

CONNECT_TIMEOUT_MS: Final = 5000
DRAIN_S: Final = 0.5
DRAIN_POLL_S: Final = 0.01
LATENCY_S: Final = 0.12
"""SRT's usual one: so long a receiver holds back what it has."""
TS_PACKET_BYTES: Final = 188
MESSAGE_BYTES: Final = 7 * TS_PACKET_BYTES
"""What fits an Ethernet frame, and what every receiver expects."""

SRTO_SENDER: Final = 21
SRTO_LATENCY: Final = 23
SRTO_PASSPHRASE: Final = 26
SRTO_PBKEYLEN: Final = 27
SRTO_CONNTIMEO: Final = 36
SRTO_STREAMID: Final = 46

MAX_STREAM_ID_BYTES: Final = 512
PASSPHRASE_BYTES: Final = range(10, 80)


class SrtLibrary:
    """Raises ``OSError`` where there is none."""

    def __init__(self) -> None:
        for name in LIBRARIES:
            try:
                self.calls = ctypes.CDLL(name)
                break
            except OSError:
                continue
        else:
            raise OSError(errno.ENOENT, ADVICE)
        self.calls.srt_getlasterror_str.restype = ctypes.c_char_p
        self.calls.srt_rejectreason_str.restype = ctypes.c_char_p


def srt_options(query: str) -> dict[int, bytes | int]:
    """What the options of an address mean to the library. Raises ``ValueError``, which names none of their values."""
    options: dict[int, bytes | int] = {}
    for name, value in parse_qsl(query, keep_blank_values=True, max_num_fields=16):
        match name:
            case "mode" if value == "caller":
                continue
            case "streamid" if len(value.encode()) <= MAX_STREAM_ID_BYTES:
                options[SRTO_STREAMID] = value.encode()
            case "passphrase" if len(value.encode()) in PASSPHRASE_BYTES:
                options[SRTO_PASSPHRASE] = value.encode()
            case "pbkeylen" if value in ("16", "24", "32"):
                options[SRTO_PBKEYLEN] = int(value)
            case "latency" if value.isascii() and value.isdigit() and int(value) <= 10_000:
                options[SRTO_LATENCY] = int(value)
            case "mode" | "streamid" | "passphrase" | "pbkeylen" | "latency":
                raise ValueError(f"the address says a {name} that can't be used")
            case _:
                raise ValueError("of SRT's options streamid, passphrase, pbkeylen, latency and mode=caller are taken")
    return options


class SrtCaller:
    """Connects when it is made. Every method may block, and raises ``OSError`` when the destination is gone or refuses.
    For one process of its own: the library has threads.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        options: Mapping[int, bytes | int] = {
            SRTO_SENDER: 1,
            SRTO_CONNTIMEO: CONNECT_TIMEOUT_MS,
            **srt_options(parts.query),
        }
        addresses = socket.getaddrinfo(unquote(parts.hostname or ""), parts.port, type=socket.SOCK_DGRAM)
        family, _, _, _, address = addresses[0]
        self._library = SrtLibrary().calls
        self._library.srt_startup()
        self._socket = self._library.srt_create_socket()
        self._rest = b""
        for option, value in options.items():
            self._set(option, value)
        packed = _packed_address(family, str(address[0]), int(address[1]))
        if self._library.srt_connect(self._socket, packed, len(packed)) < 0:
            reason = self._library.srt_getrejectreason(self._socket)
            raise OSError(errno.ECONNREFUSED, _text(self._library.srt_rejectreason_str(reason)) or self._last_error())

    def write(self, data: bytes) -> int:
        """Sends whole packets of the transport stream; what is left over goes with the next."""
        data = self._rest + data
        whole = len(data) - len(data) % TS_PACKET_BYTES
        for start in range(0, whole, MESSAGE_BYTES):
            message = data[start : min(start + MESSAGE_BYTES, whole)]
            if self._library.srt_send(self._socket, message, len(message)) < 0:
                raise OSError(errno.EPIPE, self._last_error())
        self._rest = data[whole:]
        return len(data)

    def close(self) -> None:
        """Waits a moment for what is on its way: closing throws it away, here and at the other end."""
        deadline_s = time.monotonic() + DRAIN_S
        while self._library.srt_getsndbuffer(self._socket, None, None) > 0 and time.monotonic() < deadline_s:
            time.sleep(DRAIN_POLL_S)
        time.sleep(LATENCY_S)
        self._library.srt_close(self._socket)

    def _set(self, option: int, value: bytes | int) -> None:
        if isinstance(value, int):
            number = ctypes.c_int(value)
            failed = self._library.srt_setsockflag(self._socket, option, ctypes.byref(number), ctypes.sizeof(number))
        else:
            failed = self._library.srt_setsockflag(self._socket, option, value, len(value))
        if failed:
            raise OSError(errno.EINVAL, self._last_error())

    def _last_error(self) -> str:
        return _text(self._library.srt_getlasterror_str())


def _packed_address(family: int, host: str, port: int) -> bytes:
    """A ``sockaddr_in`` or ``sockaddr_in6``."""
    size = 28 if family == socket.AF_INET6 else 16
    head = struct.pack("BB", size, family) if sys.platform == "darwin" else struct.pack("=H", family)
    packed = socket.inet_pton(family, host.partition("%")[0])
    middle = b"\0\0\0\0" if family == socket.AF_INET6 else b""
    return (head + struct.pack("!H", port) + middle + packed).ljust(size, b"\0")


def _text(said: bytes | None) -> str:
    return (said or b"").decode(errors="replace")[:200]
