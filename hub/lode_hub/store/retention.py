"""What the hub does for its tables from time to time, under one lease: refresh, make, drop."""

import asyncio
import time
from typing import Protocol

import structlog

from lode_hub.store import Store, partitions, quarantined, rollups

_TICK_S = 5.0
_TIDY_S = 600.0
KEEP_FILLED_DAYS = 90
"""How long a gap that was filled after all is remembered."""

_log = structlog.get_logger(__name__)


class Spans(Protocol):
    """How long things are kept."""

    @property
    def raw_days(self) -> int:
        """Readings and rollups of a minute."""

    @property
    def rollup_15m_days(self) -> int:
        """Rollups of a quarter of an hour."""

    @property
    def rollup_years(self) -> int:
        """Rollups of an hour and of a day."""


async def keep(store: Store, spans: Spans) -> None:
    """Say how long things are kept; takes effect when the house is next kept."""
    async with store.pool.connection() as conn, conn.transaction():
        await partitions.keep(
            conn,
            raw_days=spans.raw_days,
            quarter_days=spans.rollup_15m_days,
            hour_days=spans.rollup_years * 366,
        )


async def keep_house(store: Store, made: partitions.Partitions | None = None) -> None:
    """Keep rollups fresh, partitions made ahead and old ones dropped. Never ends."""
    made = made or partitions.Partitions()
    due = {level.suffix: 0.0 for level in rollups.LEVELS}
    tidy = 0.0
    while True:
        now = time.monotonic()
        async with store.pool.connection() as conn:
            if now >= tidy:
                tidy = now + _TIDY_S
                await made.ahead(conn)
                await tidy_up(store)
            for level in rollups.LEVELS:
                if now >= due[level.suffix]:
                    due[level.suffix] = now + level.every_s
                    await rollups.refresh(conn, level)
        await asyncio.sleep(_TICK_S)


async def tidy_up(store: Store) -> list[str]:
    """Drop and delete what is older than it is kept; give the dropped partitions."""
    async with store.pool.connection() as conn:
        dropped = await partitions.drop_expired(conn)
        pruned = await quarantined.prune(conn)
        await conn.execute(
            "delete from gap where filled_at < now() - make_interval(days => %s)",
            (KEEP_FILLED_DAYS,),
        )
    if dropped or pruned:
        _log.info("old data dropped", partitions=len(dropped), quarantined=pruned)
    return dropped
