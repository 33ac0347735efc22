"""What rules are about: devices with their place and model."""

from dataclasses import dataclass

from psycopg.rows import class_row

from lode_hub.store.connection import Connection


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    """A device as a rule's scope sees it."""

    id: int
    name: str
    site: str
    rack: str
    model: str
    is_configured: bool
    interval_s: float | None


async def devices(conn: Connection) -> list[Device]:
    """List every device there ever was."""
    cursor = conn.cursor(row_factory=class_row(Device))
    await cursor.execute(
        """
        select d.id, d.name, coalesce(s.name, '') as site, d.rack, d.model, d.is_configured,
            d.interval_s
        from device d join agent a on a.id = d.agent_id left join site s on s.id = a.site_id
        order by d.id
        """
    )
    return await cursor.fetchall()
