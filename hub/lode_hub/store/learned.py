"""The learned opinion's rows: models, what they have shown at sites, what people let them do."""

from typing import Any

import msgspec
from psycopg.rows import dict_row

from lode_hub.store.connection import Connection
from lode_models.rig import Card, Stage, Trial

Row = dict[str, Any]


async def know(conn: Connection, card: Card, now_ms: int) -> None:
    """Note the model that a hub starts with; one that comes back begins anew."""
    await conn.execute(
        """
        insert into learned_model (sha256, card, started_at, since)
        values (%(sha)s, %(card)s::jsonb, to_timestamp(%(ms)s / 1e3), to_timestamp(%(ms)s / 1e3))
        on conflict (sha256) do update set card = excluded.card, started_at = excluded.started_at,
            since = case (select sha256 from learned_model order by started_at desc limit 1)
                when excluded.sha256 then learned_model.since else excluded.since end
        """,
        {
            "sha": card.model_sha256,
            "card": msgspec.json.encode(card).decode(),
            "ms": now_ms,
        },
    )


async def advising(conn: Connection, sha256: str) -> set[int]:
    """Give the sites at which people let a model advise."""
    cursor = await conn.execute(
        """
        select site_id from (
            select distinct on (d.site_id) d.site_id, d.stage
            from learned_decision d join learned_model m on m.sha256 = d.model_sha256
            where m.sha256 = %s and d.at >= m.since order by d.site_id, d.id desc
        ) said where stage = 'advisory'
        """,
        (sha256,),
    )
    return {int(site_id) for (site_id,) in await cursor.fetchall()}


async def model(conn: Connection) -> Row | None:
    """Give the model at work: card, and when a hub last started with it (Unix ms)."""
    found = await _rows(
        conn,
        "select card, (extract(epoch from started_at) * 1000)::bigint as started_ms "
        "from learned_model order by started_at desc limit 1",
    )
    return found[0] if found else None


async def sites(conn: Connection, site: str | None = None) -> list[Row]:
    """List sites, or one, with what is kept of the model there and what was decided last.

    Each: site_id, site, version, kept_ms, state (None before it judged), decision of the model
    at work (stage, person, decided_ms; None before there is one).
    """
    return await _rows(
        conn,
        """
        select s.id as site_id, s.name as site, k.version, k.state,
            (extract(epoch from k.at) * 1000)::bigint as kept_ms, d.stage, d.person,
            (extract(epoch from d.at) * 1000)::bigint as decided_ms
        from site s
            left join judgement_state k on k.site_id = s.id and k.detector = 'learned'
            left join lateral (
                select stage, person, at from learned_decision
                where site_id = s.id and (model_sha256, true) = (
                    select sha256, at >= since from learned_model order by started_at desc limit 1)
                order by id desc limit 1
            ) d on true
        where %(site)s::text is null or s.name = %(site)s
        order by s.name
        """,
        site=site,
    )


async def decisions(conn: Connection, site_id: int, limit: int) -> list[Row]:
    """List what people decided at a site, the newest first."""
    return await _rows(
        conn,
        """
        select model_sha256, stage, person, (extract(epoch from at) * 1000)::bigint as at_ms, trial
        from learned_decision where site_id = %(site)s order by id desc limit %(limit)s
        """,
        site=site_id,
        limit=limit,
    )


async def decide(
    conn: Connection, site_id: int, stage: Stage, person: str, *, trial: Trial, now_ms: int
) -> None:
    """Note what a person lets a model do at a site, and what it had shown by then."""
    await conn.execute(
        """
        insert into learned_decision (site_id, model_sha256, stage, person, at, trial)
        values (%s, %s, %s, %s, to_timestamp(%s / 1e3), %s::jsonb)
        """,
        (
            site_id, trial.model_sha256, stage, person, now_ms,
            msgspec.json.encode(trial).decode(),
        ),
    )  # fmt: skip


async def _rows(conn: Connection, statement: str, **values: object) -> list[Row]:
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statement.encode(), values)
        return await cursor.fetchall()
