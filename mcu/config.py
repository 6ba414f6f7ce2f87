"""What an engine needs to know to run rooms. Plain data, filled in by the gateway's settings."""

from dataclasses import dataclass, field
from pathlib import Path

from mcu.clock import NS_PER_S
from mcu.network import RtcSettings


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """Each dial with its effect.

    ``stale_after_ns``: a source that has not arrived for this long shows its avatar.
    ``park_after_ns``: a source that no view shows is not decoded any more after this long.
    ``lost_after_ns``: a connection without any packet for this long is given up and its client told.
    ``max_playbacks``: so many files are played into one room at a time.
    ``govern``: a room that can't keep up sends less (``mcu/room/governor.py``).
    ``grace_ns``: how long a participant without socket or connection keeps its place.
    """

    rtc: RtcSettings = field(default_factory=RtcSettings)
    recordings_dir: Path = Path("recordings")
    max_rooms: int = 64
    max_playbacks: int = 4
    decode_threads: int = 2
    stale_after_ns: int = 2 * NS_PER_S
    park_after_ns: int = 2 * NS_PER_S
    lost_after_ns: int = 10 * NS_PER_S
    grace_ns: int = 30 * NS_PER_S
    govern: bool = False
