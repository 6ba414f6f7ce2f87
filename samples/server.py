"""A server of one's own for as long as a block runs: what the samples and a laptop need."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx

COMMAND = ("-m", "api.cli", "serve")
READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0


class ServerFailed(Exception):
    """It didn't start, or it died; the message ends with the last lines of its log."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextlib.asynccontextmanager
async def own_server(log: Path, recordings: Path) -> AsyncIterator[str]:
    """``mcu serve`` in a process of its own, on a free port of the loopback; yields its address once it is ready.

    What it says goes to ``log``, what it records into the folder ``recordings``. It is asked to stop at the end, and
    made to if it won't. Raises ServerFailed.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *COMMAND,
            "--port",
            str(port),
            stdout=output,
            stderr=output,
            env=os.environ | {"MCU_RECORDINGS_DIR": str(recordings)},
        )
        try:
            await _until_ready(process, url, log)
            yield url
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(STOP_TIMEOUT_S):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()


async def _until_ready(process: asyncio.subprocess.Process, url: str, log: Path) -> None:
    """Asks ``/readyz`` until it says yes."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(READY_TIMEOUT_S), httpx.AsyncClient(trust_env=False) as http:
            while process.returncode is None:
                with contextlib.suppress(httpx.TransportError):
                    if (await http.get(f"{url}/readyz")).is_success:
                        return
                await asyncio.sleep(0.1)
            raise ServerFailed(f"the server ended with code {process.returncode}:\n{_tail(log)}")
    raise ServerFailed(f"the server was not ready after {READY_TIMEOUT_S:.0f} s:\n{_tail(log)}")


def _tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
