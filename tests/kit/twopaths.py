"""Two network namespaces with two cables between them: a server in the one, a phone in the other that changes from
Wi-Fi to LTE. Nobody outside sees their interfaces.

The server is reached at one address over either cable, as a public address is.
"""

import contextlib
import ctypes
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

CLONE_NEWNET = 0x40000000
SERVER = "198.18.0.1"
"""Of the range for tests of networks (RFC 2544)."""
COMMAND_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class TwoPaths:
    """Names of namespaces."""

    server: str
    phone: str

    def lose_wifi(self) -> None:
        """The phone goes on over LTE alone, with another address; neither end is told."""
        _ip("-n", self.phone, "link", "del", "wifi")

    def command(self, *program: str) -> list[str]:
        """How to run a program on the phone."""
        return ["ip", "netns", "exec", self.phone, *program]


@contextlib.contextmanager
def two_paths() -> Iterator[TwoPaths]:
    """Skips the calling test without the right to make networks."""
    if shutil.which("ip") is None or os.geteuid() != 0:
        pytest.skip("needs iproute2 and the right to make network namespaces")
    tail = secrets.token_hex(3)
    paths = TwoPaths(f"mcu-server-{tail}", f"mcu-phone-{tail}")
    made: list[str] = []
    try:
        for name in (paths.server, paths.phone):
            made.append(name)
            _ip("netns", "add", name)
            _ip("-n", name, "link", "set", "lo", "up")
        _lay_cables(paths)
        yield paths
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no network namespaces here: {error.stderr.decode().strip()}")
    finally:
        for name in made:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True, timeout=COMMAND_TIMEOUT_S)


def _lay_cables(paths: TwoPaths) -> None:
    for number, name in ((1, "wifi"), (2, "lte")):
        _ip("-n", paths.phone, "link", "add", name, "type", "veth", "peer", "name", name, "netns", paths.server)
        for end, last in ((paths.server, 1), (paths.phone, 2)):
            _ip("-n", end, "addr", "add", f"198.18.{number}.{last}/24", "dev", name)
            _ip("-n", end, "link", "set", name, "up")
        hop = f"198.18.{number}.1"
        _ip("-n", paths.phone, "route", "add", f"{SERVER}/32", "via", hop, "dev", name, "metric", str(number))
    _ip("-n", paths.server, "addr", "add", f"{SERVER}/32", "dev", "lte")


@contextlib.contextmanager
def within(namespace: str) -> Iterator[None]:
    """What this thread opens or starts meanwhile is in that network."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/proc/thread-self/ns/net").open() as before, Path(f"/run/netns/{namespace}").open() as there:
        _enter(libc, there.fileno())
        try:
            yield
        finally:
            _enter(libc, before.fileno())


def _enter(libc: ctypes.CDLL, descriptor: int) -> None:
    if libc.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, timeout=COMMAND_TIMEOUT_S)
