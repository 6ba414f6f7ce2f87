"""How somebody's sound arrives, for those who look after a room."""

from typing import Literal

from pydantic import Field

from mcu.protocol.models import Frozen, ParticipantInfo
from mcu.protocol.names import ParticipantId


class SoundHealth(Frozen):
    """Somebody's microphone, as the room receives it. Counts are of packets, since they joined."""

    parked: bool = Field(description="muted or below the loudest, and not decoded")
    level_dbov: int = Field(ge=-127, le=0, description="how loud they are just now; −127: silent (RFC 6464)")
    delay_ms: float = Field(ge=0, description="how long their sound waits for late packets; 0: nothing plays")
    target_ms: float = Field(ge=0, description="how long it should wait, as the network is")
    received: int
    lost: int = Field(description="never came, or `late`")
    late: int
    repaired: int = Field(description="lost ones that were taken from the copy in the next packet (in-band FEC)")
    damaged: int
    overflowed: int = Field(description="dropped because they came faster than they can be played")
    concealed: float = Field(ge=0, le=1, description="the share of what was heard that had to be invented")
    resets: int = Field(description="how often playing began anew: the sender did, or was far too late")
    drift_ppm: float | None = Field(description="how much faster their clock runs; null before half a minute")


class GetSoundHealth(Frozen):
    """→ ``SoundHealth``."""

    type: Literal["get_sound_health"] = "get_sound_health"
    participant: ParticipantId


class ParticipantDetail(ParticipantInfo):
    """One participant looked at closely."""

    sound: SoundHealth | None = Field(default=None, description="for moderators and admins; null for others")
