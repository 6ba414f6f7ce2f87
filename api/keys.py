"""The server's keys for join tokens: shared secrets (HS256), and RSA keys (RS256) of those who sign elsewhere.

Which algorithm a token must have is the key's affair, never the token's: whoever writes ``alg: HS256`` and signs with
a public key that everybody may read gets nowhere (RFC 8725, section 3.1).
"""

from dataclasses import dataclass, field
from typing import Final, Literal

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

PEM: Final = "-----BEGIN "
MIN_SECRET_BYTES: Final = 32
"""RFC 7518, section 3.2: an HS256 key has at least as many bits as the hash."""
MIN_RSA_BITS: Final = 2048
"""RFC 7518, section 3.3."""


@dataclass(frozen=True, slots=True)
class TokenKey:
    """``signing`` None: it only checks what others signed."""

    algorithm: Literal["HS256", "RS256"]
    checking: bytes | RSAPublicKey = field(repr=False)
    signing: bytes | RSAPrivateKey | None = field(repr=False)

    @classmethod
    def of(cls, secret: str) -> "TokenKey":
        """From a secret text, or from a PEM file with an RSA key, public or private. Raises ValueError for one that is
        too short to trust, or no such key; its message says nothing of the key.
        """
        if secret.lstrip().startswith(PEM):
            return cls._of_pem(secret.strip().encode())
        if len(secret.encode()) < MIN_SECRET_BYTES:
            raise ValueError(f"needs at least {MIN_SECRET_BYTES} bytes; `mcu token key` makes one")
        return cls("HS256", secret.encode(), secret.encode())

    @classmethod
    def _of_pem(cls, pem: bytes) -> "TokenKey":
        try:
            if b"PRIVATE KEY" in pem.partition(b"\n")[0]:
                signing = load_pem_private_key(pem, password=None)
                checking = signing.public_key()
            else:
                signing, checking = None, load_pem_public_key(pem)
        except (ValueError, TypeError):  # TypeError: it is encrypted
            raise ValueError("is no key in PEM that can be read without a password") from None
        if not isinstance(checking, RSAPublicKey) or not isinstance(signing, RSAPrivateKey | None):
            raise ValueError("is not an RSA key, which is the only kind of PEM that is taken (RS256)")
        if checking.key_size < MIN_RSA_BITS:
            raise ValueError(f"an RSA key needs at least {MIN_RSA_BITS} bits")
        return cls("RS256", checking, signing)
