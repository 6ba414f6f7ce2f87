"""RTP timestamps from room time: one mapping for every viewer of a room, so that lips and voice meet everywhere."""

from dataclasses import dataclass

from mcu.clock import NS_PER_S
from mcu.frames import AUDIO_CLOCK_HZ, VIDEO_CLOCK_HZ
from mcu.rtc.listener import OutgoingIdentity

# Knuth's multiplier: spreads an SSRC over the timestamp's range.
_SPREAD = 2_654_435_761


@dataclass(frozen=True, slots=True)
class MediaTime:
    """RTP time of one SSRC: ``origin`` at room time 0, ``clock_hz`` a second from there."""

    origin: int
    clock_hz: int

    def rtp(self, time_ns: int) -> int:
        """The 32-bit RTP timestamp of an instant of room time, rounded to the nearest unit in whole numbers."""
        return (self.origin + (time_ns * self.clock_hz + NS_PER_S // 2) // NS_PER_S) & 0xFFFF_FFFF


def video_time(identity: OutgoingIdentity) -> MediaTime:
    """The same for every hub of a room, so that a viewer who changes hub sees no leap. Random as its SSRC is."""
    return MediaTime(identity.video_ssrc * _SPREAD & 0xFFFF_FFFF, VIDEO_CLOCK_HZ)


def audio_time(identity: OutgoingIdentity) -> MediaTime:
    return MediaTime(identity.audio_ssrc * _SPREAD & 0xFFFF_FFFF, AUDIO_CLOCK_HZ)
