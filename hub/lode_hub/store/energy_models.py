"""Reads about energy beyond series and documents: rigs by model, and how efficient they are."""

from typing import Any

from psycopg.rows import dict_row

from lode_hub.store.connection import Connection


async def models(conn: Connection, site: str) -> list[dict[str, Any]]:
    """List the models of a site's configured rigs: how many, and their rated watts by TH/s."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            """
            select d.model, count(*)::int as rigs,
                (sum(d.rated_power_w) / nullif(sum(d.rated_hashrate_ths), 0))::float8
                    as efficiency_jth
            from device d join agent a on a.id = d.agent_id join site s on s.id = a.site_id
            where s.name = %s and d.kind = 1 and d.is_configured
                and d.rated_power_w > 0 and d.rated_hashrate_ths > 0
            group by d.model order by efficiency_jth desc, d.model
            """,
            (site,),
        )
        return await cursor.fetchall()
