"""A whole server as its users run it: a process of its own, started by the command, stopped by Ctrl-C."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import httpx

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 15.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """``mcu serve`` on a free port of the loopback, with its recordings and log under ``directory``."""

    def __init__(self, directory: Path, environment: dict[str, str] | None = None, *options: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.recordings = directory / "recordings"
        self.log_path = directory / "server.log"
        self._log: IO[bytes] = self.log_path.open("ab")
        variables = {
            **os.environ,
            "MCU_RECORDINGS_DIR": str(self.recordings),
            "MCU_LOG__FORMAT": "json",
            "PYTHONUNBUFFERED": "1",
            # A busy machine must not change what a test sees; what load does is tested with figures of its own.
            "MCU_MEDIA__GOVERNOR": "false",
            **(environment or {}),
        }
        command = [sys.executable, "-m", "api.cli", "serve", "--port", str(self.port), *options]
        self.process = subprocess.Popen(command, env=variables, stdout=self._log, stderr=subprocess.STDOUT)

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    @property
    def pids(self) -> list[int]:
        """The server's process and those it has started, as Linux tells them."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [pid, *map(int, children.split())]

    def wait_ready(self) -> None:
        """Raises AssertionError with the log when the server ends or isn't ready in time."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            assert self.process.poll() is None, f"the server ended:\n{self.log}"
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/readyz", timeout=2.0).status_code == 200:
                    return
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(0.1)
        raise AssertionError(f"the server was not ready in {START_TIMEOUT_S:.0f} s:\n{self.log}")

    def interrupt(self) -> int:
        """Ctrl-C; the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(STOP_TIMEOUT_S)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(STOP_TIMEOUT_S)

    def close(self) -> None:
        """Ends the process, by force if it must. Idempotent."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.kill()
        self._log.close()

    def metrics(self) -> dict[str, float]:
        """Every sample of ``/metrics``: ``name{labels}`` to its value."""
        samples = {}
        for line in httpx.get(f"{self.url}/metrics", timeout=5.0).text.splitlines():
            if line and not line.startswith("#"):
                key, _, value = line.rpartition(" ")
                samples[key] = float(value)
        return samples


@contextlib.contextmanager
def running_server(directory: Path, environment: dict[str, str] | None = None, *options: str) -> Iterator[Server]:
    """A server that is ready, and gone afterwards."""
    server = Server(directory, environment, *options)
    try:
        server.wait_ready()
        yield server
    finally:
        server.close()
