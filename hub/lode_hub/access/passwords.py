"""Passwords: argon2id, and the same work for names that do not exist."""

import asyncio
import secrets

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

# OWASP's smallest argon2id setting (Password Storage Cheat Sheet): about 40 ms of one core, so
# that logins leave a two-core hub its work.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)

MAX_LENGTH = 256
"""Longer ones are refused unseen."""

_AT_ONCE = 2  # hashings, whoever asks


class Passwords:
    """Hashes and verifies outside the event loop, a few at a time."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._nobody = _HASHER.hash(secrets.token_urlsafe())

    async def hash(self, password: str) -> str:
        """Hash a password for storing."""
        async with self._turns:
            return await asyncio.to_thread(_HASHER.hash, password)

    async def fits(self, password: str, stored: str | None) -> bool:
        """Tell whether a password is the stored one; the same work when none is stored."""
        async with self._turns:
            return await asyncio.to_thread(_fits, password, stored or self._nobody) and bool(stored)


def is_outdated(stored: str) -> bool:
    """Tell whether a stored hash was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(stored)


def invent() -> str:
    """Make a password up: 120 random bits."""
    return secrets.token_urlsafe(15)


def _fits(password: str, stored: str) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False
