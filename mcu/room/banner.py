"""A view's banner and countdown, as the picture thread draws them."""

from dataclasses import dataclass

from mcu.clock import NS_PER_S
from mcu.protocol.decor import Banner
from mcu.room.schedule import wall_ns_of

LINGER_NS = 5 * NS_PER_S
"""So long does 0:00 stay."""


@dataclass(frozen=True, slots=True)
class BannerLines:
    """``ends_ns`` is wall time, nanoseconds since the Unix epoch."""

    text: str | None = None
    ends_ns: int | None = None

    @classmethod
    def of(cls, banner: Banner) -> "BannerLines":
        ends = banner.countdown_to
        return cls(banner.text, None if ends is None else wall_ns_of(ends))

    def countdown(self, wall_ns: int) -> str | None:
        """The countdown's line at ``wall_ns``, which changes once a second; None without one, and after its end."""
        if self.ends_ns is None or wall_ns >= self.ends_ns + LINGER_NS:
            return None
        return clock_text(max(0, -((wall_ns - self.ends_ns) // NS_PER_S)))


def clock_text(seconds: int) -> str:
    """``m:ss``, or ``h:mm:ss`` from an hour on."""
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
