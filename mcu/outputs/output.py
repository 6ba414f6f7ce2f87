"""A live output of one view: the hub's H.264 packets as they are, and the full mix, sent on by a process of its own."""

import asyncio
import threading
import time
from dataclasses import dataclass, replace
from typing import Final

import structlog

from mcu.frames import EncodedFrame
from mcu.mailbox import Ring
from mcu.outputs.pipe import PICTURE, SOUND, Item, Setup
from mcu.outputs.process import SenderLost, SenderProcess
from mcu.protocol.outputs import OutputState
from mcu.recording.soundtrack import Sound
from mcu.thread_name import show_thread_name

log = structlog.get_logger()

BACKLOG: Final = 300
"""Pictures and blocks of sound that may wait for the destination: 4 s of 25 and 50 a second. Then all of it goes, and
it is live again from the next keyframe on."""
GRACE_S: Final = 0.8
"""What a sender gets to take leave of its destination."""
CLOSE_TIMEOUT_S: Final = 2.5
WAKE_S: Final = 0.25


@dataclass(frozen=True, slots=True)
class Patience:
    """How a destination is tried again: first after ``first_s``, then after twice as long each time, ``most_s`` at
    most. After so many ``attempts`` in a row it is given up; one that held for ``settled_s`` begins the count anew.
    """

    first_s: float = 0.5
    most_s: float = 30.0
    attempts: int = 10
    settled_s: float = 10.0

    def pause_s(self, attempt: int) -> float:
        return min(self.most_s, self.first_s * 2.0**attempt)


@dataclass(frozen=True, slots=True)
class OutputStatistics:
    """``dropped``: pictures left out because the destination was slow; ``error``: why it was tried again last, or given
    up.
    """

    state: OutputState
    bytes_sent: int
    restarts: int
    dropped: int
    error: str | None


class Output:
    """A ``FrameSink`` and ``SoundSink`` with a thread of its own, which starts the sender, feeds it, and starts another
    when it ends. ``write`` and ``write_sound`` never block and never raise.

    The owner adds it to a hub after ``start`` and sets the hub's keyframe interval to 2 s, removes it before ``close``.
    """

    def __init__(self, name: str, setup: Setup, patience: Patience | None = None) -> None:
        self._setup = setup
        self._patience = patience or Patience()
        self._log = log.bind(output=name, kind=setup.kind)
        self._items: Ring[tuple[int, Item]] = Ring(BACKLOG)
        self._thread = threading.Thread(target=self._run, name=f"output-{name}", daemon=True)
        self._closing = threading.Event()
        self._pictures = 0  # written by the hub's thread alone
        # From here on: the output's thread alone writes these.
        self._statistics = OutputStatistics("starting", 0, 0, 0, None)
        self._next_picture = -1
        self._past_bytes = 0

    @property
    def statistics(self) -> OutputStatistics:
        return self._statistics

    @property
    def waiting(self) -> int:
        """Pictures and blocks of sound that are not sent yet."""
        return len(self._items)

    def start(self) -> None:
        """Raises ``RuntimeError`` when the thread can't be started."""
        self._thread.start()

    def write(self, frame: EncodedFrame) -> None:
        """Takes a frame of the hub, on the hub's thread."""
        self._items.put((self._pictures, Item(PICTURE, frame.keyframe, frame.time_ns, frame.data)))
        self._pictures += 1

    def write_sound(self, pcm: Sound, time_ns: int) -> None:
        """Takes 20 ms of the full mix (int16, shape (960,), 48 kHz), whose first sample sounds at room time
        ``time_ns``, and copies it. On the sound thread.
        """
        self._items.put((-1, Item(SOUND, False, time_ns, pcm.tobytes())))

    def close(self) -> None:
        """Ends the sending; bounded by 2.5 s. Blocks: not on an event loop. Idempotent."""
        self._closing.set()
        self._items.close()
        if self._thread.ident is not None:
            self._thread.join(CLOSE_TIMEOUT_S)
            if self._thread.is_alive():
                self._log.error("output_stuck", waited_s=CLOSE_TIMEOUT_S)

    async def aclose(self) -> None:
        """``close`` for an event loop, which goes on meanwhile."""
        await asyncio.to_thread(self.close)

    def _run(self) -> None:
        show_thread_name()
        try:
            self._try_again_and_again()
        except Exception as error:  # the boundary: whatever it is, it ends this output and nothing else
            self._log.error("output_broken", error=repr(error))
            self._set(state="failed", error="something went wrong here; the server's log says what")
        self._items.close()
        self._items.clear()

    def _try_again_and_again(self) -> None:
        attempt = 0
        while not self._closing.is_set():
            began_s = time.monotonic()
            error = self._send()
            if self._closing.is_set():
                break
            if self._statistics.state == "active" and time.monotonic() - began_s >= self._patience.settled_s:
                attempt = 0
            self._log.warning("output_interrupted", error=error, attempt=attempt)
            if attempt + 1 >= self._patience.attempts:
                self._set(state="failed", error=error)
                return
            self._set(state="retrying", error=error)
            self._closing.wait(self._patience.pause_s(attempt))
            attempt += 1
            self._set(restarts=self._statistics.restarts + 1)
        self._set(state="ended")

    def _send(self) -> str:
        """One sender, from its start to its end; why it ended."""
        try:
            sender = SenderProcess(replace(self._setup, again=self._setup.again or self._statistics.restarts > 0))
        except OSError as fault:
            return f"no process can be started: {fault.strerror}"
        if self._statistics.restarts:
            self._items.clear()  # what came meanwhile is old
        self._next_picture = -1
        error = ""
        try:
            while not self._closing.is_set():
                queued = self._items.wait(WAKE_S)
                item = self._usable(*queued) if queued is not None else None
                sender.write(b"" if item is None else item.packed(), self._closing.is_set)
                sender.listen()
                self._heard(sender)
        except SenderLost as lost:
            error = str(lost)
        finally:
            sender.close(GRACE_S)
            self._past_bytes += sender.news.bytes_sent
            self._set(bytes_sent=self._past_bytes)
        return error

    def _usable(self, number: int, item: Item) -> Item | None:
        """Sound always; a picture that follows the last one, or a keyframe. When some of them were lost, the rest is
        old: it goes too.
        """
        if item.kind == SOUND:
            return item
        follows = number == self._next_picture
        if not follows and not item.keyframe:
            if self._next_picture >= 0:
                self._next_picture = -1
                self._items.clear()
            self._set(dropped=self._statistics.dropped + 1)
            return None
        if self._next_picture >= 0:
            self._set(dropped=self._statistics.dropped + number - self._next_picture)
        self._next_picture = number + 1
        return item

    def _heard(self, sender: SenderProcess) -> None:
        news = sender.news
        if news.active and self._statistics.state != "active":
            self._log.info("output_active", pid=sender.pid)
            self._set(state="active", error=None)
        self._set(bytes_sent=self._past_bytes + news.bytes_sent)

    def _set(
        self,
        state: OutputState | None = None,
        bytes_sent: int | None = None,
        restarts: int | None = None,
        dropped: int | None = None,
        error: str | None = "",
    ) -> None:
        old = self._statistics
        self._statistics = OutputStatistics(
            old.state if state is None else state,
            old.bytes_sent if bytes_sent is None else bytes_sent,
            old.restarts if restarts is None else restarts,
            old.dropped if dropped is None else dropped,
            old.error if error == "" else error,
        )
