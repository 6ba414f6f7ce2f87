"""A sender process as its output sees it: started, fed, listened to, ended and reaped by one thread."""

import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final

from mcu.outputs.pipe import END, Item, News, Setup, read_news

STALL_S: Final = 15.0
"""A process that takes nothing for so long hangs; its own alarm should have ended it before."""
KILL_TIMEOUT_S: Final = 1.0
SLICE_S: Final = 0.1
MAX_LINE_BYTES: Final = 4096
WORDS: Final = {-14: "the destination didn't answer in time", -9: "the sender was killed"}


class SenderLost(Exception):
    """The process is gone, or hangs. The message says why."""


class SenderProcess:
    """Everything on one thread. Whoever starts one closes it: that ends the process and reaps it."""

    def __init__(self, setup: Setup) -> None:
        """Starts it, which takes a few milliseconds; raises ``OSError``. A Ctrl-C in the terminal is not for it, it
        inherits no socket, and ends by itself when this process does.
        """
        self.news = News(False, 0)
        self._scratch = tempfile.TemporaryDirectory(prefix="mcu-output-") if setup.kind == "whip" else None
        search_path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)  # noqa: PTH109 - '' means that one
        environment = {name: value for name, value in os.environ.items() if not name.upper().startswith("MCU_")}
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "mcu.outputs.sender"],
                env=environment | {"PYTHONPATH": search_path},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # where FFmpeg might tell the address
                start_new_session=True,
                bufsize=0,
            )
        except BaseException:
            self._clean()
            raise
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input, self._output = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._input, False)
        os.set_blocking(self._output, False)
        self._heard = b""
        self._to_write = replace(setup, scratch=self._scratch.name if self._scratch else "").line()

    @property
    def pid(self) -> int:
        return self._process.pid

    def write(self, data: bytes, stopped: Callable[[], bool]) -> None:
        """Hands over all of it, however long that takes, unless ``stopped``. Raises SenderLost."""
        self._to_write += data
        deadline_s = time.monotonic() + STALL_S
        while self._to_write and not stopped():
            self.listen()
            _, writable, _ = select.select((), (self._input,), (), SLICE_S)
            if writable:
                try:
                    written = os.write(self._input, self._to_write)
                except BlockingIOError:
                    continue
                except BrokenPipeError:
                    raise SenderLost(self._last_words()) from None
                self._to_write = self._to_write[written:]
                deadline_s = time.monotonic() + STALL_S
            elif time.monotonic() > deadline_s:
                raise SenderLost(WORDS[-14])

    def listen(self) -> None:
        """Takes in what it has told. Raises SenderLost when it is gone."""
        while True:
            try:
                said = os.read(self._output, MAX_LINE_BYTES)
            except BlockingIOError:
                return
            if not said:
                raise SenderLost(self._last_words())
            *lines, self._heard = (self._heard + said).split(b"\n")
            self._heard = self._heard[-MAX_LINE_BYTES:]
            for line in lines:
                self._learn(line)

    def close(self, grace_s: float) -> None:
        """Tells it to end and gives it this long to take leave of the destination; then it is killed. Idempotent."""
        process = self._process
        if process.stdin is not None and not process.stdin.closed:
            with suppress(OSError):  # it is gone, or its pipe is full: then it is killed
                os.write(self._input, self._to_write + Item(END, False, 0, b"").packed())
            process.stdin.close()
        try:
            process.wait(grace_s)
        except subprocess.TimeoutExpired:
            process.kill()
            with suppress(subprocess.TimeoutExpired):
                process.wait(KILL_TIMEOUT_S)
        if process.stdout is not None:
            with suppress(SenderLost, ValueError):
                if not process.stdout.closed:
                    self.listen()
            process.stdout.close()
        self._clean()

    def _clean(self) -> None:
        if self._scratch is not None:
            self._scratch.cleanup()

    def _learn(self, line: bytes) -> None:
        """Its last word says why it ends, and not how much it had sent."""
        with suppress(ValueError):
            news = read_news(line)
            self.news = replace(news, bytes_sent=max(news.bytes_sent, self.news.bytes_sent))

    def _last_words(self) -> str:
        """Why it ended. Its last line may still be on its way."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        with suppress(OSError, ValueError):
            rest = self._heard + os.read(self._output, MAX_LINE_BYTES)
            for line in rest.split(b"\n"):
                self._learn(line)
        if self.news.error is not None:
            return self.news.error
        status = self._process.poll()
        return WORDS.get(status or 0, f"the sender ended with status {status}")
