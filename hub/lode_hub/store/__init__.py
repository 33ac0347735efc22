"""The hub's database: the only place with SQL and psycopg.

Store.open(url) ─► migrate() ─► pool.connection() ─► the functions of this package's modules
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Self

import psycopg
import psycopg_pool
from psycopg import AsyncConnection

from lode_hub.errors import DatabaseError
from lode_hub.store import copy, migrate, timescale
from lode_hub.store.connection import Connection

MINIMUM_VERSION = 15
_CONNECT_TIMEOUT_S = 5


class Pool(psycopg_pool.AsyncConnectionPool[Connection]):
    """Connections to lend, from which whoever is cancelled ends."""

    @asynccontextmanager
    async def connection(
        self,
        timeout: float | None = None,  # noqa: ASYNC109 -- the parent has it so
    ) -> AsyncIterator[Connection]:
        """Lend a connection for a block, at whose end a cancellation that was lost in it is kept.

        The pool waits by `wait_for`, which in Python 3.11 loses a cancellation that meets what it
        waits for (python/cpython#86296); a part would then work on after its end.
        """
        task = asyncio.current_task()
        before = task.cancelling() if task else 0
        async with super().connection(timeout) as conn:
            yield conn
        if task and task.cancelling() > before:
            raise asyncio.CancelledError


class Store:
    """A pool of autocommit connections to one database, whose abilities are known."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.has_timescale = False

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        min_size: int = 1,
        max_size: int = 8,
        name: str = "lode-hub",
        settings: Mapping[str, str] | None = None,
    ) -> Self:
        """Connect to a database; `name` is what its sessions are called in pg_stat_activity.

        `settings` are PostgreSQL's, for every session.

        Raises:
            DatabaseError: it cannot be reached, or is older than MINIMUM_VERSION.
        """
        pool = _pool(url, min_size, max_size, name, settings or {})
        store = cls(pool)
        try:
            store.has_timescale = await _probe(url)
            await pool.open(wait=True, timeout=2 * _CONNECT_TIMEOUT_S)
        except (psycopg.Error, psycopg_pool.PoolTimeout) as error:
            await pool.close()
            raise DatabaseError(
                f"database: no connection: {str(error).strip()}; does it run, is its url right?"
            ) from error
        return store

    @property
    def url(self) -> str:
        """The database's address, for who has to connect beside the pool."""
        conninfo = self.pool.conninfo
        if not isinstance(conninfo, str):
            raise TypeError("the pool's address is made by a function, so nobody else can have it")
        return conninfo

    async def migrate(self) -> None:
        """Bring the schema up to date; more than one hub may do this at once.

        Raises:
            DatabaseError: a migration fails.
        """
        async with self.pool.connection() as conn:
            await migrate.migrate(conn)
            self.has_timescale = await timescale.is_used(conn)

    async def close(self) -> None:
        """Close every connection."""
        await self.pool.close()


@asynccontextmanager
async def opened(url: str, max_size: int) -> AsyncIterator[Store]:
    """Open the store, and close it."""
    store = await Store.open(url, max_size=max_size)
    try:
        yield store
    finally:
        await store.close()


def _pool(url: str, min_size: int, max_size: int, name: str, settings: Mapping[str, str]) -> Pool:
    return Pool(
        url,
        kwargs={
            "autocommit": True,
            "application_name": name,
            "connect_timeout": _CONNECT_TIMEOUT_S,
            "options": " ".join(f"-c {key}={value}" for key, value in settings.items()),
        },
        min_size=min_size,
        max_size=max_size,
        configure=_configure,
        # A pool that backs off for minutes would outsleep a database that is back in seconds.
        reconnect_timeout=3.0,
        timeout=10.0,
        open=False,
    )


async def _probe(url: str) -> bool:
    connecting = AsyncConnection.connect(url, autocommit=True, connect_timeout=_CONNECT_TIMEOUT_S)
    async with await connecting as conn:
        version = conn.info.server_version // 10000
        if version < MINIMUM_VERSION:
            raise DatabaseError(
                f"database: PostgreSQL {version}, expected {MINIMUM_VERSION} or newer; update it"
            )
        return await timescale.is_used(conn)


async def _configure(conn: Connection) -> None:
    copy.register(conn)


__all__ = ["MINIMUM_VERSION", "Connection", "Pool", "Store"]
