"""When a person's pictures are due, so that their lips meet their voice.

A voice waits in its playout for late packets; a picture needs no such wait. So pictures are held back by as much as the
voice is, both counted from their capture in room time (``mixer/timeline.py``); where packets are lost and sent again,
by a little more (``holding.py``).
"""

from mcu.clock import NS_PER_MS
from mcu.frames import VIDEO_CLOCK_HZ, ReceivedFrame, SenderReport
from mcu.media.decoding import DecodedPicture
from mcu.media.holding import Holding
from mcu.media.playout import Playout
from mixer.timeline import SenderClock, StreamClock

MAX_WAIT_NS = 300 * NS_PER_MS
"""A picture is never held back longer after its arrival, whatever the clocks say."""


class LipSync:
    """The clock of one person's camera beside their playout. ``arrived`` and ``reported`` on the event loop,
    ``due_ns`` on any thread.
    """

    def __init__(self, sender: SenderClock, playout: Playout) -> None:
        self._clock = StreamClock(VIDEO_CLOCK_HZ, sender)
        self._playout = playout
        self._holding = Holding()

    def arrived(self, frame: ReceivedFrame) -> None:
        captured_ns = self._clock.arrived(frame.rtp_timestamp, frame.arrived_ns)
        self._holding.arrived(frame.arrived_ns - captured_ns, repaired=frame.repaired)

    def reported(self, report: SenderReport) -> None:
        self._clock.reported(report.ntp, report.rtp_timestamp, report.arrived_ns)

    def captured_ns(self, rtp_timestamp: int, arrived_ns: int) -> int | None:
        """The room time of a picture that has ``arrived``."""
        return self._clock.room_ns(rtp_timestamp & 0xFFFF_FFFF)

    def due_ns(self, picture: DecodedPicture) -> int:
        """The room time at which to show it; its arrival where there is no voice to meet and nothing was lost."""
        captured_ns = self._clock.room_ns(picture.rtp_timestamp & 0xFFFF_FFFF)
        if captured_ns is None:
            return picture.arrived_ns
        wait_ns = self._holding.wait_ns(self._playout.latency_ns)
        if not wait_ns:
            return picture.arrived_ns
        return min(captured_ns + wait_ns, picture.arrived_ns + MAX_WAIT_NS)
