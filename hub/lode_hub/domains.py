"""Between ingest and alerts: hand what was committed to the domains, and what they find to alerts.

on_committed ─► each domain ─► findings ┐
every second ─► each domain ─► findings ┼─► pending ─► alerts.take, until the database has it
ingest's own findings ──────────────────┘
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from lode_hub.committed import Committed, Domain, Finding

TICK_S = 1.0
MAX_PENDING = 10_000
"""Findings kept while the database is away; beyond it only the latest of each trouble."""

Take = Callable[[Sequence[Finding], int], Awaitable[object]]


class Domains:
    """The domains of this process.

    Args:
        domains: who consumes.
        take: gives findings to the alerts; has done it or raises.
    """

    def __init__(self, domains: Sequence[Domain], take: Take) -> None:
        self._domains = domains
        self._take = take
        self._pending: list[Finding] = []
        self._found = asyncio.Event()

    async def consume(self, committed: Sequence[Committed]) -> None:
        """Take a committed group."""
        for domain in self._domains:
            await self.find(await domain.consume(committed))

    async def find(self, findings: Sequence[Finding]) -> None:
        """Take findings."""
        if not findings:
            return
        self._pending = _bounded([*self._pending, *findings])
        self._found.set()

    async def restore(self, _: frozenset[int]) -> None:
        """Rebuild what the domains know, because our partitions have changed."""
        for domain in self._domains:
            await domain.restore()

    async def run(self) -> None:
        """Let time pass for the domains, and give what they find to the alerts. Never ends."""
        due = time.monotonic()
        while True:
            try:
                async with asyncio.timeout(max(0.0, due - time.monotonic())):
                    await self._found.wait()
            except TimeoutError:
                due = time.monotonic() + TICK_S
                for domain in self._domains:
                    await self.find(await domain.tick(_now_ms()))
            await self._hand_over()

    async def _hand_over(self) -> None:
        self._found.clear()
        given, self._pending = self._pending, []
        try:
            await self._take(given, _now_ms())
        except BaseException:
            self._pending = _bounded(given + self._pending)
            raise


def _bounded(findings: list[Finding]) -> list[Finding]:
    if len(findings) <= MAX_PENDING:
        return findings
    latest = {(finding.rule, finding.subject): finding for finding in findings}
    return list(latest.values())


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
