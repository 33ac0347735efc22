"""A migrated store of each test's own, a home for keys, and a broker."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lode_hub.broker import EmbeddedBroker
from lode_hub.ingest.ingress import Address
from tests.hub.app.opened import free_port, home, store

__all__ = ["home", "store"]


@dataclass
class Broker:
    """A running broker, and how to log in; who may hear what is tested elsewhere."""

    program: EmbeddedBroker
    address: Address


@pytest.fixture
async def broker() -> AsyncIterator[Broker]:
    folder = Path(tempfile.mkdtemp(prefix="lode-broker-"))
    os.chmod(folder, 0o755)  # noqa: PTH101 -- the program may run under another account
    program = EmbeddedBroker(folder / "broker", kind="nats", port=free_port())
    await program.start()
    password = program.hub_password_file.read_text().strip()
    address = Address(host=program.host, port=program.port, username="hub", password=password)
    try:
        yield Broker(program, address)
    finally:
        await program.stop()
        shutil.rmtree(folder, ignore_errors=True)
