"""A whole run with secrets: nothing of them in its output, its records or its files."""

import contextlib
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lode_wire import codec

COMMAND = str(Path(sys.executable).parent / "lode-edge")
HUSH = ("root-hush-17", "web-hush-42", "meter-hush-99")

SECRETS = f"""
[devices."rig-1"]
username = "admin"
password = "{HUSH[0]}"
[profiles.eastron-sdm630]
password = "{HUSH[2]}"
[drivers.asic]
password = "{HUSH[1]}"
"""


@pytest.fixture
def echo() -> Iterator[str]:
    """Serve a device that says whatever was said to it."""
    door = socket.create_server(("127.0.0.1", 0))

    def talk(one: socket.socket) -> None:
        with contextlib.suppress(OSError), one:
            while data := one.recv(4096):
                one.sendall(data)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=talk, args=(door.accept()[0],), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield f"127.0.0.1:{door.getsockname()[1]}"
    door.shutdown(socket.SHUT_RDWR)
    door.close()


@pytest.fixture
def config(tmp_path: Path, echo: str) -> Path:
    secrets = tmp_path / "secrets.toml"
    secrets.touch(0o600)
    secrets.write_text(SECRETS)
    devices = "".join(
        f'[[devices]]\nname = "rig-{n}"\ndriver = "asic"\naddress = "{echo}"\nkind = "rig"\n'
        "interval_s = 0.2\ntimeout_s = 0.5\n"
        for n in (1, 2)
    )
    path = tmp_path / "edge.toml"
    path.write_text(
        f'[agent]\nname = "north-1"\nsite = "north"\ndata_dir = "{tmp_path / "data"}"\n'
        f'[broker]\nurls = ["mqtt://127.0.0.1:1"]\n[control]\nsecrets_file = "{secrets}"\n{devices}'
        f'[[devices]]\nname = "meter"\ndriver = "modbus"\naddress = "{echo}"\nkind = "meter"\n'
        'profile = "eastron-sdm630"\ninterval_s = 0.2\ntimeout_s = 0.5\n'
    )
    return path


def told(*arguments: str) -> str:
    """Run a command; give all that it says."""
    done = subprocess.run(
        [COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def records(data_dir: Path) -> list[str]:
    """Give every record that was kept, as text."""
    found = []
    for file in data_dir.glob("*.db*"):
        if file.suffix == ".db":
            with contextlib.closing(sqlite3.connect(file)) as db:
                for (payload,) in db.execute("select payload from batch"):
                    found += map(repr, codec.decode(payload).records())
    return found


def test_a_run_shows_no_password_anywhere(config: Path) -> None:
    said = told("check", "--config", str(config)) + told("check", "--json", "--config", str(config))
    said += told("run", "--config", str(config), "--for", "2", "--verbose")
    said += told("spool", "--config", str(config), "--json")
    kept = records(config.parent / "data")
    assert any("RigReading" in record for record in kept)
    assert any("Device(" in record for record in kept)
    assert any("Health(" in record for record in kept)
    files = [path for path in (config.parent / "data").rglob("*") if path.is_file()]
    raw = b"".join(path.read_bytes() for path in files)
    for password in HUSH:
        assert password not in said
        assert password not in "".join(kept)
        assert password.encode() not in raw


def test_an_unsafe_secrets_file_stops_the_agent_and_says_why(config: Path) -> None:
    (config.parent / "secrets.toml").chmod(0o644)
    for command in ("check", "run"):
        done = subprocess.run(
            [COMMAND, command, "--config", str(config)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 2
        assert "others may read it: chmod 600" in done.stderr
        assert not any(password in done.stderr for password in HUSH)
