"""What a rule would have done: tried over stored history before it is saved."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lode_hub.errors import ConflictError, InvalidError
from lode_hub.rules.book import effective
from lode_hub.rules.replay import Replayed
from lode_hub.rules.schema import Rule
from lode_hub.store import Store, alerts_rules
from lode_hub.store.alerts_rules import Layer
from lode_hub.store.asking import asking

MAX_DAYS = 30
DEADLINE_S = 600.0
MOST_SHOWN = 20

Progress = Callable[[float], None]
"""Hears which part is done, 0 to 1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TriedDevice:
    """A device on which a rule would have fired."""

    device: str
    n: int
    first_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """What a rule would have done; orders, silences and other alerts are left out of it."""

    days: float
    devices: int  # that the rule is about
    values: int  # that were judged
    alerts: int
    devices_hit: int
    flapping: int
    messages: int  # after grouping, ends among them
    open_still: int
    middle_s: float | None  # how long they would have lasted: the median, None without any
    longest_s: float | None
    often: list[TriedDevice]  # the most frequent first, at most 20


class TryOuts:
    """Replays rules, one at a time: each reads a lot."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._is_busy = False

    async def run(
        self,
        name: str,
        site: str | None,
        body: Mapping[str, Any],
        *,
        days: float,
        progress: Progress,
    ) -> Tried:
        """Replay a rule as it would be if a person let it say this, everywhere or at a site.

        Raises:
            InvalidError: the rule cannot be so, judges no readings, or is about no device.
            ConflictError: another try-out is running.
            TimeoutError: it took longer than ten minutes.
        """
        if not 0 < days <= MAX_DAYS:
            raise InvalidError(f"try-out: {days:g} days; give up to {MAX_DAYS}")
        if self._is_busy:
            raise ConflictError("try-out: another one is running; wait for it, or stop it")
        self._is_busy = True
        try:
            async with asyncio.timeout(DEADLINE_S):
                return await self._run(await self._rule(name, site, body), site, days, progress)
        finally:
            self._is_busy = False

    async def _rule(self, name: str, site: str | None, body: Mapping[str, Any]) -> Rule:
        async with asking(self._store) as conn:
            layers = await alerts_rules.layers(conn)
        rest = [one for one in layers if (one.name, one.site, one.layer) != (name, site, "person")]
        said = Layer(name=name, site=site, layer="person", body=body, origin="rules (this form)")
        return effective([*rest, said])[name, site]

    async def _run(self, rule: Rule, site: str | None, days: float, progress: Progress) -> Tried:
        from lode_hub.rules import history  # noqa: PLC0415 -- it loads the detectors

        to_ms = time.time_ns() // 1_000_000
        span_ms = (to_ms - round(days * 86_400_000), to_ms)
        done, names = await history.over_history(self._store, rule, site, span_ms, progress)
        return _tried(done, names, days)


def _tried(done: Replayed, names: Mapping[str, str], days: float) -> Tried:
    lasting = sorted((alarm.ends_ms or done.to_ms) - alarm.begins_ms for alarm in done.alarms)
    counts = Counter(alarm.subject for alarm in done.alarms)
    first = {alarm.subject: alarm.begins_ms for alarm in reversed(done.alarms)}
    return Tried(
        days=days,
        devices=done.devices,
        values=done.values,
        alerts=len(done.alarms),
        devices_hit=len(counts),
        flapping=sum(alarm.is_flapping for alarm in done.alarms),
        messages=done.messages,
        open_still=sum(alarm.ends_ms is None for alarm in done.alarms),
        middle_s=lasting[len(lasting) // 2] / 1000 if lasting else None,
        longest_s=lasting[-1] / 1000 if lasting else None,
        often=[
            TriedDevice(device=names.get(subject, subject), n=n, first_ms=first[subject])
            for subject, n in counts.most_common(MOST_SHOWN)
        ],
    )
