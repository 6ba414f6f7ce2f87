"""The sizes and rates a view is sent in."""

from dataclasses import dataclass
from typing import Final, Literal

from mcu.protocol.models import ViewSpec
from mcu.protocol.quality import Tier
from mixer.geometry import Size

VideoTier = Literal["high", "medium", "low"]

ORDER: Final[tuple[Tier, ...]] = ("high", "medium", "low", "audio")
"""From the best to the cheapest."""

DIVISORS: Final[dict[VideoTier, int]] = {"high": 1, "medium": 2, "low": 4}
"""Of a side of the canvas: whole ratios are scaled quickly and well."""

RATE_SHARES: Final[dict[VideoTier, int]] = {"high": 1, "medium": 3, "low": 10}
"""A tier takes this part of the view's bitrate where its own isn't said: 1500, 500 and 150 kbit/s."""

SMALLEST_SIDE: Final = 90
"""A tier with a shorter side shows nobody."""

SMALLEST_KBPS: Final = 50


@dataclass(frozen=True, slots=True)
class TierShape:
    """One tier of one view."""

    tier: VideoTier
    size: Size
    kbps: int


def tiers_of(spec: ViewSpec) -> tuple[TierShape, ...]:
    """The tiers a view can be sent in, the canvas itself first; small canvases have fewer."""
    own = {"high": spec.video_kbps, "medium": spec.medium_kbps, "low": spec.low_kbps}
    shapes = []
    for tier, divisor in tuple(DIVISORS.items())[: spec.tiers]:
        size = Size(spec.width // divisor // 2 * 2, spec.height // divisor // 2 * 2)
        if divisor > 1 and min(size.width, size.height) < SMALLEST_SIDE:
            break
        kbps = own[tier] or max(SMALLEST_KBPS, spec.video_kbps // RATE_SHARES[tier])
        shapes.append(TierShape(tier, size, kbps))
    return tuple(shapes)


def shape_for(spec: ViewSpec, tier: VideoTier) -> TierShape:
    """The tier of a view, or the cheapest it has instead."""
    shapes = tiers_of(spec)
    return next((shape for shape in shapes if shape.tier == tier), shapes[-1])
