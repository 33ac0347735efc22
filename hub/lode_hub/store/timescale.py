"""Everything special to TimescaleDB: hypertables, columnstore compression, retention policies.

Written from its documentation (docs.tigerdata.com: create_hypertable of 2.13, columnstore of 2.18).
Where the extension is missing nothing here is called but `is_used`, and native partitions serve.
"""

from psycopg import sql

from lode_hub.store.connection import Connection

_COLUMNSTORE_SINCE = (2, 18)
_COMPRESS_AFTER_DAYS = 7


async def is_used(conn: Connection) -> bool:
    """Tell whether this database has the extension, in a version with a columnstore."""
    cursor = await conn.execute("select extversion from pg_extension where extname = 'timescaledb'")
    row = await cursor.fetchone()
    return row is not None and _version(row[0]) >= _COLUMNSTORE_SINCE


async def is_hypertable(conn: Connection, table: str) -> bool:
    """Tell whether a table already is a hypertable."""
    cursor = await conn.execute(
        "select 1 from timescaledb_information.hypertables "
        "where hypertable_schema = current_schema() and hypertable_name = %s",
        (table,),
    )
    return await cursor.fetchone() is not None


async def make_hypertable(conn: Connection, table: str, column: str, *, keep_days: int) -> None:
    """Turn an empty plain table into a hypertable of daily chunks, compressed after a week."""
    # Its default index on time would be a btree; the table brings a BRIN index of its own.
    await conn.execute(
        "select create_hypertable(%s::regclass, by_range(%s, interval '1 day'), "
        "create_default_indexes => false)",
        (table, column),
    )
    settings = sql.SQL(
        "alter table {} set (timescaledb.enable_columnstore, "
        "timescaledb.segmentby = 'device_id', timescaledb.orderby = {})"
    )
    await conn.execute(settings.format(sql.Identifier(table), sql.Literal(column)))
    await conn.execute(
        "call add_columnstore_policy(%s::regclass, after => make_interval(days => %s))",
        (table, _COMPRESS_AFTER_DAYS),
    )
    await keep(conn, table, keep_days)


async def keep(conn: Connection, table: str, days: int) -> None:
    """Have a hypertable's chunks dropped after so many days."""
    await conn.execute("select remove_retention_policy(%s::regclass, if_exists => true)", (table,))
    await conn.execute(
        "select add_retention_policy(%s::regclass, drop_after => make_interval(days => %s))",
        (table, days),
    )


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.partition("-")[0].split(".") if part.isdigit())
