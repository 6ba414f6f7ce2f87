"""From a sender's RTP time to room time, for media that goes on as it came.

What one frame is after another, its sender's clock says; where the whole stands in room time, arrivals and sender
reports do (``mixer/timeline.py``). So small errors are worn off little by little, and only a large one makes a step.
"""

from mcu.clock import NS_PER_MS, NS_PER_S

STEP_NS = 200 * NS_PER_MS
"""An error from which on it is another timeline."""
WEAR = 32
MAX_GAP_S = 30


class Retiming:
    """For one stream of ``clock_hz``; one thread. ``exact``: distances are the sender's to the sample, and an error is
    only made good in a pause of ``STEP_NS``.
    """

    def __init__(self, clock_hz: int, *, exact: bool = False) -> None:
        self._clock_hz = clock_hz
        self._exact = exact
        self._rtp: int | None = None
        self._time_ns = 0
        self._latest_ns = 0

    def at(self, rtp_timestamp: int, room_ns: int) -> int:
        """The room time of what came under a 32-bit timestamp and belongs, by all else that is known, at ``room_ns``.
        Pictures (not ``exact``) never stand still; sound may come out of order.
        """
        if self._rtp is None:
            return self._anchor(rtp_timestamp, room_ns)
        step = (rtp_timestamp - self._rtp + 0x8000_0000 & 0xFFFF_FFFF) - 0x8000_0000
        time_ns = self._time_ns + step * NS_PER_S // self._clock_hz
        error_ns = room_ns - time_ns
        paused = self._exact and step * NS_PER_S >= STEP_NS * self._clock_hz
        if abs(error_ns) > STEP_NS or abs(step) > MAX_GAP_S * self._clock_hz or paused:
            return self._anchor(rtp_timestamp, max(room_ns, self._latest_ns + 1))
        if self._exact and step < 0:
            return time_ns
        if not self._exact:
            time_ns = max(time_ns + error_ns // WEAR, self._latest_ns + NS_PER_MS)
        return self._anchor(rtp_timestamp, time_ns)

    def _anchor(self, rtp_timestamp: int, time_ns: int) -> int:
        self._rtp, self._time_ns = rtp_timestamp, time_ns
        self._latest_ns = max(self._latest_ns, time_ns)
        return time_ns
