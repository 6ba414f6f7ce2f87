"""A person, or a screen, as a layout sees it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mixer.scene import TileKey


@dataclass(frozen=True, slots=True)
class Member:
    """One source somebody offers.

    ``live`` False shows the avatar. ``speaking`` is the strength of the speaker border, 0 to 1. ``last_spoke_ns`` is
    the room time at which they were last heard, 0 for never. ``hand``: raised. ``role`` and ``attributes`` are what
    custom layouts can choose by.
    """

    key: TileKey
    name: str = ""
    live: bool = True
    muted: bool = False
    reconnecting: bool = False
    speaking: float = 0.0
    last_spoke_ns: int = 0
    role: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict, hash=False)
    hand: bool = False

    @property
    def screen(self) -> bool:
        return self.key.source == "screen"
