"""What an acknowledge link is about, and that it is used."""

from dataclasses import dataclass

from psycopg.rows import class_row

from lode_hub.store.connection import Connection


@dataclass(frozen=True, kw_only=True, slots=True)
class Linked:
    """One delivery to one person, as its link sees it."""

    delivery_id: int
    person: str
    role: str
    used_ms: int | None
    alerts: int
    open_ids: list[int]
    titles: list[str]  # of the first few
    sites: list[str]


async def linked(conn: Connection, delivery_id: int) -> Linked | None:
    """Give what a link is about; None when its delivery or its person is gone."""
    cursor = conn.cursor(row_factory=class_row(Linked))
    await cursor.execute(
        """
        select d.id as delivery_id, p.name as person, p.role,
            (extract(epoch from d.link_used_at) * 1000)::bigint as used_ms,
            count(distinct a.id)::int as alerts,
            coalesce(array_agg(distinct a.id) filter (where a.state = 'open'), '{}') as open_ids,
            (array_agg(distinct a.title))[1:10] as titles,
            coalesce(array_agg(distinct s.name) filter (where s.name is not null), '{}') as sites
        from delivery d join person p on p.id = d.person_id and not p.is_disabled
            join delivery_event de on de.delivery_id = d.id
            join alert_event e on e.id = de.event_id join alert a on a.id = e.alert_id
            left join site s on s.id = a.site_id
        where d.id = %s group by 1, 2, 3, 4
        """,
        (delivery_id,),
    )
    return await cursor.fetchone()


async def use(conn: Connection, delivery_id: int) -> bool:
    """Write down that a link is used; tell whether it was not yet."""
    done = await conn.execute(
        "update delivery set link_used_at = clock_timestamp() "
        "where id = %s and link_used_at is null",
        (delivery_id,),
    )
    return done.rowcount == 1
