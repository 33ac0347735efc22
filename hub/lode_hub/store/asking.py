"""Ask the database for something now: wait a short time, and say so when it is away."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import psycopg_pool

from lode_hub.errors import InvalidError, UnavailableError
from lode_hub.store import Connection, Store, trouble

WAIT_S = 5.0
"""How long a page or the API waits for a free connection."""

AWAY: tuple[type[Exception], ...] = (UnavailableError, *trouble.AWAY)
"""What work raises that asks the database, by `asking` or past it, while it is away."""


@asynccontextmanager
async def asking(store: Store) -> AsyncIterator[Connection]:
    """Borrow a connection.

    Raises:
        UnavailableError: there is none now, the connection broke, or the disk is full.
        InvalidError: the database can hold no such value, such as a zero character.
    """
    try:
        async with store.pool.connection(timeout=WAIT_S) as conn:
            yield conn
    except psycopg.errors.DiskFull as error:
        raise UnavailableError("database: its disk is full; make room there") from error
    except (psycopg.OperationalError, psycopg.InterfaceError, psycopg_pool.PoolTimeout) as error:
        raise UnavailableError("database: does not answer now; try again in a moment") from error
    except psycopg.DataError as error:
        said = str(error).strip().splitlines()[0]
        raise InvalidError(f"request: the database can hold no such value: {said}") from error
