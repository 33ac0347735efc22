"""Programs of the installation that an ordinary account cannot reach, such as below root's home."""

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from lode_hub.errors import HubError
from lode_hub.process.account import Account

SHELF = Path("/var/lib/lode")
"""Where root keeps copies of such programs."""

_NO_LIBRARY = 127  # from the loader


def reachable(program: Path, base: Path, needs: Sequence[str], account: Account) -> Path:
    """Give the program, or as root a copy of it and what it needs where the account can run it.

    Args:
        program: where it is installed, below `base`.
        base: the folder that `needs` are relative to.
        needs: files and folders that make up the program.
        account: whom it is to run as.

    Raises:
        HubError: the account cannot run it at all.
    """
    if account.drop is None or _runs(program, account):
        return program
    status = program.stat()
    shelf = SHELF / f"{program.name}-{status.st_size:x}-{int(status.st_mtime):x}"
    copy = shelf / program.relative_to(base)
    if not copy.exists():
        _copy(base, needs, shelf)
    if not _runs(copy, account):
        raise HubError(f"{program.name}: account {account.name} cannot run {copy}; check its mode")
    return copy


def _copy(base: Path, needs: Sequence[str], shelf: Path) -> None:
    SHELF.mkdir(mode=0o755, parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=SHELF))
    for need in needs:
        (fresh / need).parent.mkdir(parents=True, exist_ok=True)
        if (base / need).is_dir():
            unneeded = shutil.ignore_patterns("*.a", "include", "pkgconfig")
            shutil.copytree(base / need, fresh / need, symlinks=True, ignore=unneeded)
        else:
            shutil.copy2(base / need, fresh / need)
    fresh.chmod(0o755)
    with contextlib.suppress(OSError):  # another hub was faster
        fresh.rename(shelf)
    shutil.rmtree(fresh, ignore_errors=True)


def _runs(program: Path, account: Account) -> bool:
    try:
        done = subprocess.run(  # noqa: S603 -- a program of ours, and no shell
            [program, "--version"],
            capture_output=True,
            check=False,
            cwd="/",
            extra_groups=[],
            group=account.gid,
            timeout=20,
            user=account.drop,
        )
    except OSError:
        return False
    return done.returncode != _NO_LIBRARY  # Mosquitto answers even `--help` with a status of 3
