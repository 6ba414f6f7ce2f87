"""What a peer tells whoever owns it, and what both need to know to talk. All calls come on the event loop."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

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


_STREAM_STEP = 0x9E37_79B1
"""Odd, so that no two of a few million are the same; large, so that they look as random as the first."""


@dataclass(frozen=True, slots=True)
class OutgoingIdentity:
    """The one voice a room speaks with: every viewer gets the same SSRCs, so packets are laid out once for all."""

    video_ssrc: int
    video_rtx_ssrc: int
    audio_ssrc: int
    cname: str

    @classmethod
    def fresh(cls) -> "OutgoingIdentity":
        """Random, distinct SSRCs (RFC 3550, section 8) and a CNAME that says nothing (RFC 7022)."""
        ssrcs: set[int] = set()
        while len(ssrcs) < 3:
            ssrcs.add(secrets.randbelow(2**32 - 1) + 1)
        video, rtx, audio = ssrcs
        return cls(video, rtx, audio, cname=f"mcu-{secrets.token_hex(6)}")

    def stream(self, index: int) -> "StreamIdentity":
        """The SSRCs of a connection's further section with that index, beside the room's own."""
        ssrcs = (self.video_ssrc + (2 * index + step) * _STREAM_STEP & 0xFFFF_FFFF or 1 for step in (1, 2))
        return StreamIdentity(*ssrcs)


@dataclass(frozen=True, slots=True)
class StreamIdentity:
    """``rtx_ssrc`` is used where the section is of video."""

    ssrc: int
    rtx_ssrc: int


class OutgoingTypes(NamedTuple):
    """The payload types of a codec in what we send, and of its repairs (RFC 4588), where agreed on."""

    payload_type: int
    rtx: int | None = None


@dataclass(frozen=True, slots=True)
class StreamOut:
    """A section in which one participant's own stream may be sent, under SSRCs of its own.

    ``codecs`` are those of video that the remote side takes there, ``audio_type`` is Opus; one of them is empty.
    """

    mid: str
    index: int
    codecs: Mapping[VideoCodec, OutgoingTypes] = field(default_factory=dict)
    audio_type: int | None = None
    abs_send_time_ext: int | None = None


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
    video_out_codecs: Mapping[VideoCodec, OutgoingTypes] = field(default_factory=dict)
    """All that the remote side takes where ``video_out_codec`` is what it is sent first."""
    video_mid: str | None = None
    audio_mid: str | None = None
    streams: tuple[StreamOut, ...] = ()
    """Sections beside the first of each kind."""
