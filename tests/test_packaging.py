"""The edge installs and starts without the hub's weight."""

import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "deploy" / "locks"
HEAVY = ["numpy", "fastapi", "nicegui", "psycopg", "gmqtt", "onnxruntime", "scipy", "lode-hub"]


def test_no_lock_records_a_download_address():
    for lock in LOCKS.glob("*.txt"):
        assert not re.search(r"https?://|file://|--(extra-)?index|--find-links", lock.read_text())


def test_every_pin_has_its_hashes():
    for lock in LOCKS.glob("*.txt"):
        pins = re.split(r"\n(?=\S)", lock.read_text().strip())
        assert len(pins) > 10
        assert all("==" in pin and "--hash=sha256:" in pin for pin in pins)


def test_the_edge_lock_holds_nothing_of_the_hub():
    names = {line.split("==")[0] for line in (LOCKS / "edge.txt").read_text().splitlines()}
    assert not names & set(HEAVY)


@pytest.mark.parametrize("lock", ["edge.txt", "hub.txt"])
def test_the_parts_are_pinned_as_they_are_tested(lock):
    def pins(name: str) -> set[str]:
        return set(re.findall(r"^(\S+==\S+)", (LOCKS / name).read_text(), re.MULTILINE))

    assert pins(lock) <= pins("dev.txt")


def _install_edge(home: Path) -> None:
    """Install the edge's parts, as wheels, with what their own lock pins and nothing else."""
    tools = Path(sys.executable).parent
    wheels = home.with_name("wheels")
    for part in ("wire", "firmware-configs", "edge-agent"):
        build = [tools / "hatchling", "build", "--target", "wheel", "--directory", wheels]
        subprocess.run(build, cwd=ROOT / part, check=True, capture_output=True)
    uv = [tools / "uv", "--quiet", "pip", "install", "--python", home / "bin" / "python"]
    subprocess.run([*uv, "--require-hashes", "--requirement", LOCKS / "edge.txt"], check=True)
    subprocess.run([*uv, "--no-deps", *wheels.glob("*.whl")], check=True)


@pytest.mark.slow
def test_the_edge_installs_and_starts_alone(tmp_path):
    home = tmp_path / "edge"
    venv.EnvBuilder(with_pip=False).create(home)
    _install_edge(home)
    installed = {path.name.split("-")[0].lower() for path in home.rglob("*.dist-info")}
    assert installed >= {"lode_edge", "lode_wire", "lode_profiles", "asyncua", "pyserial"}
    assert not installed & {name.replace("-", "_") for name in HEAVY}
    config = tmp_path / "agent.toml"
    config.write_text(
        f'[agent]\nname = "alone-1"\nsite = "alone"\ndata_dir = "{tmp_path / "data"}"\n'
        '[broker]\nurls = ["mqtt://127.0.0.1:9"]\n'
        '[[devices]]\nname = "rig-1"\ndriver = "asic"\naddress = "127.0.0.1:9"\nkind = "rig"\n'
        "interval_s = 0.5\n"
    )
    ran = subprocess.run(
        [home / "bin" / "lode-edge", "run", "--config", str(config), "--for", "3"],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    spool = subprocess.run(
        [home / "bin" / "lode-edge", "spool", "--config", str(config), "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    # With no broker and no rig, what it saw is on disk all the same.
    assert '"records"' in spool.stdout
