"""What a room gives up while the machine can't keep up, and what a server could still take on."""

from typing import Literal

from pydantic import Field

from mcu.protocol.models import Frozen

LoadStep = Literal["none", "preset", "rate", "tiers", "tiles_9", "tiles_4"]
"""What was given up last; what stands before it in this order was given up too. ``preset``: some of the encoders'
effort, and so of the picture at the same rate. ``rate``: every second picture. ``tiers``: the whole canvas, viewers
get half of its sides. ``tiles_…``: all tiles but so many.
"""

LoadReason = Literal["encoder_late", "pictures_late", "loop_late", "recovered"]


class Capacity(Frozen):
    """What a server thinks it could still take. Processor time is in cores of this machine."""

    fits: bool = Field(description="so many more people would probably find room")
    participants: int = Field(description="how many were asked about")
    cores_needed: float = Field(description="what they are expected to take")
    cores_free: float = Field(description="of what may be used, in the one process that their room would live in")
    cores_usable: float = Field(description="`limits.max_load` of the machine's cores; all of them without it")
    enforced: bool = Field(description="joins beyond it are refused: `limits.max_load` is set")
    calibrated: bool = Field(description="`limits.costs` says what people cost on this machine")
    reasons: tuple[str, ...] = Field(description="why, in words")
