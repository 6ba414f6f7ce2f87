"""Names and ids as they cross the border: bounded before anything else looks at them."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

# Bidirectional controls can make one name look like another on screen (Unicode TR 36).
_BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def clean_text(value: str) -> str:
    """NFC, no control characters or bidi controls, outer blanks trimmed. Raises ValueError when nothing is left."""
    text = "".join(c for c in unicodedata.normalize("NFC", value) if c not in _BIDI_CONTROLS and c.isprintable())
    text = text.strip()
    if not text:
        raise ValueError("must hold at least one printable character")
    return text


RoomName = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(clean_text)]
"""Any script; at most 64 characters. A slash is allowed nowhere in a URL segment, so it is refused by the routes."""

DisplayName = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(clean_text)]
ParticipantId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_\-]{1,64}$")]
ViewName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_\-]{1,32}$")]
GroupName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_\-]{0,32}$")]
"""A group within a room; empty for those who are in none."""
RecordingId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_\-]{1,64}$")]
AttributeKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-]{1,64}$")]
AttributeValue = Annotated[str, StringConstraints(max_length=256)]

MAX_ATTRIBUTES = 16
Attributes = Annotated[dict[AttributeKey, AttributeValue], Field(max_length=MAX_ATTRIBUTES)]
"""What a product knows of a participant; layouts choose by it (``attr:key=value``), everybody in the room reads it."""

AttributesPatch = Annotated[dict[AttributeKey, AttributeValue | None], Field(max_length=2 * MAX_ATTRIBUTES)]
"""A merge patch (RFC 7396) of ``Attributes``: null takes one away, what isn't named stays."""

MetadataKey = Annotated[str, StringConstraints(min_length=1, max_length=64)]
MetadataValue = Annotated[str, StringConstraints(max_length=1024)]

MAX_METADATA = 32
Metadata = Annotated[dict[MetadataKey, MetadataValue], Field(max_length=MAX_METADATA)]
"""What a product notes down about a room; everybody who may look into the room reads it."""

MetadataPatch = Annotated[dict[MetadataKey, MetadataValue | None], Field(max_length=2 * MAX_METADATA)]
"""A merge patch (RFC 7396) of ``Metadata``."""

Sdp = Annotated[str, StringConstraints(min_length=1, max_length=65_536)]
