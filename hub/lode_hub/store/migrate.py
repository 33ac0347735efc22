"""Bring the schema up to date: numbered SQL files, each once, one hub at a time.

NNNN_name.sql in order ─► schema_version ─► time-series tables divided (partitions or hypertables)
"""

import re
from importlib import resources

import psycopg

from lode_hub.errors import DatabaseError
from lode_hub.store import partitions
from lode_hub.store.connection import Connection

_LOCK = 0x10DE_0001  # any number, as long as every hub takes the same
_NAME = re.compile(r"(\d{4})_\w+\.sql")


async def migrate(conn: Connection) -> list[int]:
    """Apply the migrations that the database has not had; give their numbers.

    Raises:
        DatabaseError: one fails; those before it stay applied.
    """
    await conn.execute("select pg_advisory_lock(%s)", (_LOCK,))
    try:
        done = await _applied(conn)
        fresh = [number for number in sorted(_files()) if number not in done]
        for number in fresh:
            await _apply(conn, number)
        async with conn.transaction():
            await partitions.divide(conn)
    finally:
        if not conn.closed:
            await conn.execute("select pg_advisory_unlock(%s)", (_LOCK,))
    return fresh


async def _applied(conn: Connection) -> set[int]:
    await conn.execute(
        "create table if not exists schema_version (version int primary key, name text not null, "
        "applied_at timestamptz not null default now())"
    )
    cursor = await conn.execute("select version from schema_version")
    return {row[0] for row in await cursor.fetchall()}


async def _apply(conn: Connection, number: int) -> None:
    name, sql = _files()[number]
    try:
        async with conn.transaction():
            await conn.execute(sql.encode())
            await conn.execute(
                "insert into schema_version (version, name) values (%s, %s)", (number, name)
            )
    except psycopg.Error as error:
        raise DatabaseError(f"database: migration {name} failed: {error}") from error


def _files() -> dict[int, tuple[str, str]]:
    folder = resources.files("lode_hub.store") / "migrations"
    found = {}
    for file in folder.iterdir():
        match = _NAME.fullmatch(file.name)
        if match:
            found[int(match[1])] = (file.name, file.read_text())
    return found
