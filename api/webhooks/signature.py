"""Signatures as Standard Webhooks has them (https://www.standardwebhooks.com), so that its libraries can check ours.

``webhook-signature`` is ``v1,`` and the base64 of HMAC-SHA256 over ``{webhook-id}.{webhook-timestamp}.{body}``.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

ID_HEADER: Final = "webhook-id"
TIMESTAMP_HEADER: Final = "webhook-timestamp"
SIGNATURE_HEADER: Final = "webhook-signature"

SECRET_PREFIX: Final = "whsec_"
MIN_SECRET_BYTES: Final = 16
TOLERANCE_S: Final = 300


def key_of(secret: str) -> bytes:
    """The key in a secret: base64 after ``whsec_``, else the text itself. Raises ValueError for broken base64."""
    if not secret.startswith(SECRET_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except ValueError:
        raise ValueError(f"after {SECRET_PREFIX} a secret goes on in base64") from None


def signed_headers(key: bytes, event: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """The three headers of one attempt, made anew for each: the timestamp is that of sending."""
    return {
        ID_HEADER: event,
        TIMESTAMP_HEADER: str(timestamp_s),
        SIGNATURE_HEADER: _signature(key, event, str(timestamp_s), body),
    }


def verified(key: bytes, headers: Mapping[str, str], body: bytes, now_s: float) -> bool:
    """Whether whoever knows the key sent this, and not long ago. Header names are given in lower case."""
    event, timestamp = headers.get(ID_HEADER, ""), headers.get(TIMESTAMP_HEADER, "")
    if not timestamp.isdecimal() or abs(now_s - int(timestamp)) > TOLERANCE_S:
        return False
    expected = _signature(key, event, timestamp, body).encode()
    given = headers.get(SIGNATURE_HEADER, "").split()
    return any(hmac.compare_digest(expected, one.encode()) for one in given)


def _signature(key: bytes, event: str, timestamp: str, body: bytes) -> str:
    digest = hmac.new(key, f"{event}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()
