"""What was agreed on with the remote side: the sections taken, and how it is reached."""

from dataclasses import dataclass
from typing import Literal

from mcu.frames import SoundForm
from mcu.rtc.listener import Negotiated
from mcu.rtc.sdp import Codec, Direction, Fingerprint, Offer, Section

SCTP_PORT = 5000
"""Ours; it is no UDP port."""

MAX_DATA_BYTES = 65_536
"""Of one message on a data channel."""

DtlsRole = Literal["client", "server"]


@dataclass(frozen=True, slots=True)
class TakenSection:
    """A section that carries media. ``codecs`` is in the order of the answer, each followed by its RTX."""

    section: Section
    direction: Direction
    codecs: tuple[Codec, ...]
    extensions: tuple[tuple[int, str], ...]

    @property
    def receives(self) -> bool:
        return self.direction in ("sendrecv", "recvonly")

    @property
    def sends(self) -> bool:
        return self.direction in ("sendrecv", "sendonly")


@dataclass(frozen=True, slots=True)
class RemoteTransport:
    """How the remote side is reached and recognised; one for all sections."""

    ice_ufrag: str
    ice_pwd: str
    ice_lite: bool
    fingerprints: tuple[Fingerprint, ...]
    dtls_role: DtlsRole
    """Ours."""
    candidates: tuple[str, ...]
    mid: str | None
    index: int


@dataclass(frozen=True, slots=True)
class Agreement:
    offer: Offer
    audio: TakenSection | None
    video: TakenSection | None
    transport: RemoteTransport
    negotiated: Negotiated
    data: Section | None = None
    """The section of data channels."""
    streams: tuple[TakenSection, ...] = ()
    """Where participants' own streams may be sent, in the order of ``negotiated.streams``."""

    def taken(self, section: Section) -> TakenSection | None:
        """The agreement on a section of the offer; None for one that is refused."""
        known = (self.audio, self.video, *self.streams)
        return next((one for one in known if one is not None and one.section is section), None)


def sound_form(audio: TakenSection) -> SoundForm:
    """The form a listener asks for: with ``ptime`` packets of 40 or 60 ms, with ``stereo=1`` two channels.

    What is wished for is met from below, and never less than 20 ms: a packet of 10 ms is all header.
    """
    wished_ms = min(audio.section.packet_ms or 20, audio.section.max_packet_ms or 60)
    stereo = audio.codecs[0].parameters.get("stereo") == "1"
    return SoundForm(60 if wished_ms >= 60 else 40 if wished_ms >= 40 else 20, 2 if stereo else 1)
