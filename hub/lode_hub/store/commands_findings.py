"""What became of commands that the alerts are to hear of, until they have."""

from collections.abc import Sequence

import msgspec

from lode_hub.committed import Finding
from lode_hub.store.connection import Connection


async def add(conn: Connection, findings: Sequence[Finding]) -> None:
    """Keep findings; that a trouble is over only where one is open, or waits to be told."""
    if not findings:
        return
    known = {(finding.rule, finding.subject) for finding in findings if finding.is_active}
    known |= await _open(conn, {finding.subject for finding in findings if not finding.is_active})
    kept = [f for f in findings if (f.rule, f.subject) in known]
    if not kept:
        return
    await conn.execute(
        """
        insert into command_finding (rule, subject, is_active, severity, at_ms, title,
            likely_cause, evidence)
        select * from unnest(%(rule)s::text[], %(subject)s::text[], %(is_active)s::bool[],
            %(severity)s::text[], %(at_ms)s::bigint[], %(title)s::text[],
            %(likely_cause)s::text[], %(evidence)s::jsonb[])
        """,
        {
            "rule": [finding.rule for finding in kept],
            "subject": [finding.subject for finding in kept],
            "is_active": [finding.is_active for finding in kept],
            "severity": [finding.severity for finding in kept],
            "at_ms": [finding.at_ms for finding in kept],
            "title": [finding.title for finding in kept],
            "likely_cause": [finding.likely_cause for finding in kept],
            "evidence": [msgspec.json.encode(finding.evidence).decode() for finding in kept],
        },
    )


async def _open(conn: Connection, subjects: set[str]) -> set[tuple[str, str]]:
    """Give rule and subject of what is open, or waits to be told, of these subjects."""
    found = await conn.execute(
        "select rule, subject from alert where state <> 'resolved' and subject = any(%(s)s) "
        "union select rule, subject from command_finding where subject = any(%(s)s)",
        {"s": sorted(subjects)},
    )
    return {(str(rule), str(subject)) for rule, subject in await found.fetchall()}


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
