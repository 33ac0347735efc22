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
        due_ms=now_ms + round(every_s * 1000),
        ok_ms=None if trouble else now_ms,
        failures=1 if trouble else 0,
        trouble=trouble[:500],
    )


class Deafness:
    """Remembers since when each programme is not heard."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._since_ms: dict[str, int] = {}  # by subject

    async def findings(
        self, programmes: Sequence[tuple[Row, Programme]], now_ms: int
    ) -> list[Finding]:
        """Say which programmes no call can come to, and which are heard again."""
        async with self._store.pool.connection() as conn:
            rows = await energy_documents.fetches(conn, "programme")
            told = await alert_rows.unresolved(conn, [DEAF])
        there = {
            (row["site_id"], row["name"]) for row, said in programmes if said.openadr or said.mqtt
        }
        troubled = {
            f"site:{row['site_id']}:programme:{row['name']}": row
            for row in rows
            if row["failures"] and (row["site_id"], row["name"]) in there
        }
        self._since_ms = {key: self._since_ms.get(key, now_ms) for key in troubled}
        found = [
            _deaf(key, troubled[key], since, now_ms)
            for key, since in self._since_ms.items()
            if now_ms - since >= AFTER_MS
        ]
        return found + [
            Finding(rule=DEAF, subject=subject, is_active=False, severity="critical", at_ms=now_ms)
            for _, subject, _ in told
            if subject not in troubled
        ]


def _deaf(subject: str, row: Row, since_ms: int, now_ms: int) -> Finding:
    return Finding(
        rule=DEAF,
        subject=subject,
        is_active=True,
        severity="critical",
        at_ms=now_ms,
        title=f"{row['name']}: no call can come for {(now_ms - since_ms) / 60_000:.0f} min",
        likely_cause=row["trouble"],
        evidence={"since_ms": since_ms, "ok_ms": row["ok_ms"]},
    )
