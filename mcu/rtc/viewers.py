"""Who is fed by a fan-out: added by the event loop, read by the thread that sends."""

import threading
from typing import Generic, TypeVar

from mcu.rtc.downlink import Downlink
from mcu.rtc.lane import Lane, Source

LaneT = TypeVar("LaneT", bound=Lane)


class Viewers(Generic[LaneT]):
    """Lanes and their downlinks, as a tuple that is replaced whole: the sending thread reads it without a lock."""

    def __init__(self) -> None:
        self._change = threading.Lock()
        self.now: tuple[tuple[LaneT, Downlink], ...] = ()

    def add(self, lane: LaneT, downlink: Downlink) -> None:
        with self._change:
            if all(lane is not other for other, _ in self.now):
                self.now = (*self.now, (lane, downlink))

    def discard(self, lane: Lane, fanout: Source) -> None:
        """Drops a lane, unless it has come back to its fan-out while another thread took it away."""
        with self._change:
            if fanout is not lane.source and fanout is not lane.awaited:
                self.now = tuple(viewer for viewer in self.now if viewer[0] is not lane)
