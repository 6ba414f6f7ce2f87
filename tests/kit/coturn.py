"""Debian's coturn as a TURN server on loopback, with time-limited credentials."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from tests.kit.programs import require_program

SECRET = "a secret of the tests"
START_TIMEOUT_S = 15.0


@contextlib.asynccontextmanager
async def running_coturn(port: int, directory: Path) -> AsyncIterator[Path]:
    """A TURN server on UDP ``port`` of 127.0.0.1 that knows ``SECRET``; its log is the path given."""
    program = require_program("turnserver", "coturn")
    log = directory / "turnserver.log"
    command = [
        program, "-n", "-v", "--no-cli", "--no-tls", "--no-dtls", "--no-multicast-peers", "--allow-loopback-peers",
        "--use-auth-secret", f"--static-auth-secret={SECRET}", "--realm=tests", "--listening-ip=127.0.0.1",
        "--relay-ip=127.0.0.1", f"--listening-port={port}", "--min-port=50000", "--max-port=50999",
        f"--userdb={directory / 'turndb'}", f"--pidfile={directory / 'turnserver.pid'}", "--log-file=stdout",
    ]  # fmt: skip
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(*command, stdout=output, stderr=output)
    try:
        await _listening(process, port, log)
        yield log
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 5)


async def _listening(process: asyncio.subprocess.Process, port: int, log: Path) -> None:
    """It listens on TCP too, which is easier to find out."""
    async with asyncio.timeout(START_TIMEOUT_S):
        while True:
            assert process.returncode is None, f"coturn ended, see {log}"
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            await writer.wait_closed()
            return
