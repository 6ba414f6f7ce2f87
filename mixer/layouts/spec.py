"""What a layout is told: the wish of the view and the facts about the people in it."""

from dataclasses import dataclass
from typing import Literal

from mixer.layouts.custom import CustomSpec
from mixer.layouts.member import Member
from mixer.scene import CENTER, Align, Fit

__all__ = ["LayoutSpec", "Member", "Preset"]

Preset = Literal["grid", "speaker", "sidebar", "pip", "presentation", "spotlight", "strip"]


@dataclass(frozen=True, slots=True)
class LayoutSpec:
    """How a view wants its people arranged.

    ``gap`` is in pixels between tiles, ``margin`` around them (None: as the gap); ``background`` is 0xRRGGBB;
    ``pinned`` is a participant's id. ``on_screen_share`` is the preset used while somebody shares a screen, None to
    stay with ``preset``. ``custom`` takes the place of ``preset`` and ``max_tiles``.
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
    margin: int | None = None
    align: Align = CENTER
    custom: CustomSpec | None = None

    def __post_init__(self) -> None:
        if self.gap < 0 or (self.margin or 0) < 0:
            raise ValueError(f"gap and margin are at least 0 pixels, not {self.gap} and {self.margin}")
        if self.max_tiles < 1:
            raise ValueError(f"a layout shows at least one tile, not {self.max_tiles}")
