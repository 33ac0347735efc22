"""Programs that Lode is measured against or checked with, in an environment of their own."""

import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
VENV = ROOT / ".peers-venv"
LOCK = ROOT / "deploy" / "locks" / "peers.txt"


def python() -> Path:
    """Give the interpreter of the peers' environment; the first call fills it, about a minute."""
    digest = hashlib.sha256(sys.version.encode() + LOCK.read_bytes()).hexdigest()
    stamp, found = VENV / "installed", VENV / "bin" / "python"
    if _is_filled(stamp, digest):
        return found
    VENV.mkdir(exist_ok=True)
    with (ROOT / ".peers-venv" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another test may be about to do the same
        if not _is_filled(stamp, digest):
            stamp.unlink(missing_ok=True)
            _fill()
            stamp.write_text(digest)
    return found


def _is_filled(stamp: Path, digest: str) -> bool:
    return stamp.exists() and stamp.read_text() == digest


def _fill() -> None:
    base = getattr(sys, "_base_executable", sys.executable)
    subprocess.run([base, "-m", "venv", "--without-pip", str(VENV)], check=True)
    pip = [base, "-m", "pip", "--python", str(VENV), "install", "--quiet", "--no-deps"]
    quiet = {"PIP_ROOT_USER_ACTION": "ignore", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    subprocess.run(
        [*pip, "--require-hashes", "--requirement", str(LOCK)],
        check=True,
        env={**os.environ, **quiet},
    )
