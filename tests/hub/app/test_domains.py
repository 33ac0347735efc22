"""Between ingest and alerts: nothing found is lost while the database is away."""

import asyncio
import contextlib
from collections.abc import Sequence

from lode_hub import domains as module
from lode_hub.committed import Committed, Finding
from lode_hub.domains import Domains
from tests.hub.app.opened import until


def finding(rule: str, is_active: bool = True) -> Finding:
    return Finding(rule=rule, subject="device:1", is_active=is_active, severity="info", at_ms=1)


class Domain:
    """Finds what it is told to."""

    def __init__(self) -> None:
        self.restored = 0
        self.ticks = 0
        self.found: list[Finding] = []

    async def restore(self) -> None:
        self.restored += 1

    async def consume(self, committed: Sequence[Committed]) -> Sequence[Finding]:
        return [finding("consumed")] * len(committed)

    async def tick(self, now_ms: int) -> Sequence[Finding]:
        self.ticks += 1
        found, self.found = self.found, []
        return found


class Alerts:
    def __init__(self) -> None:
        self.is_away = False
        self.calls: list[list[str]] = []

    async def take(self, findings: Sequence[Finding], now_ms: int) -> None:
        if self.is_away:
            raise OSError("away")
        self.calls.append([finding.rule for finding in findings])

    async def have(self, *rules: str) -> bool:
        return [rule for call in self.calls for rule in call] == list(rules)


async def test_findings_arrive_at_once_and_ticks_every_second() -> None:
    domain, alerts = Domain(), Alerts()
    domains = Domains([domain], alerts.take)
    running = asyncio.create_task(domains.run())
    await domains.consume([None, None])  # type: ignore[list-item]
    await until(lambda: alerts.have("consumed", "consumed"), 0.9, "the findings")
    domain.found = [finding("ticked")]
    await until(lambda: alerts.have("consumed", "consumed", "ticked"), 5, "the tick's finding")
    calls = len(alerts.calls)

    async def is_called_without_findings() -> bool:
        return len(alerts.calls) > calls

    await until(is_called_without_findings, 5, "a call for time's sake")
    await domains.restore(frozenset())
    assert domain.restored == 1
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_what_alerts_could_not_take_is_given_again_in_order() -> None:
    alerts = Alerts()
    domains = Domains([], alerts.take)
    alerts.is_away = True
    await domains.find([finding("one"), finding("two")])
    for _ in range(2):
        with contextlib.suppress(OSError):
            await domains.run()
    await domains.find([finding("three")])
    alerts.is_away = False
    running = asyncio.create_task(domains.run())
    await until(lambda: alerts.have("one", "two", "three"), 5, "all findings")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_what_waits_is_bounded_and_keeps_the_latest() -> None:
    domains = Domains([], Alerts().take)
    await domains.find([finding("a")] * module.MAX_PENDING)
    await domains.find([finding("b"), finding("a", is_active=False)])
    assert [(f.rule, f.is_active) for f in domains._pending] == [("a", False), ("b", True)]
