"""Files that are played into a room by a participant of their own."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import (
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    model_serializer,
    model_validator,
)

from mcu.protocol.faults import fault
from mcu.protocol.models import Frozen
from mcu.protocol.names import DisplayName, GroupName, ParticipantId, RecordingId

MAX_PLAYBACKS = 4
"""In one room at a time, unless the settings say otherwise."""

MAX_POSITION_S = 7 * 86_400.0

PlaybackId = RecordingId
PlaybackFile = Annotated[str, StringConstraints(pattern=r"^[\w][\w .()+,\-]{0,127}$")]
"""The name of a file in the server's own folder; no path."""

PlaybackState = Literal["playing", "paused", "ended", "failed"]
Position = Annotated[float, Field(ge=0.0, le=MAX_POSITION_S)]


class PlaybackInfo(Frozen):
    """``position_s`` is of the moment that it was told. ``ended`` and ``failed`` come in events only."""

    id: PlaybackId
    participant: ParticipantId
    name: DisplayName
    state: PlaybackState
    position_s: float
    duration_s: float | None = Field(description="null: the file doesn't say")
    loop: bool
    audio: bool = Field(description="the file has sound")
    video: bool = Field(description="the file has pictures")
    started_at: datetime
    error: str | None = Field(default=None, description="why it failed")


class PlaybackOptions(Frozen):
    """How a file is to be played."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: DisplayName | None = Field(default=None, description="what its tile says; null: the file's name")
    group: GroupName = Field(default="", description="who hears it; empty: those who are in no group")
    loop: bool = Field(default=False, description="from the beginning again, until it is stopped")
    start_s: Position = Field(default=0.0, description="where it begins")
    paused: bool = Field(default=False, description="shows the picture at `start_s` until it is resumed")


class PlaybackRequest(PlaybackOptions):
    """A file that the server has: of its own folder, or a finished recording of the room."""

    file: PlaybackFile | None = Field(default=None, description="in the folder that `playback.dir` names")
    recording: RecordingId | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> "PlaybackRequest":
        if (self.file is None) == (self.recording is None):
            raise fault(("file",), "say either file or recording")
        return self


class PlaybackChanges(Frozen):
    """What isn't named stays as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    paused: bool | None = None
    position_s: Position | None = Field(default=None, description="goes there, exact to the picture")
    loop: bool | None = None

    @model_serializer(mode="wrap")
    def _named(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        return {name: value for name, value in handler(self).items() if value is not None}


class StartPlayback(Frozen):
    """→ ``PlaybackInfo``, once it plays. ``path`` is of the machine that the room runs on; a ``temporary`` file is
    removed as soon as it is open. Raises ``Unprocessable`` for a file that can't be played, ``NotFound``
    (``no_such_file``), ``Conflict`` (``too_many_playbacks``, ``room_full``, ``not_mixed``).
    """

    type: Literal["start_playback"] = "start_playback"
    path: Annotated[str, StringConstraints(min_length=1, max_length=4096)]
    temporary: bool = False
    name: DisplayName
    options: PlaybackOptions = PlaybackOptions()


class UpdatePlayback(Frozen):
    """→ ``PlaybackInfo``, once the picture at a new position is there. Raises ``NotFound`` (``no_such_playback``), or
    ``Unprocessable`` for a position behind the end.
    """

    type: Literal["update_playback"] = "update_playback"
    id: PlaybackId
    changes: PlaybackChanges


class StopPlayback(Frozen):
    """→ ``PlaybackInfo``. Its participant leaves. Raises ``NotFound`` (``no_such_playback``)."""

    type: Literal["stop_playback"] = "stop_playback"
    id: PlaybackId


class ListPlaybacks(Frozen):
    """→ ``PlaybackList``: those that play or are paused."""

    type: Literal["list_playbacks"] = "list_playbacks"


class PlaybackList(Frozen):
    playbacks: tuple[PlaybackInfo, ...]
