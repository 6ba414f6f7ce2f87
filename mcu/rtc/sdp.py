"""Offers, from text that anybody may have written to frozen records (RFC 8866, RFC 8829).

Read in one pass, linear in the size of the text, keeping only what a room needs; every bound is checked before the
work it limits. What is unknown is skipped, what is malformed and needed is ``BadRequest`` ``bad_sdp``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, cast

from mcu.errors import BadRequest

MAX_OFFER_BYTES = 64 * 1024
MAX_LINE_CHARS = 4096
MAX_SECTIONS = 40
MAX_CODECS = 96
MAX_FORMAT_LINES = 256
MAX_EXTENSIONS = 32
MAX_FINGERPRINTS = 8
MAX_CANDIDATE_LINES = 20

Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]
Setup = Literal["actpass", "active", "passive"]

_MEDIA = re.compile(r"([a-z]{1,16}) ([0-9]{1,5})(?:/[0-9]{1,5})? ([A-Za-z0-9/]{1,40}) (.+)", re.ASCII)
_TOKEN = re.compile(r"[!#-~]{1,64}", re.ASCII)
_ICE_UFRAG = re.compile(r"[A-Za-z0-9+/=_-]{4,256}", re.ASCII)
_ICE_PWD = re.compile(r"[A-Za-z0-9+/=_-]{22,256}", re.ASCII)
_RTPMAP = re.compile(r"([0-9]{1,3}) ([A-Za-z0-9._-]{1,32})/([0-9]{1,6})(?:/([0-9]{1,2}))?", re.ASCII)
_EXTMAP = re.compile(r"([0-9]{1,5})(?:/[a-z]{8})? (\S{1,200})(?: .*)?", re.ASCII)
_FINGERPRINT = re.compile(r"([A-Za-z0-9-]{1,16}) ((?:[0-9A-Fa-f]{2}:){15,63}[0-9A-Fa-f]{2})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Codec:
    """One ``a=rtpmap`` with its ``fmtp`` parameters and ``rtcp-fb`` values. ``name`` is in lower case."""

    payload_type: int
    name: str
    clock_hz: int
    channels: int
    parameters: Mapping[str, str]
    feedback: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    algorithm: str
    value: str


@dataclass(frozen=True, slots=True)
class Section:
    """One m-line. ``candidates`` are the raw values of ``a=candidate``, at most ``MAX_CANDIDATE_LINES``."""

    index: int
    kind: str
    port: int
    profile: str
    formats: tuple[str, ...]
    mid: str | None
    direction: Direction
    rtcp_mux: bool
    bundle_only: bool
    codecs: tuple[Codec, ...]
    extensions: Mapping[str, int]
    ice_ufrag: str | None
    ice_pwd: str | None
    setup: Setup | None
    fingerprints: tuple[Fingerprint, ...]
    candidates: tuple[str, ...]
    packet_ms: int | None = None
    """The packet time that is wished for (``a=ptime``)."""
    max_packet_ms: int | None = None
    sctp_port: int | None = None
    """Of data channels (RFC 8841)."""


@dataclass(frozen=True, slots=True)
class Offer:
    sections: tuple[Section, ...]
    bundle: frozenset[str]
    ice_lite: bool


def parse_offer(text: str) -> Offer:
    """The offer in ``text``.

    Raises ``BadRequest`` (``bad_sdp``) when the text is too large, has too many sections or is no SDP.
    """
    lines = _lines(text)
    if not lines or lines[0] != "v=0":
        raise bad_sdp("it doesn't begin with v=0")
    session = _Lines()
    sections: list[_Lines] = []
    current = session
    for line in lines[1:]:
        if line.startswith("m="):
            if len(sections) == MAX_SECTIONS:
                raise bad_sdp(f"more than {MAX_SECTIONS} m-lines")
            current = _Lines(media=line[2:])
            sections.append(current)
        elif line.startswith("a="):
            current.read(line[2:])
    if not sections:
        raise bad_sdp("no m-line")
    return Offer(
        sections=tuple(section.record(index, session) for index, section in enumerate(sections)),
        bundle=frozenset(session.bundle),
        ice_lite=session.ice_lite,
    )


def bad_sdp(what: str) -> BadRequest:
    return BadRequest(f"the offer cannot be used: {what}", code="bad_sdp", field="sdp")


def _lines(text: str) -> list[str]:
    # A character is at least one byte, so the first test bounds the cost of the second.
    if len(text) > MAX_OFFER_BYTES or len(text.encode("utf-8", "replace")) > MAX_OFFER_BYTES:
        raise bad_sdp(f"larger than {MAX_OFFER_BYTES} bytes")
    if "\0" in text:
        raise bad_sdp("it holds a NUL")
    # Only CR and LF end a line here: str.splitlines would also split at form feeds and Unicode separators.
    lines = [line for line in text.replace("\r", "\n").split("\n") if line]
    if any(len(line) > MAX_LINE_CHARS for line in lines):
        raise bad_sdp(f"a line longer than {MAX_LINE_CHARS} characters")
    return lines


@dataclass(slots=True)
class _Lines:
    """What was read of one section, or of the session, before defaults are filled in."""

    media: str = ""
    mid: str | None = None
    direction: Direction = "sendrecv"
    rtcp_mux: bool = False
    packet_ms: int | None = None
    max_packet_ms: int | None = None
    sctp_port: int | None = None
    bundle_only: bool = False
    ice_lite: bool = False
    ice_ufrag: str | None = None
    ice_pwd: str | None = None
    setup: Setup | None = None
    bundle: list[str] = field(default_factory=list)
    fingerprints: list[Fingerprint] = field(default_factory=list)
    candidates: list[str] = field(default_factory=list)
    extensions: dict[str, int] = field(default_factory=dict)
    rtpmaps: dict[int, tuple[str, int, int]] = field(default_factory=dict)
    parameters: dict[int, dict[str, str]] = field(default_factory=dict)
    feedback: list[tuple[str, str]] = field(default_factory=list)

    def read(self, attribute: str) -> None:
        name, _, value = attribute.partition(":")
        match name:
            case "sendrecv" | "sendonly" | "recvonly" | "inactive":
                self.direction = name
            case "rtcp-mux":
                self.rtcp_mux = True
            case "bundle-only":
                self.bundle_only = True
            case "ice-lite":
                self.ice_lite = True
            case "rtpmap":
                self._read_rtpmap(value)
            case "fmtp":
                self._read_fmtp(value)
            case "rtcp-fb":
                payload_type, _, feedback = value.partition(" ")
                if len(self.feedback) < MAX_FORMAT_LINES and len(feedback) <= 64:
                    self.feedback.append((payload_type, feedback))
            case "extmap":
                self._read_extmap(value)
            case "ptime":
                self.packet_ms = _milliseconds(value)
            case "maxptime":
                self.max_packet_ms = _milliseconds(value)
            case "candidate":
                if len(self.candidates) < MAX_CANDIDATE_LINES:
                    self.candidates.append(value)
            case _:
                self._read_transport(name, value)

    def _read_transport(self, name: str, value: str) -> None:
        match name:
            case "mid":
                self.mid = _match(_TOKEN, value, "mid")[0]
            case "group":
                semantics, *mids = value.split()[: MAX_SECTIONS + 1] or [""]
                if semantics == "BUNDLE" and not self.bundle:
                    self.bundle = mids
            case "ice-ufrag":
                self.ice_ufrag = _match(_ICE_UFRAG, value, "ice-ufrag")[0]
            case "ice-pwd":
                self.ice_pwd = _match(_ICE_PWD, value, "ice-pwd")[0]
            case "setup":
                if value not in ("actpass", "active", "passive"):
                    raise bad_sdp("an unknown value of setup")
                self.setup = cast(Setup, value)
            case "sctp-port":
                port = value.strip()
                self.sctp_port = int(port) if port.isascii() and port.isdigit() and len(port) <= 5 else None
            case "fingerprint":
                if len(self.fingerprints) == MAX_FINGERPRINTS:
                    raise bad_sdp(f"more than {MAX_FINGERPRINTS} fingerprints")
                found = _match(_FINGERPRINT, value, "fingerprint")
                self.fingerprints.append(Fingerprint(found[1].lower(), found[2].upper()))

    def _read_rtpmap(self, value: str) -> None:
        found = _match(_RTPMAP, value, "rtpmap")
        payload_type = int(found[1])
        if payload_type > 127:
            raise bad_sdp("a payload type above 127")
        if len(self.rtpmaps) == MAX_CODECS and payload_type not in self.rtpmaps:
            raise bad_sdp(f"more than {MAX_CODECS} codecs in a section")
        self.rtpmaps[payload_type] = (found[2].lower(), int(found[3]), int(found[4] or 1))

    def _read_fmtp(self, value: str) -> None:
        payload_type, _, rest = value.partition(" ")
        if not (payload_type.isascii() and payload_type.isdigit()) or len(payload_type) > 3:
            raise bad_sdp("a malformed fmtp")
        if len(self.parameters) == MAX_CODECS and int(payload_type) not in self.parameters:
            raise bad_sdp(f"more than {MAX_CODECS} formats in a section")
        pairs = (pair.partition("=") for pair in rest.split(";")[:32])
        self.parameters[int(payload_type)] = {key.strip().lower(): text.strip() for key, _, text in pairs}

    def _read_extmap(self, value: str) -> None:
        found = _match(_EXTMAP, value, "extmap")
        if len(self.extensions) < MAX_EXTENSIONS:
            self.extensions.setdefault(found[2], int(found[1]))

    def record(self, index: int, session: "_Lines") -> Section:
        """The finished section; what it doesn't say of ICE and DTLS is what the session says."""
        found = _match(_MEDIA, self.media, "m-line")
        formats = tuple(found[4].split()[:MAX_FORMAT_LINES])
        return Section(
            index=index,
            kind=found[1],
            port=int(found[2]),
            profile=found[3],
            formats=formats,
            mid=self.mid,
            direction=self.direction,
            rtcp_mux=self.rtcp_mux,
            bundle_only=self.bundle_only,
            codecs=self._codecs(formats),
            extensions=MappingProxyType(self.extensions),
            ice_ufrag=self.ice_ufrag or session.ice_ufrag,
            ice_pwd=self.ice_pwd or session.ice_pwd,
            setup=self.setup or session.setup,
            fingerprints=tuple(self.fingerprints or session.fingerprints),
            candidates=tuple(self.candidates),
            packet_ms=self.packet_ms,
            max_packet_ms=self.max_packet_ms,
            sctp_port=self.sctp_port,
        )

    def _codecs(self, formats: tuple[str, ...]) -> tuple[Codec, ...]:
        """In the order of the m-line, which is the remote side's order of preference."""
        order = {text: place for place, text in enumerate(formats)}
        listed = sorted((pt for pt in self.rtpmaps if str(pt) in order), key=lambda pt: order[str(pt)])
        return tuple(
            Codec(
                payload_type=pt,
                name=self.rtpmaps[pt][0],
                clock_hz=self.rtpmaps[pt][1],
                channels=self.rtpmaps[pt][2],
                parameters=MappingProxyType(self.parameters.get(pt, {})),
                feedback=tuple(what for which, what in self.feedback if which in ("*", str(pt))),
            )
            for pt in listed
        )


def _match(pattern: re.Pattern[str], value: str, what: str) -> re.Match[str]:
    found = pattern.fullmatch(value.strip())
    if found is None:
        raise bad_sdp(f"a malformed {what}")
    return found


def _milliseconds(value: str) -> int | None:
    """A packet time (RFC 8866, 6.4), which some write with a fraction. It is a wish: what can't be read is none."""
    whole = value.strip().partition(".")[0]
    return int(whole) if whole.isascii() and whole.isdigit() and len(whole) <= 4 else None
