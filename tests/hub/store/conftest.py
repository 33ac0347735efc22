"""A migrated store: of each test's own, or one that all examples of a property share."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from lode_hub.store import Store
from tests import databases
from tests.hub.store.rows import T0_MS, make_devices, make_room


@pytest.fixture
async def store(postgres: str) -> AsyncIterator[Store]:
    """Give a store with the whole schema."""
    store = await Store.open(postgres)
    await store.migrate()
    yield store
    await store.close()


class Shared:
    """A store for tests that hypothesis runs many times; each starts from what it truncates."""

    def __init__(self, url: str) -> None:
        self._runner = asyncio.Runner()
        self.store = self._runner.run(self._open(url))

    async def _open(self, url: str) -> Store:
        store = await Store.open(url)
        await store.migrate()
        await make_room(store, T0_MS)
        await make_devices(store, 12)
        async with store.pool.connection() as conn:
            await conn.execute("insert into point (name, unit) values ('p', 'V')")
        return store

    def run(self, work: Callable[[Store], Awaitable[Any]]) -> Any:
        async def call() -> Any:
            return await work(self.store)

        return self._runner.run(call())

    def close(self) -> None:
        self._runner.run(self.store.close())
        self._runner.close()


@pytest.fixture(scope="module")
def shared_store(database_server: tuple[str, str], schema: str) -> Iterator[Shared]:
    """Give a store that a module's tests share."""
    with databases.fresh(*database_server, like=schema) as url:
        shared = Shared(url)
        yield shared
        shared.close()
