"""A migrated store, brokers of both kinds, and both clients."""

import dataclasses
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lode_hub.broker import EmbeddedBroker
from lode_hub.ingest.gmqtt_link import GmqttLink
from lode_hub.ingest.ingress import Address, MakeLink
from lode_hub.ingest.paho_link import PahoLink
from lode_hub.store import Store
from lode_hub.trust.lists import Guest, Roll

LINKS: dict[str, MakeLink] = {"gmqtt": GmqttLink, "paho": PahoLink}


@pytest.fixture
async def store(postgres: str) -> AsyncIterator[Store]:
    """Give a store with the whole schema."""
    store = await Store.open(postgres)
    await store.migrate()
    yield store
    await store.close()


@dataclass
class Broker:
    """A running broker, and how hub and agent log in."""

    program: EmbeddedBroker
    hub: Address

    def agent(self, name: str) -> Address:
        """Say how an agent logs in."""
        return dataclasses.replace(self.hub, username=name, password=password_of(name))


AGENTS = ("north-1", "north-2", "north-agent", "south-agent", "east-agent", "west-agent")


def password_of(agent: str) -> str:
    return f"password of {agent}"


@pytest.fixture(
    params=[pytest.param("mosquitto", marks=pytest.mark.needs("mosquitto")), "nats"],
)
async def broker(request: pytest.FixtureRequest, tmp_path_factory) -> AsyncIterator[Broker]:
    """Give a running broker of each kind."""
    async for found in run_broker(request.param):
        yield found


@pytest.fixture
async def one_broker() -> AsyncIterator[Broker]:
    """Give a running broker of the kind that is always there."""
    async for found in run_broker("nats"):
        yield found


async def run_broker(kind: str) -> AsyncIterator[Broker]:
    """Run a broker in a folder that an ordinary account can enter."""
    home = Path(tempfile.mkdtemp(prefix="lode-broker-"))
    os.chmod(home, 0o755)  # noqa: PTH101
    program = EmbeddedBroker(home / "broker", kind=kind, port=free_port())  # type: ignore[arg-type]
    guests = tuple(Guest(name=name, password=password_of(name)) for name in AGENTS)
    await program.admit(Roll(guests=guests))
    await program.start()
    try:
        yield Broker(program, hub=address(program, "hub", program.hub_password_file))
    finally:
        await program.stop()
        shutil.rmtree(home, ignore_errors=True)


def address(program: EmbeddedBroker, name: str, password_file) -> Address:
    """Say how somebody logs in."""
    return Address(
        host=program.host,
        port=program.port,
        username=name,
        password=password_file.read_text().strip(),
    )


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(params=LINKS)
def make_link(request: pytest.FixtureRequest) -> MakeLink:
    """Give each client."""
    return LINKS[request.param]
