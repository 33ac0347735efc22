"""A clone runs with python3 and pip alone, as an ordinary user and as root."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lode_sim.stack import free_port

ROOT = Path(__file__).resolve().parent.parent.parent
NOBODY = 65534
PORTS = ("--port", "--broker-port", "--tls-port", "--market-port")
LAST_LINE = r"stored (\d+) readings of (\d+) rigs, 0 lost, 0 doubled, \d+ alerts"


@pytest.mark.slow
def test_a_clone_shows_a_live_mine(tmp_path):
    """As nobody where we may become another user: that a clone runs as root, CI itself shows."""
    user = "nobody" if os.geteuid() == 0 else "me"
    clone = Path("/tmp") / f"lode-clone-{os.getpid()}-{user}"
    subprocess.run(["git", "clone", "-q", ROOT, clone], check=True)
    become = {}
    if user == "nobody":
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", clone], check=True)
        become = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    # No uv, no make, no activated environment: what a fresh Debian has.
    kept = {k: v for k, v in os.environ.items() if k.startswith(("PIP_", "SSL_", "LANG"))}
    path = "/usr/bin:/bin"
    env = {**kept, "PATH": path, "HOME": str(clone)}
    ports = [word for name in PORTS for word in (name, str(free_port()))]
    try:
        done = subprocess.run(
            ["python3", "dev.py", "up", "--for", "15", "--rigs", "20", *ports],
            cwd=clone,
            env=env,
            check=False,
            capture_output=True,
            text=True,
            timeout=600,
            **become,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        said = re.fullmatch(LAST_LINE, done.stdout.strip().splitlines()[-1])
        assert said, done.stdout
        assert int(said[1]) > 100
        assert int(said[2]) == 20
    finally:
        shutil.rmtree(clone, ignore_errors=True)
