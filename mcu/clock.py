"""Where time comes from. One reading for the whole server, so that a test can hold it still."""

import time
from typing import Protocol

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000

# Seconds between the NTP epoch (1900) and the Unix epoch (1970), RFC 5905.
NTP_UNIX_OFFSET_S = 2_208_988_800


class Clock(Protocol):
    """A monotonic clock and, for RTCP sender reports, the wall clock beside it. Any thread may read it."""

    def now_ns(self) -> int:
        """Monotonic time in nanoseconds; the origin means nothing."""
        ...

    def wall_ns(self) -> int:
        """Nanoseconds since the Unix epoch."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now_ns(self) -> int:
        return time.monotonic_ns()

    def wall_ns(self) -> int:
        return time.time_ns()


def ntp_from_wall(wall_ns: int) -> int:
    """The 64-bit NTP timestamp (32.32 fixed point) of a Unix time in nanoseconds (RFC 3550, section 4)."""
    seconds, rest_ns = divmod(wall_ns, NS_PER_S)
    return ((seconds + NTP_UNIX_OFFSET_S) << 32 | (rest_ns << 32) // NS_PER_S) & 0xFFFF_FFFF_FFFF_FFFF
