"""Programmes whose calls cannot come: a VTN or a topic that does not answer.

each asking, each look at a topic ─► energy_fetch ─► finding, once it has lasted
"""

from collections.abc import Sequence
from typing import Any

from lode_hub.committed import Finding
from lode_hub.energy.signals.programme import Programme
from lode_hub.store import Store, energy_documents
from lode_hub.store import alerts as alert_rows
from lode_hub.store.connection import Connection

DEAF = "energy-calls-deaf"
AFTER_MS = 300_000
"""Brokers and VTNs are restarted now and then."""

Row = dict[str, Any]


async def asked(
    conn: Connection, document: Row, *, now_ms: int, every_s: float, trouble: str
) -> None:
    """Note how asking a programme's VTN went."""
    await energy_documents.fetched(
        conn,
        document["site_id"],
        "programme",
        document["name"],
        at_ms=now_ms,
        due_ms=now_ms + round(every_s * 1000),
        ok_ms=None if trouble else now_ms,
        failures=1 if trouble else 0,
        trouble=trouble[:500],
    )


async def findings(
    store: Store, programmes: Sequence[tuple[Row, Programme]], now_ms: int
) -> list[Finding]:
    """Say which programmes no call can come to, and which are heard again."""
    async with store.pool.connection() as conn:
        rows = await energy_documents.fetches(conn, "programme")
        told = await alert_rows.unresolved(conn, [DEAF])
    there = {(row["site_id"], row["name"]) for row, said in programmes if said.openadr or said.mqtt}
    troubled = {
        f"site:{row['site_id']}:programme:{row['name']}": row
        for row in rows
        if row["failures"] and (row["site_id"], row["name"]) in there
    }
    found = [
        _deaf(subject, row, now_ms)
        for subject, row in troubled.items()
        if now_ms - row["failing_ms"] >= AFTER_MS
    ]
    return found + [
        Finding(rule=DEAF, subject=subject, is_active=False, severity="critical", at_ms=now_ms)
        for _, subject, _ in told
        if subject not in troubled
    ]


def _deaf(subject: str, row: Row, now_ms: int) -> Finding:
    minutes = (now_ms - row["failing_ms"]) / 60_000
    return Finding(
        rule=DEAF,
        subject=subject,
        is_active=True,
        severity="critical",
        at_ms=now_ms,
        title=f"{row['name']}: no call can come for {minutes:.0f} min",
        likely_cause=row["trouble"],
        evidence={"since_ms": row["failing_ms"], "ok_ms": row["ok_ms"]},
    )
