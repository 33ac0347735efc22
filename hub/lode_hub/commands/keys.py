"""The keys that commands are signed with, in DATA/commands.

    current.pem  signs                       keys.pem   the public halves of both, for agents
    next.pem     will sign after a rotation

Agents trust the next key long before it signs, so a rotation needs nobody's help: the next becomes
the current one, and another is made. Agents learn that one when they next fetch keys.pem; until
they all have, do not rotate again.
"""

import os
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from lode_hub.errors import HubError
from lode_wire.seal import key_id

CURRENT, NEXT, PUBLIC = "current.pem", "next.pem", "keys.pem"


def signing_key(data_dir: Path) -> Ed25519PrivateKey:
    """Give the key that signs now; made when there is none.

    Raises:
        HubError: its file cannot be read, or others may read it too.
    """
    _make(_folder(data_dir))
    return _read(_folder(data_dir) / CURRENT)


class Signer:
    """Gives the key that signs now, also after a rotation, and reads its file only then."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._mark: tuple[int, int] | None = None
        self._key: Ed25519PrivateKey | None = None

    def key(self) -> Ed25519PrivateKey:
        """Give it.

        Raises:
            HubError: its file cannot be read, or others may read it too.
        """
        mark = _mark(_folder(self._data_dir) / CURRENT)
        if self._key is None or mark is None or mark != self._mark:
            self._key = signing_key(self._data_dir)
            self._mark = _mark(_folder(self._data_dir) / CURRENT)
        return self._key


def public_pem(data_dir: Path) -> bytes:
    """Give the public keys that agents are to trust, as PEM.

    Raises:
        HubError: the keys cannot be read.
    """
    _make(_folder(data_dir))
    return _public(_folder(data_dir))


def names(data_dir: Path) -> list[str]:
    """Name the key that signs and the one after it, as commands name them."""
    folder = _folder(data_dir)
    _make(folder)
    return [key_id(_read(folder / name).public_key()) for name in (CURRENT, NEXT)]


def rotate(data_dir: Path) -> list[str]:
    """Let the next key sign from now on, and make another; give their names.

    Raises:
        HubError: the keys cannot be read or written.
    """
    folder = _folder(data_dir)
    _make(folder)
    try:
        (folder / NEXT).replace(folder / CURRENT)
    except OSError as error:
        raise HubError(f"commands: {folder}: {error.strerror}; check who owns it") from None
    return names(data_dir)


def _mark(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino


def _folder(data_dir: Path) -> Path:
    return data_dir / "commands"


def _make(folder: Path) -> None:
    """Make what is missing, also what a rotation that was cut short has left out."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in (CURRENT, NEXT):
            if not (folder / name).exists():
                _write(folder / name, _private_pem(Ed25519PrivateKey.generate()), is_new=True)
        public = _public(folder)
        if not (folder / PUBLIC).exists() or (folder / PUBLIC).read_bytes() != public:
            _write(folder / PUBLIC, public)
    except OSError as error:
        raise HubError(f"commands: {folder}: {error.strerror}; check who owns it") from None


def _write(path: Path, content: bytes, *, is_new: bool = False) -> None:
    """Put a file in its place, whole or not at all; a new one never over another's."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            _link(Path(name), path)
        else:
            Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def _link(made: Path, path: Path) -> None:
    try:
        os.link(made, path)
    except FileExistsError:
        return  # another process was quicker; its key is as good


def _read(path: Path) -> Ed25519PrivateKey:
    try:
        if path.stat().st_mode & 0o077:
            raise HubError(f"commands: {path}: others may read it; chmod 600, and rotate the keys")
        key = load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise HubError(f"commands: {path}: {error.strerror}; check who owns it") from None
    except (ValueError, TypeError):
        raise HubError(f"commands: {path}: no private key; restore it from a backup") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise HubError(f"commands: {path}: no Ed25519 key; restore it from a backup")
    return key


def _private_pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _public(folder: Path) -> bytes:
    keys = [_read(folder / name).public_key() for name in (CURRENT, NEXT)]
    form = PublicFormat.SubjectPublicKeyInfo
    return b"".join(key.public_bytes(Encoding.PEM, form) for key in keys)
