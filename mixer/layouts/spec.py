"""What a layout is told: the wish of the view and the facts about the people in it."""

from dataclasses import dataclass
from typing import Literal

from mixer.scene import Fit, TileKey

Preset = Literal["grid", "speaker", "presentation", "spotlight"]


@dataclass(frozen=True, slots=True)
class LayoutSpec:
    """How a view wants its people arranged.

    ``gap`` is in pixels, between tiles and around them; ``background`` is 0xRRGGBB; ``pinned`` is a participant's id.
    ``on_screen_share`` is the preset used while somebody shares a screen, None to stay with ``preset``.
    """

    preset: Preset = "grid"
    fit: Fit = "cover"
    gap: int = 8
    max_tiles: int = 16
    labels: bool = True
    highlight_speaker: bool = True
    on_screen_share: Preset | None = "presentation"
    background: int = 0x15181D
    pinned: str | None = None

    def __post_init__(self) -> None:
        if self.gap < 0:
            raise ValueError(f"a gap is at least 0 pixels, not {self.gap}")
        if self.max_tiles < 1:
            raise ValueError(f"a layout shows at least one tile, not {self.max_tiles}")


@dataclass(frozen=True, slots=True)
class Member:
    """One source somebody offers, as a layout sees it.

    ``live`` False shows the avatar. ``speaking`` is the strength of the speaker border, 0 to 1. ``last_spoke_ns`` is
    the room time at which they were last heard, 0 for never.
    """

    key: TileKey
    name: str = ""
    live: bool = True
    muted: bool = False
    reconnecting: bool = False
    speaking: float = 0.0
    last_spoke_ns: int = 0

    @property
    def screen(self) -> bool:
        return self.key.source == "screen"
