"""Key files: whom the agent trusts, and the owner's own key for the envelope."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from lode_edge.errors import EdgeError
from lode_wire.seal import key_id

log = structlog.get_logger(__name__)

_MAX_BYTES = 64 << 10
_BLOCK = re.compile(rb"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", re.DOTALL)


class KeyFileError(EdgeError):
    """A key file that cannot be used."""


def public_keys(path: Path) -> dict[str, Ed25519PublicKey]:
    """Read all Ed25519 public keys of a PEM file, by their ids.

    Raises:
        KeyFileError: it cannot be read, or holds anything else.
    """
    keys: dict[str, Ed25519PublicKey] = {}
    for block in _BLOCK.findall(_read(path)):
        try:
            key = load_pem_public_key(block)
        except ValueError as error:
            raise KeyFileError(f"{path}: no public key: {error}") from None
        if not isinstance(key, Ed25519PublicKey):
            raise KeyFileError(f"{path}: holds a key that is not Ed25519; use Ed25519 keys only")
        keys[key_id(key)] = key
    if not keys:
        raise KeyFileError(f"{path}: holds no public key in PEM form")
    return keys


class TrustedKeys(Mapping[str, Ed25519PublicKey]):
    """The public keys of a file, read anew when it changes: the hub changes its keys.

    A changed file that cannot be used leaves the keys as they were.

    Raises:
        KeyFileError: the file cannot be used at first.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changed_ns = _changed_ns(path)
        self._keys = public_keys(path)

    def __getitem__(self, name: str) -> Ed25519PublicKey:
        return self._newest()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._newest())

    def __len__(self) -> int:
        return len(self._newest())

    def _newest(self) -> dict[str, Ed25519PublicKey]:
        changed_ns = _changed_ns(self._path)
        if changed_ns != self._changed_ns:
            self._changed_ns = changed_ns
            try:
                self._keys = public_keys(self._path)
            except KeyFileError as error:
                log.error("keys not read anew", reason=str(error))  # noqa: TRY400 -- said
        return self._keys


def _changed_ns(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def private_key(path: Path) -> Ed25519PrivateKey:
    """Read an Ed25519 private key.

    Raises:
        KeyFileError: it cannot be read, or is another kind of key.
    """
    try:
        key = load_pem_private_key(_read(path), password=None)
    except (ValueError, TypeError):
        raise KeyFileError(f"{path}: no private key in PEM form without a password") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{path}: is not Ed25519; make one with `lode-edge envelope keygen`")
    return key


def write_pair(path: Path) -> Path:
    """Make a key pair: the private one at `path`, for its owner only, the public one beside it.

    Raises:
        KeyFileError: the file is there already, or cannot be written.
    """
    key, public = Ed25519PrivateKey.generate(), path.with_name(f"{path.name}.pub")
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secret)
        public.write_bytes(
            key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )
    except OSError as error:
        raise KeyFileError(f"{path}: {(error.strerror or str(error)).lower()}") from None
    return public


def _read(path: Path) -> bytes:
    return bounded(path, _MAX_BYTES, "key file", KeyFileError)


def bounded(path: Path, most: int, kind: str, trouble: type[EdgeError]) -> bytes:
    """Read a file of at most so many bytes.

    Raises:
        EdgeError: `trouble`, when it cannot be read, or is longer and so no such kind of file.
    """
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise trouble(f"{path}: {reason.lower()}; correct its path or rights") from None
    if len(data) > most:
        raise trouble(f"{path}: more than {most} bytes; this is no {kind}")
    return data
