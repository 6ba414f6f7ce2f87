"""Participants' own streams: in a room that forwards, and for who watches one person alone."""

from typing import Literal

from pydantic import Field

from mcu.protocol.models import Frozen
from mcu.protocol.names import ParticipantId

MAX_STREAMS = 16
"""Sections of each kind in which one connection is sent others' streams, beside the first."""

StreamSource = Literal["camera", "screen", "microphone"]


class StreamInfo(Frozen):
    """One source as its reader gets it, or why they don't."""

    participant: ParticipantId
    source: StreamSource
    mid: str | None = Field(description="the section of their connection in which it comes; null: in none")
    missing: Literal["codec_mismatch", "no_section"] | None = Field(
        default=None,
        description="null, or why it comes in none: their offer has not the codec that this participant sends, or too "
        "few sections that receive. Send an offer with more, or be content with those who spoke last",
    )
