"""A program that runs beside the server and ends with it."""

import asyncio
import sys

import structlog

log = structlog.get_logger()

END_TIMEOUT_S = 1.5


class CompanionProcess:
    """``python -m <module> --url … --room … [--token …]``, in a session of its own so that a Ctrl-C reaches it through
    the server alone.
    """

    def __init__(self, module: str, room: str, token: str | None) -> None:
        self._module = module
        self._room = room
        self._token = token
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None

    async def start(self, url: str) -> None:
        arguments = ["--url", url, "--room", self._room, *(["--token", self._token] if self._token else [])]
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", self._module, *arguments, stdin=asyncio.subprocess.DEVNULL, start_new_session=True
        )
        self._watch = asyncio.create_task(self._report(self._process), name="companion")
        log.info("companion_started", module=self._module, pid=self._process.pid)

    async def stop(self) -> None:
        """Asks it to end, and ends it after a moment. Idempotent."""
        process, self._process = self._process, None
        if process is None or self._watch is None:
            return
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(asyncio.shield(self._watch), END_TIMEOUT_S)
        except TimeoutError:
            process.kill()
            await self._watch

    async def _report(self, process: asyncio.subprocess.Process) -> None:
        status = await process.wait()
        if self._process is not None:
            log.warning("companion_ended", module=self._module, status=status)
