"""A PostgreSQL server as such, before there is a schema in it."""

import contextlib

import psycopg
from psycopg import errors, sql

from lode_hub.errors import DatabaseError

OLDEST = 15
"""The oldest PostgreSQL that the hub's SQL is written for."""


async def answers(url: str, timeout_s: int = 2) -> bool:
    """Tell whether the server takes queries now."""
    try:
        async with await psycopg.AsyncConnection.connect(url, connect_timeout=timeout_s) as db:
            await db.execute("select 1")
    except psycopg.OperationalError:
        return False
    return True


async def prepare(admin_url: str) -> None:
    """Make the hub's role and its database where they are missing."""
    async with await psycopg.AsyncConnection.connect(
        admin_url, autocommit=True, connect_timeout=10
    ) as db:
        done = await db.execute("select 1 from pg_database where datname = 'lode'")
        if await done.fetchone():
            return
        with contextlib.suppress(errors.DuplicateObject):  # an earlier start came this far
            await db.execute("create role lode login")
        await db.execute(sql.SQL("create database lode owner lode"))


async def check(url: str) -> int:
    """Give the server's major version.

    Raises:
        DatabaseError: it cannot be reached, or is too old.
    """
    try:
        async with await psycopg.AsyncConnection.connect(url, connect_timeout=10) as db:
            version = db.info.server_version // 10_000
            host, name = db.info.host, db.info.dbname
    except psycopg.Error as error:
        raise DatabaseError(
            f"database: cannot connect: {str(error).strip()}; check database.url and that it runs"
        ) from error
    if version < OLDEST:
        raise DatabaseError(
            f"database {name} on {host}: is PostgreSQL {version}, needs {OLDEST} or newer; "
            "upgrade it, or leave database.url empty to use the embedded one"
        )
    return version
