"""What an engine needs to know to run rooms. Plain data, filled in by the gateway's settings."""

from dataclasses import dataclass, field
from pathlib import Path

from mcu.clock import NS_PER_S
from mcu.network import RtcSettings

LIVE_FOLDER = "live"
"""Where HLS is kept while it is live, beside the recordings: that place is sure to be writable."""


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """Each dial with its effect.

    ``stale_after_ns``: a source that has not arrived for this long shows its avatar.
    ``park_after_ns``: a source that no view shows is not decoded any more after this long.
    ``lost_after_ns``: a connection without any packet for this long is given up and its client told.
    ``max_playbacks``: so many files are played into one room at a time.
    ``govern``: a room that can't keep up sends less (``mcu/room/governor.py``).
    ``outputs_per_room``: live outputs at a time; to ``output_hosts`` alone, where any are named, each tried
    ``output_attempts`` times in a row; ``output_verify``: their certificates.
    ``grace_ns``: how long a participant without socket or connection keeps its place.
    """

    rtc: RtcSettings = field(default_factory=RtcSettings)
    recordings_dir: Path = Path("recordings")
    outputs_per_room: int = 4
    output_attempts: int = 10
    output_hosts: tuple[str, ...] = ()
    output_verify: bool = True
    max_rooms: int = 64
    max_playbacks: int = 4
    decode_threads: int = 2
    stale_after_ns: int = 2 * NS_PER_S
    park_after_ns: int = 2 * NS_PER_S
    lost_after_ns: int = 10 * NS_PER_S
    grace_ns: int = 30 * NS_PER_S
    govern: bool = False

    @property
    def outputs_dir(self) -> Path:
        """Of HLS, a folder for each output."""
        return self.recordings_dir / LIVE_FOLDER
