"""Who is asking, and what they may do: join tokens (JWT), admin keys and session tickets.

A join token is a JWT (RFC 7519) signed with one of the server's keys, which its ``kid`` names and which says by which
algorithm. ``sub`` is the participant's identity, ``name`` what others read, ``attributes`` what layouts can choose them
by, ``grants`` what it allows. A grant this server doesn't know might be a restriction, so such a token is refused.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import jwt
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from api.keys import TokenKey
from mcu.errors import Conflict, Forbidden, Unauthorised, Unprocessable
from mcu.protocol.models import Role
from mcu.protocol.names import Attributes, DisplayName, GroupName, ParticipantId, RoomName

JOIN_AUDIENCE = "mosaic-mcu"
TICKET_AUDIENCE = "mosaic-mcu/session"
PROCESS_KEY_ID = "process"
MAX_TOKEN_CHARS = 4096
MAX_TICKET_CHARS = 4 * MAX_TOKEN_CHARS
"""A ticket repeats a token's claims, maybe in a longer spelling: JSON may write a letter in one way or another."""
TICKET_TTL_S = 60

Published = Literal["camera", "microphone", "screen"]
Action = Literal["join", "watch", "chat", "arrange", "moderate", "record", "administer"]


class Grants(BaseModel):
    """What a token allows. ``room`` None: in every room. ``admin``: open, change and close those rooms."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    room: RoomName | None = None
    join: bool = True
    publish: frozenset[Published] = frozenset(("camera", "microphone", "screen"))
    subscribe: bool = True
    chat: bool = True
    record: bool = False
    admin: bool = False
    hidden: bool = False
    role: Role = "participant"
    group: GroupName = ""


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody whose credential was checked."""

    grants: Grants
    identity: str | None = None
    name: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict, hash=False)

    def may(self, action: Action, room: str) -> bool:
        grants = self.grants
        if grants.room is not None and grants.room != room:
            return False
        moderates = grants.admin or grants.role in ("moderator", "admin")
        allowed: dict[Action, bool] = {
            "join": grants.join,
            "watch": grants.subscribe or grants.admin,
            "chat": grants.chat,
            "arrange": moderates,
            "moderate": moderates,
            "record": grants.record or grants.admin,
            "administer": grants.admin,
        }
        return allowed[action]

    def require(self, action: Action, room: str) -> None:
        """Raises ``Forbidden`` when the grants don't allow ``action`` in ``room``, whether or not that room exists."""
        if not self.may(action, room):
            raise Forbidden(f"this token doesn't allow to {action} in room {room!r}")

    @property
    def everywhere(self) -> bool:
        """May administer the whole server, not one room only."""
        return self.grants.admin and self.grants.room is None

    def require_everywhere(self) -> None:
        if not self.everywhere:
            raise Forbidden("this needs an admin key, or a token with the grant admin and no room")


OPEN = Principal(Grants(record=True, admin=True, role="moderator"))
"""Everybody, on a server without keys."""

ADMIN = Principal(Grants(record=True, admin=True, role="admin"))


class TokenSpec(BaseModel):
    """What a join token shall say. Without the grant ``admin`` it must name a room."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    identity: ParticipantId | None = Field(default=None, description="a second join with it replaces the first")
    name: DisplayName | None = None
    grants: Grants = Grants()
    attributes: Attributes = Field(default_factory=dict, description="layouts can choose by them: `attr:key=value`")
    ttl_s: int = Field(default=3600, ge=1, le=30 * 86_400, description="how long the token can be used to join")


@dataclass(frozen=True, slots=True)
class Issued:
    token: str = field(repr=False)
    expires_at: datetime


class Authority:
    """Signs and checks. Without keys the server is open: no credential means everything is allowed, but one that is
    presented must be good, so that a mistake shows before keys are set.
    """

    def __init__(self, keys: Mapping[str, SecretStr], admin_keys: tuple[SecretStr, ...] = ()) -> None:
        self._open = not keys and not admin_keys
        secret = secrets.token_bytes(32)
        own = {PROCESS_KEY_ID: TokenKey("HS256", secret, secret)}
        self._keys = {key_id: TokenKey.of(key.get_secret_value()) for key_id, key in keys.items()} or own
        signing = {key_id: key for key_id, key in self._keys.items() if key.signing is not None}
        self._ticket_keys = signing or own
        """A server that only checks tokens signs tickets with a secret of its process: they are good here alone."""
        self._admin_digests = tuple(_digest(key.get_secret_value()) for key in admin_keys)

    @property
    def open(self) -> bool:
        return self._open

    def authenticate(self, credential: str | None) -> Principal:
        """Whose credential this is: an admin key or a join token. Raises ``Unauthorised``."""
        if credential is None:
            if self._open:
                return OPEN
            raise Unauthorised("send a join token or an admin key as `Authorization: Bearer …`")
        if len(credential) > MAX_TOKEN_CHARS:
            raise Unauthorised("the token is too long")
        if self._is_admin_key(credential):
            return ADMIN
        return self._principal(self._decode(credential, JOIN_AUDIENCE))

    def issue(self, spec: TokenSpec) -> Issued:
        """A join token, signed with the first key that can (with a secret of this process on a server without keys).
        Raises ``Unprocessable`` for one without a room that administers nothing, or that would be longer than servers
        accept; ``Conflict`` (``no_signing_key``) where all keys are public ones.
        """
        if spec.grants.room is None and not spec.grants.admin:
            raise Unprocessable("a token without the grant admin names its room", field="grants.room")
        if not self._ticket_keys.keys() & self._keys.keys():
            raise Conflict("this server has public keys only: tokens are signed elsewhere", code="no_signing_key")
        holder = Principal(spec.grants, spec.identity, spec.name, spec.attributes)
        issued = self._sign(holder, JOIN_AUDIENCE, datetime.now(UTC) + timedelta(seconds=spec.ttl_s))
        if len(issued.token) > MAX_TOKEN_CHARS:
            raise Unprocessable("the token would be too long: fewer or shorter attributes", field="attributes")
        return issued

    def issue_for(self, principal: Principal, spec: TokenSpec) -> Issued:
        """A join token that ``principal`` asks for: whoever administers one room only gets tokens for that room. Raises
        ``Forbidden``, or as ``issue``.
        """
        if spec.grants.room is None:
            principal.require_everywhere()
        else:
            principal.require("administer", spec.grants.room)
        return self.issue(spec)

    def ticket(self, principal: Principal, room: str) -> Issued:
        """A short-lived pass to open one signaling connection to ``room`` as ``principal``."""
        holder = replace(principal, grants=principal.grants.model_copy(update={"room": room}))
        return self._sign(holder, TICKET_AUDIENCE, datetime.now(UTC) + timedelta(seconds=TICKET_TTL_S))

    def redeem(self, ticket: str) -> Principal:
        """Whose session ticket this is. Raises ``Unauthorised``."""
        if len(ticket) > MAX_TICKET_CHARS:
            raise Unauthorised("the ticket is too long")
        return self._principal(self._decode(ticket, TICKET_AUDIENCE))

    def _is_admin_key(self, credential: str) -> bool:
        # Digests have one length, and every key is looked at: the time taken tells nothing.
        presented = _digest(credential)
        return sum(hmac.compare_digest(presented, known) for known in self._admin_digests) > 0

    def _sign(self, holder: Principal, audience: str, until: datetime) -> Issued:
        key_id, key = next(iter(self._ticket_keys.items()))
        claims: dict[str, Any] = {
            "aud": audience,
            "iat": datetime.now(UTC),
            "exp": until,
            "jti": secrets.token_urlsafe(9),
            "grants": holder.grants.model_dump(mode="json", exclude_defaults=True),
        }
        named = {"sub": holder.identity, "name": holder.name, "attributes": dict(holder.attributes)}
        claims |= {key: value for key, value in named.items() if value}
        assert key.signing is not None, "those that sign were chosen at the start"
        return Issued(jwt.encode(claims, key.signing, algorithm=key.algorithm, headers={"kid": key_id}), until)

    def _decode(self, token: str, audience: str) -> dict[str, Any]:
        keys = self._ticket_keys if audience == TICKET_AUDIENCE else self._keys
        try:
            key = keys.get(str(jwt.get_unverified_header(token).get("kid")))
            if key is None:
                raise Unauthorised("the token is signed with a key this server doesn't know")
            claims: dict[str, Any] = jwt.decode(
                token, key.checking, algorithms=[key.algorithm], audience=audience, options={"require": ["exp", "aud"]}
            )
        except jwt.ExpiredSignatureError:
            raise Unauthorised("the token has expired") from None
        except (jwt.InvalidTokenError, ValueError, RecursionError):
            raise Unauthorised("the token is not valid here") from None
        return claims

    def _principal(self, claims: dict[str, Any]) -> Principal:
        try:
            who = _Claims.model_validate(claims)
        except ValidationError:
            raise Unauthorised("the token's claims or grants are not understood by this server") from None
        if who.grants.room is None and not who.grants.admin:
            raise Unauthorised("the token names no room")
        return Principal(who.grants, who.sub, who.name, who.attributes)


class _Claims(BaseModel):
    sub: ParticipantId | None = None
    name: DisplayName | None = None
    attributes: Attributes = Field(default_factory=dict)
    grants: Grants


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
