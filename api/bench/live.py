"""A whole server to measure: a process of its own, on loopback, gone with the stack."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import httpx

from api.bench.harness import BenchFailed
from api.bench.processes import stop

LOOPBACK: Final = "127.0.0.1"
START_S: Final = 60.0
STOP_S: Final = 10.0


class LiveServer:
    """``mcu serve`` with ``environment`` on top of this one's. Raises ``BenchFailed`` when it doesn't come up."""

    def __init__(self, stack: ExitStack, environment: Mapping[str, str]) -> None:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mcu-bench-")))
        port = free_port()
        self.url = f"http://{LOOPBACK}:{port}"
        self._log = folder / "server.log"
        variables = {
            **os.environ,
            "MCU_RECORDINGS_DIR": str(folder / "recordings"),
            "MCU_MEDIA__HOST_ADDRESSES": f'["{LOOPBACK}"]',
            "MCU_LOG__LEVEL": "warning",
            # What is measured is the work that was asked for, and not what is left of it on a busy machine.
            "MCU_MEDIA__GOVERNOR": "false",
            **environment,
        }
        command = [sys.executable, "-m", "api.cli", "serve", "--port", str(port)]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=Path(__file__).parents[2], env=variables, stdout=log, stderr=subprocess.STDOUT
            )
        stack.callback(self._end)
        self._wait_until_ready()

    @property
    def pid(self) -> int:
        """Of the gateway; workers are its children."""
        return self._process.pid

    def _wait_until_ready(self) -> None:
        deadline_s = time.monotonic() + START_S
        with httpx.Client(timeout=2.0, verify=False) as http:
            while time.monotonic() < deadline_s and self._process.poll() is None:
                try:
                    if http.get(f"{self.url}/readyz").status_code == 200:
                        return
                except httpx.TransportError:
                    time.sleep(0.05)
        raise BenchFailed(f"the server did not come up: {self._log.read_text(errors='replace')[-2000:]}")

    def _end(self) -> None:
        stop(self._process, STOP_S)


def free_port() -> int:
    """A TCP port of the loopback that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
