"""Leases: who does what exists once, for as long as the database's clock says.

acquire ─► renew every 2 s ─► (stopped, killed, cut off) ─► expires after 6 s ─► another acquires
                                                             and ends the old owner's sessions

An advisory lock would not do: a stopped process keeps its connection, and with it the lock.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

import psycopg
import psycopg_pool
import structlog

from lode_hub.store.connection import Connection

if TYPE_CHECKING:
    from lode_hub.store import Store

TTL_S = 6.0
RENEW_S = 2.0
SESSIONS = "lode-ingest/"
"""What an owner's database sessions are called, before its name."""

MAX_NAME_CHARS = 48  # PostgreSQL cuts application_name at 63
_T = TypeVar("_T")
_log = structlog.get_logger(__name__)


async def beat(conn: Connection, worker: str) -> int:
    """Say that a worker is alive; give how many are."""
    await conn.execute(
        "insert into worker (name, seen_at) values (%s, clock_timestamp()) "
        "on conflict (name) do update set seen_at = excluded.seen_at",
        (worker,),
    )
    await conn.execute(
        "delete from worker where seen_at < clock_timestamp() - make_interval(secs => %s)",
        (100 * TTL_S,),
    )
    found = await conn.execute(
        "select count(*) from worker where seen_at > clock_timestamp() - make_interval(secs => %s)",
        (TTL_S,),
    )
    row = await found.fetchone()
    return int(row[0]) if row else 1


async def acquire(conn: Connection, owner: str, names: Iterable[str], limit: int) -> dict[str, str]:
    """Take up to `limit` of these leases that nobody else holds; give each with its former owner.

    The former owner is empty when it gave the lease back.
    """
    listed = sorted(names)
    await conn.execute(
        "insert into lease (name, owner, expires_at) select name, '', '-infinity' "
        "from unnest(%s::text[]) as v (name) on conflict (name) do nothing",
        (listed,),
    )
    taken = await conn.execute(
        "with free as (select name, owner from lease where name = any(%s) "
        "and (expires_at < clock_timestamp() or owner = %s) "
        "order by name limit %s for update skip locked) "
        "update lease l set owner = %s, "
        "expires_at = clock_timestamp() + make_interval(secs => %s) "
        "from free f where l.name = f.name returning l.name, f.owner",
        (listed, owner, limit, owner, TTL_S),
    )
    return dict(await taken.fetchall())


async def renew(conn: Connection, owner: str, names: Iterable[str]) -> set[str]:
    """Prolong leases; give those that are still the owner's."""
    kept = await conn.execute(
        "update lease set expires_at = clock_timestamp() + make_interval(secs => %s) "
        "where owner = %s and name = any(%s) returning name",
        (TTL_S, owner, list(names)),
    )
    return {row[0] for row in await kept.fetchall()}


async def release(conn: Connection, owner: str, names: Iterable[str]) -> None:
    """Give leases back, so that another takes them at once."""
    await conn.execute(
        "update lease set owner = '', expires_at = '-infinity' where owner = %s and name = any(%s)",
        (owner, list(names)),
    )


async def end_sessions(conn: Connection, owners: Iterable[str]) -> int:
    """End the database sessions of owners whose lease ran out; give how many.

    A worker stopped in the middle of a transaction would keep its row locks for ever.
    """
    found = await conn.execute(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity "
        "where application_name = any(%s) and datname = current_database() "
        "and usename = current_user and pid <> pg_backend_pid()",
        ([SESSIONS + owner for owner in owners],),
    )
    row = await found.fetchone()
    return int(row[0]) if row else 0


async def alone(store: "Store", name: str, owner: str, work: Callable[[], Awaitable[None]]) -> None:
    """Run `work` whenever, and only while, this process holds the lease; for what exists once.

    `work` is cancelled when the lease is lost, and begun anew when it is held again. Never ends.

    Raises:
        Exception: whatever `work` raises.
    """
    while True:
        if await _try(store, lambda conn: acquire(conn, owner, [name], 1)):
            await _hold(store, name, owner, work)
        await asyncio.sleep(RENEW_S / 2)


async def _hold(store: "Store", name: str, owner: str, work: Callable[[], Awaitable[None]]) -> None:
    task = asyncio.ensure_future(work())
    good_until = time.monotonic() + TTL_S
    try:
        while not task.done() and time.monotonic() < good_until:
            await asyncio.wait({task}, timeout=RENEW_S)
            begun = time.monotonic()
            kept = await _try(store, lambda conn: renew(conn, owner, [name]))
            if kept:
                good_until = begun + TTL_S
            elif kept is not None:  # it is another's now
                break
        if task.done():
            await task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await task
        with contextlib.suppress(Exception):
            await _try(store, lambda conn: _released(conn, owner, name))


async def _released(conn: Connection, owner: str, name: str) -> set[str]:
    await release(conn, owner, [name])
    return set()


async def _try(store: "Store", ask: Callable[[Connection], Awaitable[_T]]) -> _T | None:
    try:
        async with asyncio.timeout(RENEW_S), store.pool.connection() as conn:
            return await ask(conn)
    except (psycopg.Error, psycopg_pool.PoolTimeout, TimeoutError) as error:
        _log.info("lease not asked for", reason=str(error))
        return None
