"""A small mine in the database: one site, two agents, rigs in different states, a meter."""

from typing import Any

from lode_hub.store import Store
from lode_hub.store.partitions import Partitions

_DEVICE = (
    "insert into device (agent_id, name, kind, driver, address, profile, vendor, model, firmware, "
    "serial, mac, rack, interval_s, rated_hashrate_ths, facts_at, facts_source_id, facts_seq) "
    "values (%(agent)s, %(name)s, %(kind)s, 'asic', '127.0.0.9', '', 'Bitmain', %(model)s, '', "
    "%(serial)s, '', 'A1', 2, 100, now() - make_interval(secs => %(facts_age_s)s), 1, 1) "
    "returning id"
)


class Mine:
    """Writes what a test needs, straight into the tables."""

    def __init__(self, store: Store) -> None:
        self.store = store

    async def run(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        async with self.store.pool.connection() as conn:
            cursor = await conn.execute(statement.encode(), values)
            return await cursor.fetchall() if cursor.description else []

    async def agent(self, name: str = "north-1", site: str = "north", **columns: Any) -> int:
        await self.run(
            "insert into site (name) values (%(site)s) on conflict do nothing", site=site
        )
        rows = await self.run(
            "insert into agent (name, partition, site_id, committed_at) values (%(name)s, 7, "
            "(select id from site where name = %(site)s), now()) returning id",
            name=name, site=site,
        )  # fmt: skip
        for column, value in columns.items():
            await self.run(
                f"update agent set {column} = %(value)s where name = %(name)s",
                value=value, name=name,
            )  # fmt: skip
        return int(rows[0][0])

    async def device(self, agent: int, name: str, kind: int = 1, **facts: Any) -> int:
        values = {"model": "S19", "serial": f"SN-{name}", "facts_age_s": 0} | facts
        rows = await self.run(_DEVICE, agent=agent, name=name, kind=kind, **values)
        return int(rows[0][0])

    async def reads(self, device: int, age_s: float = 0, **figures: Any) -> None:
        """Give a rig a last reading, observed and received so long ago."""
        received_s = figures.pop("received_s", age_s)
        table = figures.pop("table", "rig_last")
        values = (
            {"state": 1, "power_source": 2, "quality": 0} if table == "rig_last" else {"quality": 0}
        )
        values |= figures
        places = ", ".join(f"%({name})s" for name in values)
        await self.run(
            f"insert into {table} (device_id, at, received_at, {', '.join(values)}) "
            "values (%(device)s, now() - make_interval(secs => %(age_s)s), "
            f"now() - make_interval(secs => %(received_s)s), {places})",
            device=device, age_s=age_s, received_s=received_s, **values,
        )  # fmt: skip

    async def rolls(self, table: str, device: int, ago: int, bucket_s: int, **sums: Any) -> None:
        """Give a device a rollup row, `ago` buckets before the present one."""
        async with self.store.pool.connection() as conn:
            await Partitions().ensure(conn, await self._days())
            names = await (
                await conn.execute(
                    "select column_name, is_nullable from information_schema.columns "
                    "where table_name = %s and table_schema = current_schema()",
                    (table,),
                )
            ).fetchall()
        bucket = (
            "date_bin(make_interval(secs => %(bucket_s)s), now(), '2000-01-01Z') "
            "- make_interval(secs => %(bucket_s)s::float8 * %(ago)s)"
        )
        given = {
            "device_id": str(device),
            "bucket": bucket,
            "first_at": "now()",
            "last_at": "now()",
        }
        given |= {name: str(value) for name, value in sums.items()}
        given |= {name: "0" for name, null in names if null == "NO" and name not in given}
        await self.run(
            f"insert into {table} ({', '.join(given)}) values ({', '.join(given.values())})",
            bucket_s=bucket_s, ago=ago,
        )  # fmt: skip

    async def alert(self, device: int | None = None, rule: str = "rig-hot", **columns: Any) -> int:
        subject = f"device:{device}" if device else "site:1"
        values = {"severity": "critical", "state": "open"} | columns
        rows = await self.run(
            "insert into alert (rule, subject, site_id, device_id, severity, state, title, "
            "likely_cause, evidence, since_at, opened_at, renewed_at, resolved_at) "
            "values (%(rule)s, %(subject)s, 1, %(device)s, %(severity)s, %(state)s, "
            "'too hot', 'a fan', "
            "'{\"chip_temp_c\": 99}', now(), now(), now(), "
            "case when %(state)s = 'resolved' then now() end) returning id",
            rule=rule, subject=subject, device=device, **values,
        )  # fmt: skip
        return int(rows[0][0])

    async def _days(self) -> list[int]:
        rows = await self.run("select (extract(epoch from now()) / 86400)::int - n "
                              "from generate_series(0, 9) n")  # fmt: skip
        return [int(row[0]) for row in rows]
