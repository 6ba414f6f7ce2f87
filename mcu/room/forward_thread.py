"""The thread of a room that sends on what came compressed: neither decoded nor encoded, and off the event loop."""

import threading
from collections.abc import Callable

import structlog

from mcu.mailbox import Ring

log = structlog.get_logger()

WAITING = 1024
"""Frames and packets of all sources together: some two seconds of a room of sixteen."""
IDLE_WAKE_S = 1.0


class ForwardThread:
    """Carries out sends in their order; starts with the first. ``put`` and ``close`` are the event loop's."""

    def __init__(self, room: str) -> None:
        self._sends: Ring[Callable[[], None]] = Ring(WAITING)
        self._name = f"forward-{room}"[:15]
        self._thread: threading.Thread | None = None
        self._failing = False

    @property
    def dropped(self) -> int:
        """Sends that newer ones pushed out. Whoever's frame it was: what refers to it is of no use any more."""
        return self._sends.statistics.dropped

    def put(self, send: Callable[[], None]) -> bool:
        """False when an older send was lost for it. Raises RuntimeError when the thread can't start."""
        if self._thread is None and not self._sends.closed:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        return self._sends.put(send)

    def close(self) -> None:
        """Ends the thread after the send it is at. Returns at once. Idempotent."""
        self._sends.clear()
        self._sends.close()

    def join(self, timeout_s: float) -> bool:
        """False when it didn't end in time. Blocks: not on an event loop."""
        if self._thread is None:
            return True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            send = self._sends.wait(IDLE_WAKE_S)
            if send is None:
                if self._sends.closed:
                    return
                continue
            try:
                send()
                self._failing = False
            except Exception as error:  # the boundary: what one frame does to its fan-out ends no other
                if not self._failing:
                    log.error("forwarding_failed", error=repr(error))
                self._failing = True
