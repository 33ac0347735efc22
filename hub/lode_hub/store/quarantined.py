"""Payloads that could not be taken, kept with the reason."""

from collections.abc import Sequence
from dataclasses import dataclass

from lode_hub.store.connection import Connection

MAX_PAYLOAD_BYTES = 1 << 20
"""A larger payload is counted and described, but not kept."""

KEEP_DAYS = 30
KEEP_PER_AGENT = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Bad:
    """One payload that could not be taken; `agent` is whom its topic names, if any."""

    agent: str | None
    topic: str
    reason: str
    payload: bytes


async def add(conn: Connection, bad: Sequence[Bad]) -> None:
    """Keep payloads that could not be taken."""
    rows = [
        (one.agent, _text(one.topic), _text(one.reason), len(one.payload),
         one.payload if len(one.payload) <= MAX_PAYLOAD_BYTES else None)
        for one in bad
    ]  # fmt: skip
    async with conn.cursor() as cursor:
        await cursor.executemany(
            "insert into quarantine (agent, topic, reason, size_bytes, payload) "
            "values (%s, %s, %s, %s, %b)",
            rows,
        )


async def prune(conn: Connection) -> int:
    """Delete what is older than KEEP_DAYS or beyond an agent's newest; give how many."""
    cursor = await conn.execute(
        "delete from quarantine where at < now() - make_interval(days => %s) or id in ("
        "select id from (select id, row_number() over (partition by agent order by id desc) as n "
        "from quarantine) numbered where n > %s)",
        (KEEP_DAYS, KEEP_PER_AGENT),
    )
    return cursor.rowcount


def _text(text: str) -> str:
    # PostgreSQL's text holds anything but a zero byte, and no lone surrogates.
    return text.replace("\0", "\\0").encode(errors="replace").decode()
