"""What `lode-hub broker config` writes runs as it is, in the real programs."""

import asyncio
import shutil
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from lode_hub.broker import _accepts
from lode_hub.errors import SettingsError
from lode_hub.settings import BrokerSettings, HubSettings
from lode_hub.trust import external
from lode_hub.trust.lists import Guest, Roll
from lode_hub.trust.told import broker_of
from tests.conftest import PLACES
from tests.hub.app.opened import free_port, until
from tests.hub.trust.people import badge

PROGRAMS = {"mosquitto": "mosquitto", "nats": "nats-server"}
KINDS = [pytest.param("mosquitto", marks=pytest.mark.needs("mosquitto")), "nats"]


def settings(tmp_path: Path, *urls: str) -> HubSettings:
    broker = BrokerSettings(urls=urls, password=SecretStr("hub word"))
    return HubSettings(data_dir=tmp_path, broker=broker)


class Started:
    """A program in a folder, on ports of its own."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.port, self.tls_port = free_port(), free_port()
        name = PROGRAMS[kind]
        path = folder / f"{name}.conf"
        told = path.read_text().replace("1883", str(self.port)).replace("8883", str(self.tls_port))
        path.write_text(told.replace("0.0.0.0", "127.0.0.1") + "\n")
        if kind == "mosquitto":
            path.write_text(f"{path.read_text()}\nuser root\n")
        places = f"{Path(sys.executable).parent}:{PLACES}"
        program = shutil.which(name, path=places)
        assert program
        self.log = (folder / "out").open("wb")
        self.process = subprocess.Popen(
            [program, "-c", path.name], cwd=folder, stdout=self.log, stderr=self.log
        )

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.log.close()


async def comes_in(port: int, login, tls=None) -> bool:
    return await _accepts("127.0.0.1", port, login, tls)


@pytest.mark.parametrize("kind", KINDS)
async def test_by_password(kind, tmp_path, authority):
    told = settings(tmp_path, "mqtt://broker.test")
    assert broker_of(told, authority).login == "password"
    out = tmp_path / "out"
    roll = Roll(guests=(Guest(name="north-1", password="north word"),))
    lines = external.write(kind, out, told, "password", roll)
    assert any(f"pkill -HUP {PROGRAMS[kind]}" in line for line in lines)
    assert {path.stat().st_mode & 0o777 for path in out.iterdir()} == {0o600}
    started = await asyncio.to_thread(Started, kind, out)
    try:
        await until(lambda: comes_in(started.port, ("hub", "hub word")), 10, "the hub to come in")
        assert await comes_in(started.port, ("north-1", "north word"))
        assert not await comes_in(started.port, ("north-1", "hub word"))
        assert not await comes_in(started.port, None)
    finally:
        started.end()


@pytest.mark.parametrize("kind", KINDS)
async def test_by_certificate(kind, tmp_path, authority):
    told = settings(tmp_path, "mqtts://127.0.0.1:8883")
    assert broker_of(told, authority).login == "certificate"
    mine, gone = badge(authority, tmp_path, "north-1"), badge(authority, tmp_path, "gone-1")
    roll = Roll(guests=(mine.guest,), revoked=("gone-1",), serials=(gone.issued.serial,))
    out = tmp_path / "out"
    external.write(kind, out, told, "certificate", roll)
    started = await asyncio.to_thread(Started, kind, out)

    def shown(*files: Path) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=authority.pem)
        context.load_cert_chain(*files)
        return context

    try:
        mine_shown = shown(mine.file)
        await until(lambda: comes_in(started.tls_port, None, mine_shown), 10, "the agent")
        assert not await comes_in(started.tls_port, None, shown(gone.file))
        if kind == "nats":
            hub = shown(out / "hub.pem", out / "hub.key")
            assert await comes_in(started.tls_port, None, hub)
        else:
            assert await comes_in(started.port, ("hub", "hub word"))
    finally:
        started.end()


def test_a_hub_without_a_password_is_told(tmp_path, authority):
    told = HubSettings(data_dir=tmp_path, broker=BrokerSettings(urls=("mqtt://b.test",)))
    with pytest.raises(SettingsError, match=r"set broker\.password_file"):
        external.write("mosquitto", tmp_path / "out", told, "password", Roll())
