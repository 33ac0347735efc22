"""What became of commands that the alerts are to hear of, until they have."""

from collections.abc import Sequence

import msgspec

from lode_hub.committed import Finding
from lode_hub.store.connection import Connection


async def add(conn: Connection, findings: Sequence[Finding]) -> None:
    """Keep findings; that a trouble is over only where one is open, or waits to be told."""
    if not findings:
        return
    await conn.execute(
        """
        insert into command_finding (rule, subject, is_active, severity, at_ms, title,
            likely_cause, evidence)
        select v.* from unnest(%(rule)s::text[], %(subject)s::text[], %(is_active)s::bool[],
            %(severity)s::text[], %(at_ms)s::bigint[], %(title)s::text[],
            %(likely_cause)s::text[], %(evidence)s::jsonb[])
            as v (rule, subject, is_active, severity, at_ms, title, likely_cause, evidence)
        where v.is_active
            or exists (select 1 from alert a where a.rule = v.rule and a.subject = v.subject
                and a.state <> 'resolved')
            or exists (select 1 from command_finding f where f.rule = v.rule
                and f.subject = v.subject)
            or exists (select 1 from unnest(%(rule)s::text[], %(subject)s::text[],
                %(is_active)s::bool[]) as w (rule, subject, is_active)
                where w.is_active and w.rule = v.rule and w.subject = v.subject)
        """,
        {
            "rule": [finding.rule for finding in findings],
            "subject": [finding.subject for finding in findings],
            "is_active": [finding.is_active for finding in findings],
            "severity": [finding.severity for finding in findings],
            "at_ms": [finding.at_ms for finding in findings],
            "title": [finding.title for finding in findings],
            "likely_cause": [finding.likely_cause for finding in findings],
            "evidence": [msgspec.json.encode(finding.evidence).decode() for finding in findings],
        },
    )


async def waiting(conn: Connection, limit: int) -> list[tuple[int, Finding]]:
    """List the oldest findings that wait, with their numbers."""
    found = await conn.execute(
        "select id, rule, subject, is_active, severity, at_ms, title, likely_cause, evidence "
        "from command_finding order by id limit %s",
        (limit,),
    )
    return [
        (
            number,
            Finding(
                rule=rule,
                subject=subject,
                is_active=is_active,
                severity=severity,
                at_ms=at_ms,
                title=title,
                likely_cause=likely_cause,
                evidence=evidence,
            ),
        )
        for number, rule, subject, is_active, severity, at_ms, title, likely_cause, evidence
        in await found.fetchall()
    ]  # fmt: skip


async def done(conn: Connection, numbers: Sequence[int]) -> None:
    """Forget findings that the alerts have taken."""
    await conn.execute("delete from command_finding where id = any(%s)", (list(numbers),))
