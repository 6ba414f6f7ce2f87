"""Which way the media of an offer flows, as far as a permission needs to know."""

import re

from mcu.errors import Unprocessable

_DIRECTION = re.compile(r"^a=(sendrecv|sendonly|recvonly|inactive)\s*$", re.MULTILINE)


def asks_to_receive(sdp: str) -> bool:
    """Whether an offer wants audio or video of us: any such media section that is neither sendonly nor inactive
    (RFC 8866, section 6.7: sendrecv where nothing is said). Raises ``Unprocessable`` for text without sections.
    """
    head, *sections = re.split(r"^(?=m=)", sdp, flags=re.MULTILINE)
    if not sections:
        raise Unprocessable("the SDP has no media sections", code="bad_sdp", field="sdp")
    by_default = _DIRECTION.search(head)
    for section in sections:
        if section.startswith(("m=audio", "m=video")):
            direction = _DIRECTION.search(section) or by_default
            if direction is None or direction.group(1) in ("sendrecv", "recvonly"):
                return True
    return False
