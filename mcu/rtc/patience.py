"""How long to wait for what a network lost, before asking again, asking for more, and giving up.

A packet is asked for twice a round trip: a repair that comes twice costs little, one that is lost costs a freeze. With
5 % lost both ways the three or four requests that ``KEYFRAME_AFTER_NS`` has room for fail about once in ten thousand.
What is missing then, a key frame brings too, and in about the time of one more request.
"""

from typing import NamedTuple, Self

from mcu.clock import NS_PER_MS

ROUND_TRIP_NS = 80 * NS_PER_MS
"""What a round trip is taken for until one has been measured, and the longest that the times below are right for."""
MAX_ROUND_TRIP_NS = 400 * NS_PER_MS
"""Beyond this, waiting is worse than a key frame, and a measurement not to be believed."""
MIN_NACK_INTERVAL_NS = 20 * NS_PER_MS
KEYFRAME_AFTER_NS = 150 * NS_PER_MS
HOLE_LIMIT_NS = 400 * NS_PER_MS
KEYFRAME_INTERVAL_NS = 200 * NS_PER_MS


class Patience(NamedTuple):
    """``nack_interval_ns``: between two requests for one packet. ``keyframe_after_ns``: age of a hole at which a key
    frame is asked for as well. ``keyframe_interval_ns``: least time between two such requests; in less, the frame that
    was asked for could not be here. ``hole_limit_ns``: age at which a hole is given up, with all that it holds back.
    """

    nack_interval_ns: int
    keyframe_after_ns: int
    keyframe_interval_ns: int
    hole_limit_ns: int

    @classmethod
    def for_round_trip(cls, round_trip_ns: int) -> Self:
        """What suits a way on which answers take so long. A peer may claim any number: it is bounded."""
        round_trip_ns = max(0, min(round_trip_ns, MAX_ROUND_TRIP_NS))
        longer_ns = max(0, round_trip_ns - ROUND_TRIP_NS)
        return cls(
            nack_interval_ns=max(MIN_NACK_INTERVAL_NS, round_trip_ns // 2),
            keyframe_after_ns=KEYFRAME_AFTER_NS + 2 * longer_ns,
            keyframe_interval_ns=KEYFRAME_INTERVAL_NS + 2 * longer_ns,
            hole_limit_ns=HOLE_LIMIT_NS + 3 * longer_ns,
        )
