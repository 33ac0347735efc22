"""A store with the whole schema, a home for programs, and what the hub's tests wait with."""

import asyncio
import shutil
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from lode_hub.store import Store


@pytest.fixture
async def store(postgres: str) -> AsyncIterator[Store]:
    opened = await Store.open(postgres)
    await opened.migrate()
    yield opened
    await opened.close()


@pytest.fixture
def home() -> Iterator[Path]:
    """A short path, in a folder that only its owner may enter."""
    folder = Path(tempfile.mkdtemp(prefix="lode-app-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def until(holds: Callable[[], Awaitable[bool]], within_s: float, what: str) -> float:
    """Wait until something holds; give how long it took."""
    begun = time.monotonic()
    while not await holds():
        assert time.monotonic() - begun < within_s, f"waited {within_s} s for {what}"
        await asyncio.sleep(0.02)
    return time.monotonic() - begun


def owner_of(pid: int | None) -> int:
    """Give the user id a process runs as."""
    return Path(f"/proc/{pid}").stat().st_uid
