"""Live outputs of a view: where they go, and what is told of them without telling secrets."""

from datetime import datetime
from typing import Annotated, Final, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from mcu.protocol.faults import fault
from mcu.protocol.models import Frozen
from mcu.protocol.names import RecordingId, RoomName, ViewName

OutputKind = Literal["rtmp", "srt", "hls", "whip"]
OutputState = Literal["starting", "active", "retrying", "failed", "ended"]

MAX_OUTPUTS = 16
"""Of one room, whatever the settings allow."""

OutputId = RecordingId
Address = Annotated[str, StringConstraints(min_length=1, max_length=2048, pattern=r"^[!-~]+$")]
"""Printable ASCII without blanks: everything else is percent-encoded."""

OutputToken = Annotated[str, StringConstraints(min_length=1, max_length=4096, pattern=r"^[!-~]+$")]

SCHEMES: Final[dict[str, OutputKind]] = {
    "rtmp": "rtmp",
    "rtmps": "rtmp",
    "srt": "srt",
    "http": "whip",
    "https": "whip",
}


class NewOutput(Frozen):
    """Where a view is to be sent. ``hls`` goes nowhere: the server keeps it to be fetched."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: OutputKind | None = Field(default=None, description="null: as the address says")
    url: Address | None = Field(
        default=None,
        repr=False,
        description="`rtmp://`, `rtmps://`, `srt://`, or for WHIP `https://`; none for HLS. Of SRT's options "
        "`streamid`, `passphrase`, `pbkeylen` and `latency` (ms) are taken",
    )
    view: ViewName = "main"
    token: OutputToken | None = Field(default=None, repr=False, description="for WHIP: sent as a bearer token")

    @model_validator(mode="after")
    def _goes_somewhere(self) -> "NewOutput":
        if self.kind == "hls":
            if self.url is not None:
                raise fault(("url",), "HLS has no address: it is fetched from this server")
        elif self.url is None:
            raise fault(("url",), "say where to, or ask for the kind hls")
        else:
            kind = SCHEMES.get(_split(self.url).scheme)
            if kind is None:
                raise fault(("url",), f"an address begins with one of {', '.join(f'{one}://' for one in SCHEMES)}")
            if self.kind not in (None, kind):
                raise fault(("kind",), f"this address is one of {kind}")
        if self.token is not None and self.resolved_kind != "whip":
            raise fault(("token",), "only WHIP has a token; elsewhere the address holds what is secret")
        return self

    @property
    def resolved_kind(self) -> OutputKind:
        return self.kind or SCHEMES[urlsplit(self.url or "").scheme]

    @property
    def host(self) -> str | None:
        """None for HLS."""
        return urlsplit(self.url).hostname if self.url is not None else None

    @property
    def shown_url(self) -> str | None:
        """The address without user, key, options and path, any of which may be secret; of RTMP the application stays,
        of which many have one only.
        """
        if self.url is None:
            return None
        parts = urlsplit(self.url)
        place = parts.netloc.rpartition("@")[2]
        application, _, rest = parts.path.strip("/").partition("/")
        if parts.scheme in ("rtmp", "rtmps") and rest:
            return f"{parts.scheme}://{place}/{application}/…"
        hidden = bool(parts.path.strip("/") or parts.query) and parts.scheme != "srt"
        return f"{parts.scheme}://{place}/…" if hidden else f"{parts.scheme}://{place}"


def _split(url: str) -> SplitResult:
    """Raises ``ValidationError``, without the address in it."""
    try:
        parts = urlsplit(url)
        sound = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        sound = False
    if not sound:
        raise fault(("url",), "an address has a scheme and a host, like rtmp://live.example.org/app/key")
    if parts.scheme == "srt" and parts.port is None:
        raise fault(("url",), "SRT needs a port: srt://host:port")
    if parts.scheme == "srt" and parts.fragment:
        raise fault(("url",), "write the # of a stream id as %23")
    return parts


class OutputInfo(Frozen):
    id: OutputId
    room: RoomName
    kind: OutputKind
    view: ViewName
    state: OutputState = Field(
        description="`retrying`: the destination is gone or refuses, and is tried again; `failed`: it was given up"
    )
    url: str | None = Field(description="without what may be secret in it; null for HLS")
    playlist: str | None = Field(default=None, description="of HLS: the path of its playlist on this server")
    started_at: datetime
    duration_s: float
    bytes_sent: int
    restarts: int = Field(default=0, description="how often the destination was tried again")
    dropped: int = Field(default=0, description="pictures left out because the destination was slow")
    error: str | None = Field(default=None, description="why it was tried again last, or given up")


class StartOutput(Frozen):
    """→ ``OutputInfo``, at once: ``state`` tells when it runs. Raises ``Conflict`` (``too_many_outputs``),
    ``Forbidden`` (``host_not_allowed``), ``Unprocessable`` for a kind that this machine lacks something for.

    ``id`` is for one that goes on where another room of the name had to stop: it is the same one.
    """

    type: Literal["start_output"] = "start_output"
    output: NewOutput
    id: OutputId | None = None


class StopOutput(Frozen):
    """→ ``OutputInfo``, once nothing is sent any more. Raises ``NotFound`` (``no_such_output``)."""

    type: Literal["stop_output"] = "stop_output"
    id: OutputId


class ListOutputs(Frozen):
    """→ ``OutputList``: those that run, and the last that ended."""

    type: Literal["list_outputs"] = "list_outputs"


class OutputList(Frozen):
    outputs: tuple[OutputInfo, ...]
