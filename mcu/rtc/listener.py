"""What a peer tells whoever owns it, and what both need to know to talk. All calls come on the event loop."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from mcu.frames import PLAIN_SOUND, AudioPacket, ReceivedFrame, SenderReport, SoundForm, VideoCodec

PeerState = Literal["connecting", "connected", "failed", "closed"]
"""Only moves forward; ``failed`` and ``closed`` are final."""


class PeerListener(Protocol):
    """The owner of a peer. Calls must return within microseconds: they run in the datagram callback."""

    def on_video(self, frame: ReceivedFrame) -> None:
        """A whole compressed picture, in decoding order. After a hole the next frame is a keyframe."""
        ...

    def on_audio(self, packet: AudioPacket) -> None:
        """An Opus packet in arrival order: reordering and concealment are the playout's business."""
        ...

    def on_sender_report(self, report: SenderReport) -> None: ...

    def on_keyframe_request(self) -> None:
        """The remote side sent a PLI or FIR for the video we send."""
        ...

    def on_reception(self, reception: "Reception") -> None:
        """The remote side told how it receives what we send (RR blocks, REMB)."""
        ...

    def on_state(self, state: PeerState, reason: str) -> None:
        """Called at most once for each state."""
        ...


@dataclass(frozen=True, slots=True)
class Reception:
    """``fraction_lost`` is 0 to 1 over the last interval; ``estimate_bps`` the newest REMB, if any ever came.
    ``reports`` counts the RR blocks of this kind, so that none is taken for two.
    """

    kind: Literal["audio", "video"]
    fraction_lost: float
    round_trip_s: float | None
    estimate_bps: int | None
    reports: int = 0


@dataclass(frozen=True, slots=True)
class OutgoingIdentity:
    """The one voice a room speaks with: every viewer gets the same SSRCs, so packets are laid out once for all."""

    video_ssrc: int
    video_rtx_ssrc: int
    audio_ssrc: int
    cname: str


@dataclass(frozen=True, slots=True)
class Negotiated:
    """What offer and answer agreed on. Payload types and header extension ids are those of this connection.

    ``video_in`` maps payload types we may receive to codecs; ``video_in_rtx`` maps an RTX payload type to the one
    it repairs (RFC 4588). The ``_out`` fields are None when the remote side receives nothing of that kind.
    ``audio_out_form`` and ``audio_out_dtx`` are what it wishes of the sound, as far as we grant it.
    """

    video_in: Mapping[int, VideoCodec] = field(default_factory=dict)
    video_in_rtx: Mapping[int, int] = field(default_factory=dict)
    audio_in: int | None = None
    audio_level_in_ext: int | None = None
    video_out: int | None = None
    video_out_codec: VideoCodec | None = None
    video_out_rtx: int | None = None
    abs_send_time_out_ext: int | None = None
    audio_out: int | None = None
    audio_out_form: SoundForm = PLAIN_SOUND
    audio_out_dtx: bool = False
