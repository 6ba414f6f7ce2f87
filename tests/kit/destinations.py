"""Where live outputs go: ffmpeg that waits for one, and writes down what it is sent."""

import random
import socket
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.kit.eventually import eventually
from tests.kit.programs import require_program

PORTS = range(21_000, 29_000)
"""Below those that the system gives out by itself: what is free here stays free."""


def unused_port() -> int:
    """One that nobody listens on, over TCP or UDP."""
    while True:
        port = random.choice(PORTS)
        try:
            with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
                tcp.bind(("127.0.0.1", port))
                udp.bind(("127.0.0.1", port))
        except OSError:
            continue
        return port


class Listener:
    """``ffmpeg`` as a server for one RTMP or SRT stream, which it copies into ``path``. Listens when this returns."""

    def __init__(self, url: str, path: Path) -> None:
        program = require_program("ffmpeg", "ffmpeg")
        scheme, _, rest = url.partition("://")
        port = int(rest.partition("/")[0].partition("?")[0].rpartition(":")[2])
        source = (
            ["-listen", "1", "-i", url]
            if scheme == "rtmp"
            else ["-i", f"{url}{'&' if '?' in url else '?'}mode=listener"]
        )
        self.path = path
        self._process = subprocess.Popen(
            [program, "-nostdin", "-v", "error", "-y", *source, "-c", "copy", str(path)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            eventually(lambda: listens(port, "tcp" if scheme == "rtmp" else "udp"))
        except BaseException:
            self.kill()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def received_bytes(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def ended(self) -> bool:
        """By itself, since the stream has ended: the file is whole."""
        return self._process.poll() is not None

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)


def listens(port: int, protocol: str) -> bool:
    """Whether somebody on this machine waits on a port. Asks nobody: a try would be the one stream."""
    for table in (f"/proc/net/{protocol}", f"/proc/net/{protocol}6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if int(fields[1].rpartition(":")[2], 16) == port and (protocol == "udp" or fields[3] == "0A"):
                return True
    return False
