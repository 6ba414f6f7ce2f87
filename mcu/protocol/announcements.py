"""Sounds that are played into a room over its people."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from mcu.protocol.models import Frozen
from mcu.protocol.names import GroupName, RecordingId

MAX_SOUND_BYTES = 4 * 1024 * 1024

MAX_SOUND_S = 120

MAX_ANNOUNCEMENTS = 4
"""Played into one room at a time."""

SoundFile = Annotated[bytes, Field(min_length=1, max_length=MAX_SOUND_BYTES)]
"""An Ogg, WAV, FLAC or MP3 file, whole; of at most two minutes."""

AnnouncementId = RecordingId
DuckDb = Annotated[float, Field(ge=-60.0, le=0.0, description="how far people are turned down meanwhile, in dB")]


class Tone(Frozen):
    model_config = ConfigDict(frozen=True, extra="forbid")

    hz: float = Field(default=440.0, ge=20.0, le=16_000.0)
    duration_ms: int = Field(default=500, ge=20, le=60_000)
    level_dbfs: float = Field(default=-20.0, ge=-80.0, le=0.0)


class ToneAnnouncement(Frozen):
    """A tone to play."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tone: Tone
    group: GroupName | None = Field(default=None, description="who hears it; null: everybody in the room")
    duck_db: DuckDb = -15.0


class AnnouncementInfo(Frozen):
    id: AnnouncementId
    state: Literal["playing", "finished", "stopped"]
    group: GroupName | None
    duck_db: float
    duration_s: float
    played_s: float
    started_at: datetime


class Announce(Frozen):
    """→ ``AnnouncementInfo``, once it plays. ``sound`` or, without one, ``tone``. Raises ``Unprocessable`` for a file
    that can't be used, ``Conflict`` (``too_many_announcements``).

    ``id`` and ``start_s`` are for one that goes on where another room of the name had to stop: it is the same one.
    """

    model_config = ConfigDict(frozen=True, ser_json_bytes="base64", val_json_bytes="base64")

    type: Literal["announce"] = "announce"
    sound: SoundFile | None = None
    tone: Tone = Tone()
    group: GroupName | None = None
    duck_db: DuckDb = -15.0
    id: AnnouncementId | None = None
    start_s: Annotated[float, Field(ge=0.0, le=MAX_SOUND_S)] = 0.0


class StopAnnouncement(Frozen):
    """→ ``AnnouncementInfo``. Raises ``NotFound`` (``no_such_announcement``) for one that plays no more."""

    type: Literal["stop_announcement"] = "stop_announcement"
    id: AnnouncementId


class ListAnnouncements(Frozen):
    """→ ``AnnouncementList``: those that play."""

    type: Literal["list_announcements"] = "list_announcements"


class AnnouncementList(Frozen):
    announcements: tuple[AnnouncementInfo, ...]
