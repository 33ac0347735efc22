"""Time-series tables in pieces of time: made ahead and on demand, dropped when their time is over.

plain table ─► divide ─┬─► range-partitioned: ensure(days) before rows, drop_expired() after years
                       └─► hypertable (raw readings on TimescaleDB): it does both by itself
"""

import datetime
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import psycopg
import structlog
from psycopg import sql

from lode_hub.store import timescale
from lode_hub.store.connection import Connection

_LOCK = 0x10DE_0002
_AHEAD_DAYS = 3
_EPOCH = datetime.date(1970, 1, 1)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class TimeTable:
    """A table of time series: its time column, the length of a piece, and how long it is kept."""

    name: str
    column: str
    step: Literal["day", "month", "year"]
    keep_days: int
    options: str = ""
    is_raw: bool = False


def _rollups(kind: str) -> list[TimeTable]:
    # Room on each page, so that an upsert of a live bucket finds its new version a place there.
    options = "fillfactor = 70"
    return [
        TimeTable(name=f"{kind}_1m", column="bucket", step="day", keep_days=90, options=options),
        TimeTable(name=f"{kind}_15m", column="bucket", step="month", keep_days=400),
        TimeTable(name=f"{kind}_1h", column="bucket", step="year", keep_days=7 * 366),
        TimeTable(name=f"{kind}_1d", column="bucket", step="year", keep_days=7 * 366),
    ]


TABLES: dict[str, TimeTable] = {
    table.name: table
    for table in (
        *(
            TimeTable(name=name, column="at", step="day", keep_days=90, is_raw=True)
            for name in ("rig_reading", "meter_reading", "point_reading")
        ),
        *_rollups("rig"),
        *_rollups("meter"),
    )
}


async def divide(conn: Connection) -> None:
    """Turn the time-series tables that are still plain, and empty, into divided ones."""
    has_timescale = await timescale.is_used(conn)
    for table in TABLES.values():
        if has_timescale and await timescale.is_hypertable(conn, table.name):
            continue
        if await _kind_of(conn, table.name) != "r":
            continue
        if has_timescale and table.is_raw:
            await timescale.make_hypertable(
                conn, table.name, table.column, keep_days=table.keep_days
            )
        else:
            await _make_partitioned(conn, table)


class Partitions:
    """Makes partitions before rows need them, and remembers which there are."""

    def __init__(self) -> None:
        self._days: set[int] = set()

    def forget(self) -> None:
        """Look again at what there is; some may have been dropped meanwhile."""
        self._days.clear()

    async def ensure(self, conn: Connection, days: Iterable[int]) -> None:
        """Make what is missing for these days, numbered from 1970-01-01 (UTC)."""
        fresh = set(days) - self._days
        if not fresh:
            return
        async with conn.transaction():
            await conn.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
            for table in await _partitioned(conn):
                there = await _names(conn, table)
                for begin in sorted({_begin(table, day) for day in fresh}):
                    if _name(table, begin) not in there:
                        await _make(conn, table, begin)
        self._days |= fresh

    async def ahead(self, conn: Connection) -> None:
        """Make those of today and the next days."""
        today = (datetime.datetime.now(datetime.UTC).date() - _EPOCH).days
        await self.ensure(conn, range(today - 1, today + _AHEAD_DAYS))


async def keep(conn: Connection, *, raw_days: int, quarter_days: int, hour_days: int) -> None:
    """Say how long tables are kept: readings and minutes, quarters of an hour, hours and days."""
    days = {"day": raw_days, "month": quarter_days, "year": hour_days}
    for table in TABLES.values():
        await conn.execute(
            "insert into retention values (%s, %s) "
            "on conflict (name) do update set days = excluded.days",
            (table.name, days[table.step]),
        )
        if await timescale.is_used(conn) and await timescale.is_hypertable(conn, table.name):
            await timescale.keep(conn, table.name, days[table.step])


async def kept_days(conn: Connection, name: str) -> int:
    """Tell how many days a table is kept."""
    found = await conn.execute("select days from retention where name = %s", (name,))
    row = await found.fetchone()
    return TABLES[name].keep_days if row is None else int(row[0])


async def drop_expired(conn: Connection, now: datetime.datetime | None = None) -> list[str]:
    """Drop the partitions whose last instant is older than their table keeps; give their names."""
    today = (now or datetime.datetime.now(datetime.UTC)).date()
    dropped = []
    for table in await _partitioned(conn):
        limit = today - datetime.timedelta(days=await kept_days(conn, table.name))
        for name in sorted(await _names(conn, table)):
            begin = _begin_of_name(name)
            if begin is not None and _end(table, begin) <= limit and await _drop(conn, name):
                dropped.append(name)
    return dropped


async def _drop(conn: Connection, name: str) -> bool:
    try:
        async with conn.transaction():
            # Dropping needs the whole table for a moment; better later than a queue behind it.
            await conn.execute("set local lock_timeout = '1s'")
            await conn.execute(sql.SQL("drop table {}").format(sql.Identifier(name)))
    except psycopg.errors.LockNotAvailable:
        _log.info("expired partition still in use", partition=name)
        return False
    return True


async def _make_partitioned(conn: Connection, table: TimeTable) -> None:
    fresh, old = sql.Identifier(f"{table.name}_divided"), sql.Identifier(table.name)
    statement = "create table {} (like {} including all) partition by range ({})"
    await conn.execute(sql.SQL(statement).format(fresh, old, sql.Identifier(table.column)))
    await conn.execute(sql.SQL("drop table {}").format(old))
    await conn.execute(sql.SQL("alter table {} rename to {}").format(fresh, old))


async def _make(conn: Connection, table: TimeTable, begin: datetime.date) -> None:
    name, parent = sql.Identifier(_name(table, begin)), sql.Identifier(table.name)
    options = sql.SQL(f"with ({table.options})" if table.options else "")
    # Made first and attached then, because that leaves writers to the other partitions alone.
    await conn.execute(
        sql.SQL("create table {} (like {} including all) {}").format(name, parent, options)
    )
    bounds = [f"{day.isoformat()} 00:00:00+00" for day in (begin, _end(table, begin))]
    await conn.execute(
        sql.SQL("alter table {} attach partition {} for values from ({}) to ({})").format(
            parent, name, *(sql.Literal(bound) for bound in bounds)
        )
    )


async def _kind_of(conn: Connection, table: str) -> str | None:
    cursor = await conn.execute(
        "select relkind::text from pg_class where oid = to_regclass(%s)", (table,)
    )
    row = await cursor.fetchone()
    return None if row is None else str(row[0])


async def _partitioned(conn: Connection) -> list[TimeTable]:
    cursor = await conn.execute(
        "select c.relname from pg_class c where c.relkind = 'p' and c.relname = any(%s) "
        "and c.relnamespace = current_schema()::regnamespace",
        (list(TABLES),),
    )
    return sorted((TABLES[row[0]] for row in await cursor.fetchall()), key=lambda t: t.name)


async def _names(conn: Connection, table: TimeTable) -> set[str]:
    cursor = await conn.execute(
        "select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid "
        "where i.inhparent = to_regclass(%s)",
        (table.name,),
    )
    return {row[0] for row in await cursor.fetchall()}


def _begin(table: TimeTable, day: int) -> datetime.date:
    date = _EPOCH + datetime.timedelta(days=day)
    if table.step == "day":
        return date
    return date.replace(day=1) if table.step == "month" else date.replace(month=1, day=1)


def _end(table: TimeTable, begin: datetime.date) -> datetime.date:
    if table.step == "day":
        return begin + datetime.timedelta(days=1)
    if table.step == "month":
        return (begin + datetime.timedelta(days=31)).replace(day=1)
    return begin.replace(year=begin.year + 1)


def _name(table: TimeTable, begin: datetime.date) -> str:
    return f"{table.name}_p{begin:%Y%m%d}"


def _begin_of_name(name: str) -> datetime.date | None:
    match = re.fullmatch(r"\w+_p(\d{4})(\d\d)(\d\d)", name)
    return datetime.date(int(match[1]), int(match[2]), int(match[3])) if match else None
