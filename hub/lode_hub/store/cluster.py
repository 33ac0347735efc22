"""A PostgreSQL server as such, before there is a schema in it."""

import contextlib

import psycopg
from psycopg import errors, sql

from lode_hub.errors import DatabaseError


async def answers(url: str, timeout_s: int = 2) -> bool:
    """Tell whether the server takes queries now."""
    try:
        async with await psycopg.AsyncConnection.connect(url, connect_timeout=timeout_s) as db:
            await db.execute("select 1")
    except psycopg.OperationalError:
        return False
    return True


async def prepare(admin_url: str) -> None:
    """Make the hub's role and its database where they are missing.

    Raises:
        DatabaseError: the server went away meanwhile.
    """
    try:
        async with await psycopg.AsyncConnection.connect(
            admin_url, autocommit=True, connect_timeout=10
        ) as db:
            await _prepare(db)
    except psycopg.OperationalError as error:
        reason = " ".join(str(error).split())
        raise DatabaseError(f"database: ended while it was made ready: {reason}") from error


async def _prepare(db: psycopg.AsyncConnection) -> None:
    done = await db.execute("select 1 from pg_database where datname = 'lode'")
    if await done.fetchone():
        return
    with contextlib.suppress(errors.DuplicateObject):  # an earlier start came this far
        await db.execute("create role lode login")
    await db.execute(sql.SQL("create database lode owner lode"))
