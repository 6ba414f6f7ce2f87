"""Keys of join tokens: which are taken, what each may sign, and that a token has no say in how it is checked."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pydantic import SecretStr
from typer.testing import CliRunner

from api.auth import Authority, Grants, TokenSpec
from api.cli import app
from api.keys import TokenKey
from api.loading import SettingsError, load_settings
from api.settings import Settings
from mcu.errors import Conflict, Unauthorised
from tests.api.conftest import MakeClient
from tests.api.credentials import bearer
from tests.api.people import ADMIN_KEY, KEY

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def private_pem(key: PrivateKey, password: bytes | None = None) -> str:
    locked = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    pkcs8 = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, pkcs8, locked).decode()


def public_pem(key: PrivateKey) -> str:
    info = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, info).decode()


@pytest.fixture(scope="module")
def elsewhere() -> rsa.RSAPrivateKey:
    """Whose tokens are signed by a server of somebody else's."""
    return rsa.generate_private_key(65537, 2048)


def signed(key: Any, algorithm: str, kid: str, **grants: Any) -> str:
    claims = {"aud": "mosaic-mcu", "exp": datetime.now(UTC) + timedelta(hours=1), "grants": {"room": "team"} | grants}
    return jwt.encode(claims | {"sub": "ada"}, key, algorithm=algorithm, headers={"kid": kid})


def authority(**keys: str) -> Authority:
    return Authority({key_id: SecretStr(key) for key_id, key in keys.items()})


def test_a_public_key_checks_tokens_and_signs_none(elsewhere: rsa.RSAPrivateKey) -> None:
    server = authority(idp=public_pem(elsewhere))
    principal = server.authenticate(signed(elsewhere, "RS256", "idp", role="moderator"))
    assert (principal.identity, principal.grants.room, principal.grants.role) == ("ada", "team", "moderator")
    with pytest.raises(Conflict, match="public keys only") as refused:
        server.issue(TokenSpec(grants=Grants(room="team")))
    assert refused.value.error_code == "no_signing_key"
    ticket = server.ticket(principal, "team").token
    assert server.redeem(ticket).identity == "ada"
    with pytest.raises(Unauthorised):
        server.authenticate(ticket)


def test_a_private_key_signs_what_its_public_half_checks(elsewhere: rsa.RSAPrivateKey) -> None:
    token = authority(k1=private_pem(elsewhere)).issue(TokenSpec(identity="ada", grants=Grants(room="team"))).token
    assert jwt.get_unverified_header(token)["alg"] == "RS256"
    assert authority(k1=public_pem(elsewhere)).authenticate(token).identity == "ada"


def test_the_first_key_that_can_sign_does(elsewhere: rsa.RSAPrivateKey) -> None:
    server = authority(idp=public_pem(elsewhere), own=KEY)
    token = server.issue(TokenSpec(grants=Grants(room="team"))).token
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "kid": "own", "typ": "JWT"}
    assert server.authenticate(token).grants.room == "team"


def with_public_key_as_secret(pem: str, kid: str) -> str:
    """What a library writes that isn't as careful as PyJWT, which refuses to."""
    parts = [{"alg": "HS256", "kid": kid}, {"aud": "mosaic-mcu", "exp": 2**33, "grants": {"admin": True}}]
    text = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    digest = hmac.new(pem.encode(), text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def test_the_key_says_how_it_is_checked_and_never_the_token(elsewhere: rsa.RSAPrivateKey) -> None:
    pem = public_pem(elsewhere)
    long = KEY + KEY
    server = authority(idp=pem, own=long)
    another = rsa.generate_private_key(65537, 2048)
    forged = {
        "the public key as a secret": with_public_key_as_secret(pem, "idp"),
        "without its last line end": with_public_key_as_secret(pem.strip(), "idp"),
        "a secret's algorithm": signed(long, "HS256", "idp"),
        "the right secret, another hash": signed(long, "HS512", "own"),
        "RSA under a secret's name": signed(elsewhere, "RS256", "own"),
        "another RSA key": signed(another, "RS256", "idp"),
        "another RSA scheme": signed(elsewhere, "PS256", "idp"),
        "the process's own name": signed(long, "HS256", "process"),
    }
    for why, token in forged.items():
        with pytest.raises(Unauthorised):
            raise AssertionError(f"{why}: {server.authenticate(token)}")


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: "short", "at least 32 bytes"),
        (lambda: public_pem(rsa.generate_private_key(65537, 1024)), "2048 bits"),
        (lambda: public_pem(ec.generate_private_key(ec.SECP256R1())), "not an RSA key"),
        (lambda: private_pem(ec.generate_private_key(ec.SECP256R1())), "not an RSA key"),
        (lambda: private_pem(rsa.generate_private_key(65537, 2048), b"locked"), "without a password"),
        (lambda: "-----BEGIN PUBLIC KEY-----\nnonsense and more of it\n-----END PUBLIC KEY-----", "no key in PEM"),
    ],
)
def test_a_key_that_is_none_is_refused_at_start(make: Any, complaint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = make()
    monkeypatch.setenv("MCU_KEYS", json.dumps({"k1": secret}))
    with pytest.raises(SettingsError, match=complaint) as refused:
        load_settings()
    assert "keys.k1" in str(refused.value)
    assert secret.splitlines()[-1] not in str(refused.value)


def test_no_key_is_shown(elsewhere: rsa.RSAPrivateKey) -> None:
    for secret in (KEY, private_pem(elsewhere)):
        shown = repr(TokenKey.of(secret)) + repr(Settings.model_validate({"keys": {"k1": secret}}))
        assert secret.splitlines()[len(secret.splitlines()) // 2] not in shown


async def test_a_server_with_public_keys_only_says_that_it_signs_nothing(
    make_client: MakeClient, elsewhere: rsa.RSAPrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await make_client(keys={"idp": public_pem(elsewhere)}, admin_keys=(ADMIN_KEY,))
    mine = bearer(signed(elsewhere, "RS256", "idp", admin=True))
    assert (await client.post("/api/v1/rooms", json={"name": "team"}, headers=mine)).status_code == 201
    assert (await client.post("/api/v1/rooms/team/join", headers=mine)).status_code == 200
    spec = {"grants": {"room": "team"}}
    answer = await client.post("/api/v1/tokens", json=spec, headers=bearer(ADMIN_KEY))
    assert (answer.status_code, answer.json()["code"]) == (409, "no_signing_key")
    monkeypatch.setenv("MCU_KEYS", json.dumps({"idp": public_pem(elsewhere)}))
    result = CliRunner().invoke(app, ["token", "create", "--room", "team"])
    assert (result.exit_code, "signed elsewhere" in result.stderr) == (2, True)


OF_EACH_GRANT: dict[str, tuple[str, Any]] = {
    "join": ("join=false", False),
    "publish": ("publish=microphone", {"microphone"}),
    "subscribe": ("subscribe=false", False),
    "chat": ("chat=false", False),
    "record": ("record", True),
    "admin": ("admin", True),
    "hidden": ("hidden", True),
    "role": ("role=moderator", "moderator"),
    "group": ("group=wolves", "wolves"),
}


def test_the_command_gives_every_grant_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCU_KEYS", json.dumps({"k1": KEY}))
    assert OF_EACH_GRANT.keys() | {"room"} == Grants.model_fields.keys()
    for grant, (option, value) in OF_EACH_GRANT.items():
        result = CliRunner().invoke(app, ["token", "create", "--room", "team", "--grant", option])
        assert result.exit_code == 0, result.output
        grants = authority(k1=KEY).authenticate(result.stdout.strip()).grants
        assert grants == Grants.model_validate({"room": "team", grant: value})
