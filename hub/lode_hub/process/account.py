"""Under which account the hub's own servers run: never root, and none is made for them."""

import contextlib
import os
import pwd
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lode_hub.errors import HubError


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """Whom a program runs as."""

    name: str
    uid: int
    gid: int

    @property
    def drop(self) -> int | None:
        """The user id to change to; None when we are that user or may not change."""
        return self.uid if os.geteuid() == 0 and self.uid != 0 else None


def me() -> Account:
    """Give the account the hub itself runs as.

    Raises:
        HubError: the account has no name.
    """
    try:
        return _account(pwd.getpwuid(os.geteuid()))
    except KeyError:
        raise HubError(
            f"account: user id {os.geteuid()} has no name in /etc/passwd; "
            "run the hub as a named user, or give it a database.url and a broker.urls"
        ) from None


def ordinary(folder: Path, preferred: Sequence[str]) -> Account:
    """Choose whom to run as in a folder: ourselves; as root its owner, else a daemon's account.

    Raises:
        HubError: none of the preferred accounts exists.
    """
    account = me()
    if account.uid != 0:
        return account
    if folder.exists() and folder.stat().st_uid != 0:
        with contextlib.suppress(KeyError):
            return _account(pwd.getpwuid(folder.stat().st_uid))
    for name in preferred:
        with contextlib.suppress(KeyError):
            return _account(pwd.getpwnam(name))
    raise HubError(f"account: none of {', '.join(preferred)} exists; run the hub without root")


def own(path: Path, account: Account, mode: int) -> None:
    """Give a file or folder to an account."""
    if path.stat().st_uid != account.uid:
        os.chown(path, account.uid, account.gid)
    path.chmod(mode)


def write(path: Path, text: str, account: Account) -> None:
    """Put a file that only the account can read in its place, whole or not at all."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w") as file:
        file.write(text)
    own(Path(name), account, 0o600)
    Path(name).replace(path)


def _account(entry: pwd.struct_passwd) -> Account:
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid)
