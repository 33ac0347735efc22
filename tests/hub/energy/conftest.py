"""A migrated store with two sites."""

from collections.abc import AsyncIterator

import pytest

from lode_hub.store import Store


@pytest.fixture
async def store(postgres: str) -> AsyncIterator[Store]:
    opened = await Store.open(postgres)
    await opened.migrate()
    async with opened.pool.connection() as conn:
        await conn.execute("insert into site (name) values ('north'), ('south')")
    yield opened
    await opened.close()
