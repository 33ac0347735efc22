"""A test's database that drops everybody and refuses everybody, or whose disk is full for a table.

Neither needs a superuser: the database is the test's own.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo


@asynccontextmanager
async def refusing(url: str) -> AsyncIterator[None]:
    """End every connection to the database, and let in nobody meanwhile."""
    name = str(conninfo_to_dict(url)["dbname"])
    beside = make_conninfo(url, dbname="postgres")  # nobody shuts a database from within
    async with await psycopg.AsyncConnection.connect(beside, autocommit=True) as other:
        let = "alter database {} with allow_connections {}"
        await other.execute(sql.SQL(let).format(sql.Identifier(name), sql.SQL("false")))
        await other.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,)
        )
        try:
            yield
        finally:
            await other.execute(sql.SQL(let).format(sql.Identifier(name), sql.SQL("true")))


@asynccontextmanager
async def full(url: str, table: str) -> AsyncIterator[None]:
    """Let every write to a table fail as on a disk that is full."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as other:
        await other.execute(
            "create or replace function test_full() returns trigger language plpgsql as "
            "$$ begin raise exception using errcode = '53100', message = 'No space left'; end $$"
        )
        of = sql.Identifier(table)
        await other.execute(
            sql.SQL(
                "create trigger test_full before insert or update on {} "
                "for each row execute function test_full()"
            ).format(of)
        )
        try:
            yield
        finally:
            await other.execute(sql.SQL("drop trigger test_full on {}").format(of))
