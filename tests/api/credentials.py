"""Credentials of a server with ``KEY`` and ``ADMIN_KEY``: a good one, and every kind of bad one."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from api.auth import Authority
from tests.api.people import ADMIN_KEY, KEY


def bearer(credential: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credential}"}


def token(key: str = KEY, kid: str | None = "k1", **claims: Any) -> str:
    """A token with every grant for the room ``team``, but for what ``claims`` say otherwise."""
    grants = {"room": "team", "record": True, "admin": True, "role": "moderator"} | claims.pop("grants", {})
    payload = {"aud": "mosaic-mcu", "exp": datetime.now(UTC) + timedelta(hours=1), "grants": grants} | claims
    payload = {name: value for name, value in payload.items() if value is not None}
    return jwt.encode(payload, key, algorithm="HS256", headers={"kid": kid} if kid else None)


def unsigned() -> str:
    """``alg: none``: a token anybody can write."""
    head, body, _ = token().split(".")
    head = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": "k1"}).encode()).decode().rstrip("=")
    return f"{head}.{body}."


def ticket() -> str:
    return Authority({}, ()).ticket(Authority({}, ()).authenticate(None), "team").token


BAD_CREDENTIALS: dict[str, str] = {
    "nonsense": "nonsense",
    "too long": "x" * 5000,
    "expired": token(exp=datetime.now(UTC) - timedelta(seconds=1)),
    "never expires": token(exp=None),
    "another key": token(key="another key altogether, long enough"),
    "unknown key id": token(kid="k2"),
    "no key id": token(kid=None),
    "alg none": unsigned(),
    "another audience": token(aud="another"),
    "no audience": token(aud=None),
    "unknown grant": token(grants={"fly": True}),
    "no room": token(grants={"room": None, "admin": False}),
    "another server's ticket": ticket(),
    "almost the admin key": ADMIN_KEY[:-1],
    "the signing key itself": KEY,
}
