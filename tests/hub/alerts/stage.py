"""What tests of alerts share: findings, rules in a few words, and a look into the tables."""

from psycopg.rows import dict_row

from lode_hub.committed import Finding
from lode_hub.rules.schema import made
from lode_hub.store import Store, alerts_rules

T0 = 1_700_000_000_000
SECOND = 1_000
MINUTE = 60_000


def finding(subject: str = "device:1", rule: str = "r", **more: object) -> Finding:
    """Say that a trouble is there."""
    values: dict[str, object] = {
        "rule": rule, "subject": subject, "is_active": True, "severity": "warning", "at_ms": T0,
        "title": "it is so",
    } | more  # fmt: skip
    return Finding(**values)  # type: ignore[arg-type]


def gone(subject: str = "device:1", rule: str = "r", **more: object) -> Finding:
    """Say that it is over."""
    return finding(subject, rule, is_active=False, **more)


async def put_rule(store: Store, name: str = "r", site: str | None = None, **body: object) -> None:
    """Let a rule be in effect, whatever is shipped."""
    rule = made({"name": name, **body}, "test")
    async with store.pool.connection() as conn:
        await alerts_rules.put(conn, site, name, rule.model_dump(mode="json"), "test")


async def rows(
    store: Store, query: str = "select * from alert order by id", *values: object
) -> list[dict]:
    """Read rows as dicts."""
    async with store.pool.connection() as conn:
        return await (await conn.cursor(row_factory=dict_row).execute(query, values)).fetchall()


async def told(store: Store) -> list[str]:
    """List what people are to be told of, oldest first, and take it out of the outbox."""
    found = await rows(
        store,
        "with gone as (delete from outbox returning event_id, created_at) "
        "select what from gone join alert_event on id = event_id order by gone.created_at, id",
    )
    return [row["what"] for row in found]


async def events(store: Store) -> list[tuple[str, str]]:
    """List all that happened, with its note."""
    found = await rows(store, "select what, note from alert_event order by id")
    return [(row["what"], row["note"]) for row in found]


__all__ = ["MINUTE", "SECOND", "T0", "events", "finding", "gone", "put_rule", "rows", "told"]
