"""Decoding for everybody with a few threads, which take one stream's turn after the other."""

import threading
from collections import deque
from typing import Protocol

from mcu.clock import Clock, SystemClock
from mcu.thread_name import show_thread_name


class Turns(Protocol):
    """A stream in the pool's line."""

    def take_turn(self) -> bool:
        """Decodes a little, on a thread of the pool; True when the stream wants another turn. Must not raise."""
        ...


class DecodePool:
    """The decoder threads of a process. ``close`` from any thread; then ``join``, never on an event loop."""

    def __init__(self, threads: int, clock: Clock | None = None) -> None:
        if threads < 1:
            raise ValueError(f"a pool decodes with at least one thread, not {threads}")
        self.clock: Clock = clock or SystemClock()
        self._line: deque[Turns] = deque()
        self._ready = threading.Condition()
        self._closed = False
        self._threads = [threading.Thread(target=self._work, name=f"decoder-{n}", daemon=True) for n in range(threads)]

    def start(self) -> None:
        """Raises ``RuntimeError`` when a thread can't be started; those that were, are ended."""
        try:
            for thread in self._threads:
                thread.start()
        except RuntimeError:
            self.close()
            raise

    def close(self) -> None:
        """Ends the threads after the frame they are at. Returns at once. Idempotent."""
        with self._ready:
            self._closed = True
            self._line.clear()
            self._ready.notify_all()

    def join(self, timeout_s: float = 2.0) -> bool:
        """True when every thread has ended within about that time. Blocks: not on an event loop."""
        started = [thread for thread in self._threads if thread.ident is not None]
        for thread in started:
            thread.join(timeout_s / len(started))
        return not any(thread.is_alive() for thread in started)

    def queue(self, stream: Turns) -> None:
        """Puts a stream in the line, where it must not stand yet: so the line is never longer than there are streams.
        Any thread.
        """
        with self._ready:
            if not self._closed:
                self._line.append(stream)
                self._ready.notify()

    def _work(self) -> None:
        show_thread_name()
        while True:
            with self._ready:
                self._ready.wait_for(lambda: self._closed or bool(self._line))
                if self._closed:
                    return
                stream = self._line.popleft()
            if stream.take_turn():
                self.queue(stream)
