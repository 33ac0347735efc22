"""Findings become rows: an alert for each that has none, by its rule's settings; the rest renewed.

Runs inside its caller's transaction, as all of `store.alerts` does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from psycopg.rows import scalar_row

from lode_hub.committed import Finding
from lode_hub.store.connection import Connection

LATE_MS = 300_000
"""A finding older than the last of its key by less is late; by more, a clock was set back."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Renewed:
    """The alerts that findings opened, and those they made graver than people know."""

    opened: list[int]
    worsened: list[int]


async def open_or_renew(conn: Connection, findings: Sequence[Finding], now_ms: int) -> Renewed:
    """Open an alert for each finding that has none, renew the others, and give what changed.

    One whose rule has an on-delay is pending first, and one whose rule is off is passed over.
    No two of the findings may have the same key.
    """
    cursor = await conn.execute(_OPEN_OR_RENEW, _arrays(findings) | {"now_ms": now_ms})
    found = await cursor.fetchall()
    return Renewed(
        opened=[alert_id for alert_id, is_new, _ in found if is_new],
        worsened=[alert_id for alert_id, is_new, is_graver in found if is_graver and not is_new],
    )


async def reopen(conn: Connection, ids: Sequence[int]) -> None:
    """Let alerts be open, whoever had taken them on; a timer of before that is over with it."""
    await conn.execute(
        """
        with over as (delete from escalation where alert_id = any(%(ids)s))
        update alert set state = 'open', acknowledged_at = null, acknowledged_by = null
        where id = any(%(ids)s)
        """,
        {"ids": list(ids)},
    )


async def know(conn: Connection, ids: Sequence[int], now_ms: int) -> None:
    """Note that people know how grave alerts are now, but of those with a reason not to be told."""
    await conn.execute(
        """
        update alert set told_severity = severity,
            told_at = coalesce(told_at, to_timestamp(%(now_ms)s / 1e3))
        where id = any(%(ids)s) and untold = ''
        """,
        {"ids": list(ids), "now_ms": now_ms},
    )


async def returned(conn: Connection, findings: Sequence[Finding]) -> list[int]:
    """Take the mark `cleared` off alerts whose trouble is back, and give their ids.

    A finding from before the clearing, come late, brings nothing back.
    """
    cursor = conn.cursor(row_factory=scalar_row)
    at_ms = [finding.at_ms for finding in findings]
    await cursor.execute(_RETURNED, keys(findings) | {"at_ms": at_ms, "late_ms": LATE_MS})
    return [row async for row in cursor]


def keys(findings: Sequence[Finding]) -> dict[str, list[str]]:
    """Give the findings' keys as two arrays."""
    return {"rule": [f.rule for f in findings], "subject": [f.subject for f in findings]}


def evidence(findings: Sequence[Finding]) -> list[str]:
    """Give the findings' evidence as JSON."""
    return [msgspec.json.encode(finding.evidence).decode() for finding in findings]


def _arrays(findings: Sequence[Finding]) -> dict[str, object]:
    # kind:number, or site:number:part:name, where a name may have colons of its own.
    about = [[*finding.subject.split(":", 3), "", "", ""][:4] for finding in findings]
    return {
        **keys(findings),
        "kind": [kind for kind, *_ in about],
        "number": [int(no) if no.isdecimal() and len(no) < 10 else None for _, no, *_ in about],  # noqa: PLR2004 -- an int4
        "part": [part for *_, part, _ in about],
        "part_name": [name for *_, name in about],
        "severity": [finding.severity for finding in findings],
        "title": [finding.title for finding in findings],
        "likely_cause": [finding.likely_cause for finding in findings],
        "confidence": [finding.confidence for finding in findings],
        "members": [msgspec.json.encode(finding.members).decode() for finding in findings],
        "evidence": evidence(findings),
        "since_ms": [finding.evidence.get("since_ms", finding.at_ms) for finding in findings],
        "at_ms": [finding.at_ms for finding in findings],
    }


_OPEN_OR_RENEW = """
    with found as (
        select f.*, d.id as device_id, a.id as agent_id, s.id as site_id,
            array(select jsonb_array_elements_text(f.member_list)) as members,
            coalesce(d.rack, case f.part when 'rack' then f.part_name end, '') as rack,
            coalesce(d.model, case f.part when 'model' then f.part_name end, '') as model,
            d.rated_hashrate_ths
        from unnest(
            %(rule)s::text[], %(subject)s::text[], %(kind)s::text[], %(number)s::int[],
            %(part)s::text[], %(part_name)s::text[], %(severity)s::text[], %(title)s::text[],
            %(likely_cause)s::text[], %(confidence)s::real[], %(members)s::jsonb[],
            %(evidence)s::jsonb[], %(since_ms)s::bigint[], %(at_ms)s::bigint[]
        ) as f (rule, subject, kind, number, part, part_name, severity, title, likely_cause,
            confidence, member_list, evidence, since_ms, at_ms)
        left join device d on f.kind = 'device' and d.id = f.number
        left join agent a on a.id = case f.kind when 'agent' then f.number else d.agent_id end
        left join site s on s.id = case f.kind when 'site' then f.number else a.site_id end
    ), earning as materialized (
        select here.site_id, coalesce((
            select v.value from energy_series e join energy_value v on v.series_id = e.id
            where e.quantity = 'hashprice' and e.unit like 'USD/TH%%'
                and (e.site_id is null or e.site_id = here.site_id)
                and v.from_at > to_timestamp(%(now_ms)s / 1e3) - interval '6 h'
                and v.from_at <= to_timestamp(%(now_ms)s / 1e3)
            order by e.site_id nulls last, v.from_at desc, v.published_at desc, v.revision desc
            limit 1), 0.05) as usd_th_d
        from (select distinct site_id from found) here
    ), ruled as (
        select f.*, r.id as rule_id, r.version, coalesce(r.cause, '') as cause,
            coalesce(r.on_delay_s, 0) as on_delay_s, r.escalate_usd_h, r.severity as base_severity,
            coalesce(r.hashprice_usd_th_d, x.usd_th_d) / 24 * case coalesce(r.stake, 'none')
                when 'none' then null
                when 'lost' then coalesce(number_in(f.evidence, 'lost_ths'), greatest(
                    coalesce(number_in(f.evidence, 'expected_ths'), f.rated_hashrate_ths)
                    - number_in(f.evidence, 'hashrate_ths'), 0))
                else coalesce(number_in(f.evidence, 'lost_ths'), f.rated_hashrate_ths, (
                    select sum(d.rated_hashrate_ths)::float8
                    from device d join agent a on a.id = d.agent_id
                    where d.is_configured and case
                        when f.members <> '{}' then d.id = any (array(
                            select substr(m, 8)::int from unnest(f.members) m
                            where m ~ '^device:[0-9]{1,9}$'))
                        when f.kind = 'agent' then d.agent_id = f.agent_id
                        else a.site_id = f.site_id and f.rack in ('', d.rack)
                            and f.model in ('', d.model) end))
            end as stake_usd_h
        from found f join earning x on x.site_id is not distinct from f.site_id
            left join lateral (
            select * from alert_rule r where r.name = f.rule and r.is_current
                and (r.site_id is null or r.site_id = f.site_id)
            order by r.site_id nulls last limit 1
        ) r on true
        where coalesce(r.is_enabled, true)
    ), graded as (
        select r.*, case when stake_usd_h >= escalate_usd_h then
            case coalesce(base_severity, severity) when 'info' then 'warning' else 'critical' end
        else coalesce(base_severity, severity) end as grade
        from ruled r
    )
    insert into alert (rule, rule_id, subject, site_id, agent_id, device_id, rack, model, cause,
        severity, told_severity, state, title, likely_cause, confidence, members, evidence,
        stake_usd_h, since_at, observed_at, opened_at, renewed_at, turns_at, told_at)
    select rule, rule_id, subject, site_id, agent_id, device_id, rack, model, cause,
        grade, grade, case when on_delay_s > 0 then 'pending' else 'open' end,
        title, likely_cause, confidence, members,
        evidence || case when version is null then '{}'
            else jsonb_build_object('settings_version', version) end,
        stake_usd_h, to_timestamp(since_ms / 1e3), to_timestamp(at_ms / 1e3),
        to_timestamp(%(now_ms)s / 1e3), to_timestamp(%(now_ms)s / 1e3),
        case when on_delay_s > 0 then to_timestamp(%(now_ms)s / 1e3 + on_delay_s) end,
        case when on_delay_s > 0 then null else to_timestamp(%(now_ms)s / 1e3) end
    from graded order by rule, subject
    on conflict (rule, subject) where state <> 'resolved' do update set
        severity = excluded.severity, title = excluded.title, evidence = excluded.evidence,
        likely_cause = excluded.likely_cause, renewed_at = excluded.renewed_at,
        rule_id = excluded.rule_id, cause = excluded.cause, confidence = excluded.confidence,
        members = excluded.members, stake_usd_h = excluded.stake_usd_h,
        observed_at = greatest(alert.observed_at, excluded.observed_at)
    -- xmax is 0 in a row that was inserted, and our own transaction in one that was updated.
    returning id, xmax = 0 and state = 'open', cleared_at is null
        and (state = 'acknowledged' or state = 'open' and untold = '')
        and array_position(array['info', 'warning', 'critical'], severity)
            > array_position(array['info', 'warning', 'critical'], told_severity)
"""

_RETURNED = """
    update alert a set cleared_at = null, turns_at = null
    from unnest(%(rule)s::text[], %(subject)s::text[], %(at_ms)s::bigint[]) as f (rule, subject, at)
    where a.rule = f.rule and a.subject = f.subject
        and a.state <> 'resolved' and a.cleared_at is not null
        and not (to_timestamp(f.at / 1e3) < a.observed_at
            and to_timestamp((f.at + %(late_ms)s) / 1e3) > a.observed_at)
    returning a.id
"""
