"""A migrated store of each test's own."""

from collections.abc import AsyncIterator

import pytest

from lode_hub.store import Store


@pytest.fixture
async def store(postgres: str) -> AsyncIterator[Store]:
    """Give a store with the whole schema."""
    store = await Store.open(postgres)
    await store.migrate()
    yield store
    await store.close()
