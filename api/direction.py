"""Which way the media of an offer flows, as far as a permission or a one-way door needs to know."""

import re
from collections.abc import Iterator
from typing import Literal

from mcu.errors import BadRequest, NotAcceptable, Unprocessable

Way = Literal["sendonly", "recvonly"]
Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]
Kind = Literal["audio", "video"]

KINDS: tuple[Kind, ...] = ("audio", "video")
_DIRECTION = re.compile(r"^a=(sendrecv|sendonly|recvonly|inactive)[ \t]*(?=\r?$)", re.MULTILINE)
_SECTION = re.compile(r"^(?=m=)", re.MULTILINE)


def asks_to_receive(sdp: str) -> bool:
    """Whether an offer wants audio or video of us: any such media section that is neither sendonly nor inactive
    (RFC 8866, section 6.7: sendrecv where nothing is said). Raises ``Unprocessable`` for text without sections.
    """
    head, *sections = _SECTION.split(sdp)
    if not sections:
        raise Unprocessable("the SDP has no media sections", code="bad_sdp", field="sdp")
    return any(_direction(section, head) in ("sendrecv", "recvonly") for section in _media(sections))


def one_way(sdp: str, way: Way) -> tuple[str, frozenset[Kind]]:
    """An offer that goes ``way`` only, made of one that goes both ways at most, and what it carries.

    Raises ``NotAcceptable`` for more than one section of a kind, ``BadRequest`` (``bad_sdp``) for a section that goes
    the other way alone, and for an offer without audio and video (RFC 9725, sections 4.2 and 4.4).
    """
    head, *sections = _SECTION.split(sdp)
    found: list[Kind] = []
    for section in _media(sections):
        if _direction(section, head) not in ("sendrecv", way):
            raise BadRequest(f"offer every section as {way}", code="bad_sdp", field="sdp")
        found.append("audio" if section.startswith("m=audio") else "video")
    if len(set(found)) < len(found):
        raise NotAcceptable("offer one audio and one video section at most", field="sdp")
    if not found:
        raise BadRequest("the offer has neither audio nor video", code="bad_sdp", field="sdp")
    return "".join((head, *(_turned(section, way) for section in sections))), frozenset(found)


def _media(sections: list[str]) -> Iterator[str]:
    return (section for section in sections if section.startswith(("m=audio ", "m=video ")))


def _direction(section: str, head: str) -> str:
    found = _DIRECTION.search(section) or _DIRECTION.search(head)
    return found.group(1) if found is not None else "sendrecv"


def _turned(section: str, way: Way) -> str:
    if not section.startswith(("m=audio ", "m=video ")):
        return section
    turned, count = _DIRECTION.subn(f"a={way}", section)
    return turned if count else section.rstrip("\r\n") + f"\r\na={way}\r\n"
