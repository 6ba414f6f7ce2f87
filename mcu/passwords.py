"""Passwords of rooms, kept as Argon2id hashes (RFC 9106). Hashing takes some 20 ms and 19 MiB: call it in a thread."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# What OWASP's password storage cheat sheet asks for where many logins may come at once.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def hash_password(password: str) -> str:
    """With a salt of its own, in the PHC string format."""
    return _HASHER.hash(password)


def password_fits(password: str, hashed: str) -> bool:
    """The time it takes does not depend on the password."""
    try:
        return _HASHER.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False
