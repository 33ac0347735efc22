"""The domain of people's own thresholds: readings that may be trusted in, findings out.

rules, devices (every 2 s, when they changed) ─► which devices each rule is about
Committed ─► rounds in order of time ─► threshold.judge, all devices at once ─► findings
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lode_hub.committed import Committed, Finding
from lode_hub.rules import threshold
from lode_hub.rules.schema import Rule, made
from lode_hub.rules.threshold import STATE, VALUES, Mask, Table
from lode_hub.sites.tables import rounds
from lode_hub.store import Store, alerts, alerts_rules, alerts_scope, inventory
from lode_hub.store.alerts_scope import Device

REFRESH_MS = 2_000
RENEW_MS = 60_000


@dataclass(kw_only=True, slots=True)
class Watched:
    """One rule at work: which devices it is about, and how each is; all arrays by device id."""

    rule: Rule
    version: int
    is_mine: Mask
    gap_ms: np.ndarray
    state: Table


class OwnRules:
    """Judges readings by the thresholds that people have made."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._stamp: tuple[int, ...] = ()
        self._watched: dict[alerts_rules.Key, Watched] = {}
        self._devices: dict[int, Device] = {}
        self._refreshed_ms = 0
        self._renewed_ms = 0

    async def restore(self) -> None:
        """Rebuild all state from the database."""
        self._stamp, self._watched = (), {}
        await self._load()

    async def consume(self, committed: Sequence[Committed]) -> Sequence[Finding]:
        """Take a committed group, and say what it shows."""
        return [finding for group in committed for finding in self._judge(group)]

    async def tick(self, now_ms: int) -> Sequence[Finding]:
        """Take changes of rules and devices, and say again what goes on."""
        findings: list[Finding] = []
        if now_ms - self._refreshed_ms >= REFRESH_MS:
            self._refreshed_ms = now_ms
            findings += await self._load()
        if now_ms - self._renewed_ms >= RENEW_MS:
            self._renewed_ms = now_ms
            for one in self._watched.values():
                heard = one.state["received_ms"] >= now_ms - RENEW_MS
                going = np.flatnonzero(one.state["is_active"] & heard)
                findings += self._findings(one, going, is_active=True)
        return findings

    async def _load(self) -> list[Finding]:
        async with self._store.pool.connection() as conn:
            stamp = (await alerts_rules.stamp(conn), *await inventory.facts_version(conn))
            if stamp == self._stamp:
                return []
            current = await alerts_rules.current(conn)
            devices = await alerts_scope.devices(conn)
            names = [row.name for row in current if row.body.get("metric") is not None]
            open_now = await alerts.unresolved(conn, names)
        self._stamp = stamp
        self._devices = {device.id: device for device in devices}
        before, self._watched = self._watched, dict(_watched(current, devices))
        findings: list[Finding] = []
        for key, one in self._watched.items():
            findings += self._carry_over(one, before.get(key), open_now)
        return findings

    def _carry_over(
        self, one: Watched, old: Watched | None, open_now: Sequence[tuple[str, str, int]]
    ) -> list[Finding]:
        """Go on from the state before, or from the open alerts; end what is no longer meant."""
        if old is not None:
            size = min(len(old.state), len(one.state))
            one.state[:size] = old.state[:size]
        else:
            for name, subject, since_ms in open_now:
                number = subject.removeprefix("device:")
                if name == one.rule.name and number.isdecimal() and int(number) < len(one.state):
                    one.state["is_active"][int(number)] = True
                    one.state["since_ms"][int(number)] = since_ms
        gone = np.flatnonzero(one.state["is_active"] & ~one.is_mine)
        one.state["is_active"][gone] = False
        # Another setting of the same rule, for one site, may go on with it.
        others = [
            o for o in self._watched.values() if o is not one and o.rule.name == one.rule.name
        ]
        ended = [number for number in gone.tolist() if not any(o.is_mine[number] for o in others)]
        return self._findings(one, np.array(ended, np.intp), is_active=False)

    def _judge(self, group: Committed) -> Iterator[Finding]:
        for one in self._watched.values():
            if one.rule.of == group.kind:
                ids, values = _values(one, group)
                for all_here, turn in rounds(ids, values):
                    new = threshold.fresh(one.state.take(all_here), turn)
                    here = all_here[new]
                    state = one.state.take(here)
                    fires, clears = threshold.judge(one.rule, state, turn[new], one.gap_ms[here])
                    one.state[here] = state
                    yield from self._findings(one, here[fires], is_active=True)
                    yield from self._findings(one, here[clears], is_active=False)

    def _findings(self, one: Watched, ids: np.ndarray, *, is_active: bool) -> list[Finding]:
        return [
            finding(one.rule, self._devices[number], row, is_active=is_active)
            for number, row in zip(ids.tolist(), one.state[ids].tolist(), strict=True)
            if number in self._devices
        ]


def finding(
    rule: Rule, device: Device, row: tuple[bool, int, int, int, float], *, is_active: bool
) -> Finding:
    """Say what a threshold shows of a device; `row` is its state."""
    _, since_ms, at_ms, _, value = row
    side = "above" if rule.above is not None else "below"
    return Finding(
        rule=rule.name,
        subject=f"device:{device.id}",
        is_active=is_active,
        severity=rule.severity or "warning",
        at_ms=at_ms,
        title=f"{device.name}: {rule.metric} {value:.6g} is {side} {rule.limit:g}",
        likely_cause=rule.title,
        evidence={
            "metric": rule.metric,
            "value": None if np.isnan(value) else value,
            "limit": rule.limit,
            "clear_at": rule.clear,
            "for_s": rule.for_s,
            "since_ms": since_ms or at_ms,
        },
    )


def is_meant(rule: Rule, site: str | None, elsewhere: set[str], device: Device) -> bool:
    """Tell whether a rule, for a site or for all but those elsewhere, is about a device."""
    if not device.is_configured or (site is None and device.site in elsewhere):
        return False
    scope = rule.scope
    asked = ((scope.site, device.site), (scope.model, device.model), (scope.rack, device.rack))
    is_here = site is None or device.site == site
    return is_here and all(_fits(w, g) for w, g in (*asked, (scope.device, device.name)))


def _watched(
    current: Sequence[alerts_rules.Version], devices: Sequence[Device]
) -> Iterator[tuple[alerts_rules.Key, Watched]]:
    size = max((device.id for device in devices), default=0) + 1
    interval_s = np.full(size, np.nan)
    for device in devices:
        interval_s[device.id] = np.nan if device.interval_s is None else device.interval_s
    for row in current:
        rule = made(row.body, f"rule {row.name}")
        if rule.metric is None or not rule.enabled:
            continue
        elsewhere = {o.site for o in current if o.name == row.name and o.site is not None}
        meant = [d.id for d in devices if is_meant(rule, row.site, elsewhere, d)]
        is_mine = np.zeros(size, bool)
        is_mine[meant] = True
        state = np.zeros(size, STATE)
        state["value"] = np.nan
        yield (
            (row.name, row.site),
            Watched(
                rule=rule,
                version=row.version,
                is_mine=is_mine,
                gap_ms=threshold.gaps_ms(interval_s),
                state=state,
            ),
        )


def _values(one: Watched, group: Committed) -> tuple[np.ndarray, Table]:
    metric = one.rule.metric or ""
    ids = group.device_id
    rows = (ids < len(one.is_mine)) & one.is_mine[np.minimum(ids, len(one.is_mine) - 1)]
    if one.rule.of == "point":
        rows &= group.columns["point"] == metric
    column = group.columns["value" if one.rule.of == "point" else metric][rows]
    table = np.zeros(len(column), VALUES)
    table["at_ms"], table["received_ms"] = group.at_ms[rows], group.received_ms[rows]
    table["low"] = table["high"] = _floats(column)
    return ids[rows].astype(np.intp), table


def _floats(column: np.ndarray) -> np.ndarray:
    """Give float64 with NaN for missing; a missing whole number travels as the type's smallest."""
    if column.dtype.kind == "f":
        return column.astype(np.float64)
    missing = np.iinfo(column.dtype).min if column.dtype.kind == "i" else None
    return np.where(column == missing, np.nan, column.astype(np.float64))


def _fits(pattern: str | None, given: str) -> bool:
    if pattern is None:
        return True
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), given) is not None
