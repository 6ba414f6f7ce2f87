"""How finely a participant sees the room: which tier of their view they get, and why."""

from typing import Literal

from pydantic import Field

from mcu.protocol.models import Frozen
from mcu.protocol.names import ParticipantId

Tier = Literal["high", "medium", "low", "audio"]
"""The canvas itself, half of its sides, a quarter of them, and no picture at all. A small view has fewer."""

TierChoice = Literal["auto", "high", "medium", "low", "audio"]
"""At most that. ``auto`` and ``high`` bound nothing."""

QualityReason = Literal["start", "asked", "loss", "bandwidth", "delay", "load", "recovered"]
"""``asked``: the viewer's own choice. ``loss``: packets don't arrive. ``bandwidth``: the receiver estimates less than
the tier takes. ``delay``: what is sent queues up on its way. ``load``: the server has too much to do.
``recovered``: the path was good for a while.
"""


class Quality(Frozen):
    """What somebody gets, and what is known of the path to them."""

    participant: ParticipantId
    choice: TierChoice
    tier: Tier
    reason: QualityReason
    fraction_lost: float | None = Field(default=None, description="0 to 1, of the last report; null: none ever came")
    round_trip_ms: int | None = None
    estimate_kbps: int | None = Field(default=None, description="the receiver's estimate (REMB), if it sends any")


class GetQuality(Frozen):
    """→ ``Quality``"""

    type: Literal["get_quality"] = "get_quality"
    participant: ParticipantId


class SetQuality(Frozen):
    """→ ``Quality``. Bounds the tier from now on, also after a reconnect."""

    type: Literal["set_quality"] = "set_quality"
    participant: ParticipantId
    choice: TierChoice
