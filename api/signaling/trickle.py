"""What WHIP and WHEP clients send after their offer: SDP fragments with ICE candidates (RFC 8840, RFC 9725 4.3)."""

import re
from dataclasses import dataclass

from pydantic import ValidationError

from mcu.errors import BadRequest
from mcu.protocol.wire import CandidateInit

CONTENT_TYPE = "application/trickle-ice-sdpfrag"
MAX_FRAGMENT_BYTES = 16 * 1024
MAX_CANDIDATES = 64

_UFRAG = re.compile(r"^a=ice-ufrag:([^\s]{1,256})[ \t]*\r?$", re.MULTILINE)
_PWD = re.compile(r"^a=ice-pwd:([^\s]{1,256})[ \t]*\r?$", re.MULTILINE)
_SECTION = re.compile(r"^(?=m=)", re.MULTILINE)
_MID = re.compile(r"^a=mid:([^\s]{1,64})[ \t]*\r?$", re.MULTILINE)
_CANDIDATE = re.compile(r"^a=(candidate:[^\r\n]*)", re.MULTILINE)
_END = re.compile(r"^a=end-of-candidates[ \t]*\r?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class IceCredentials:
    """What names an ICE session of the remote side; None where the text doesn't say."""

    ufrag: str | None
    pwd: str | None

    def restarts(self, before: "IceCredentials") -> bool:
        """Whether these are of another ICE session than those of ``before`` (RFC 8839, section 4.4.1.1)."""
        return (self.ufrag is not None and self.ufrag != before.ufrag) or (
            self.pwd is not None and self.pwd != before.pwd
        )


@dataclass(frozen=True, slots=True)
class Fragment:
    """``candidates``: None among them is the end of candidates."""

    credentials: IceCredentials
    candidates: tuple[CandidateInit | None, ...]


def ice_credentials(sdp: str) -> IceCredentials:
    """The first that an offer or a fragment names."""
    ufrag, pwd = _UFRAG.search(sdp), _PWD.search(sdp)
    return IceCredentials(ufrag.group(1) if ufrag else None, pwd.group(1) if pwd else None)


def parse_fragment(text: str) -> Fragment:
    """Raises ``BadRequest``: ``bad_sdpfrag`` for text that says nothing of ICE, ``bad_candidate`` for candidates that
    are too many or too long.
    """
    credentials = ice_credentials(text)
    candidates: list[CandidateInit | None] = []
    for section in _SECTION.split(text):
        mid = _MID.search(section)
        for found in _CANDIDATE.findall(section):
            if len(candidates) == MAX_CANDIDATES:
                raise BadRequest(f"more than {MAX_CANDIDATES} candidates at once", code="bad_candidate")
            candidates.append(_candidate(found.strip(), mid.group(1) if mid else None))
    if _END.search(text):
        candidates.append(None)
    if not candidates and credentials.ufrag is None and credentials.pwd is None:
        raise BadRequest("the SDP fragment says nothing of ICE", code="bad_sdpfrag")
    return Fragment(credentials, tuple(candidates))


def _candidate(text: str, mid: str | None) -> CandidateInit:
    try:
        return CandidateInit(candidate=text, sdpMid=mid)
    except ValidationError:
        raise BadRequest("a candidate is too long", code="bad_candidate") from None
