"""What may be asked about alerts: history, counts, silences, maintenance, rules, figures."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from lode_hub.errors import InvalidError
from lode_hub.queries.alert_nouns import (
    AlarmFigures,
    Alarming,
    AlertCounts,
    AlertDetail,
    AlertEventRow,
    AlertGroup,
    AlertGroups,
    Fired,
    MaintenanceRow,
    RuleRow,
    ShelfRow,
    SilenceRow,
)
from lode_hub.queries.nouns import AlertRow, AlertState, Severity
from lode_hub.store import Store, alerts_figures, alerts_quiet, alerts_rules, queries_alerts
from lode_hub.store.asking import asking

MAX_DAYS = 31
DAY_MS = 86_400_000
BIN_MS = 600_000
FLOOD_BEGINS, FLOOD_ENDS = 10, 5
"""Alarms in 10 min and by operator."""


class AlertQueries:
    """Answers about alerts; each call raises UnavailableError when the database is away."""

    def __init__(
        self,
        store: Store,
        *,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._store = store
        self._clock_ms = clock_ms

    async def detail(self, alert_id: int, limit: int = 200) -> AlertDetail | None:
        """Give one alert with its history."""
        async with asking(self._store) as conn:
            row = await queries_alerts.alert(conn, alert_id)
            events = await queries_alerts.history(conn, alert_id, limit) if row else []
        if row is None:
            return None
        return AlertDetail(alert=AlertRow(**row), history=[AlertEventRow(**e) for e in events])

    async def names(self, keys: Sequence[str]) -> dict[str, str]:
        """Give what people call the subjects of these keys."""
        async with asking(self._store) as conn:
            return await queries_alerts.names(conn, keys)

    async def counts(self, site: str | None = None) -> AlertCounts:
        """Count the alerts that live now."""
        async with asking(self._store) as conn:
            return AlertCounts(**await queries_alerts.counts(conn, site))

    async def groups(  # noqa: PLR0913 -- each is one way to look at an inbox
        self,
        *,
        states: Sequence[AlertState],
        severities: Sequence[Severity] = (),
        causes: Sequence[str] = (),
        site: str | None = None,
        search: str = "",
        is_untold: bool | None = None,
        limit: int = 20,
        offset: int = 0,
    ) -> AlertGroups:
        """Give alerts by site and cause, what burns first at the top."""
        chosen = queries_alerts.Chosen(
            states=states,
            severities=severities,
            causes=causes,
            site=site,
            search=search,
            is_untold=is_untold,
        )
        async with asking(self._store) as conn:
            rows = await queries_alerts.groups(conn, chosen, limit=limit, offset=offset)
            ids = [alert_id for row in rows for alert_id in row["worst"]]
            worst = await queries_alerts.these(conn, ids)
        n_groups, n_alerts = (rows[0]["groups"], rows[0]["total"]) if rows else (0, 0)
        return AlertGroups(
            groups=[_group(row, worst) for row in rows], n_groups=n_groups, n_alerts=n_alerts
        )

    async def shelved(self, limit: int = 100) -> list[ShelfRow]:
        """Give the alarms that are shelved now, the next to come off the shelf first."""
        async with asking(self._store) as conn:
            rows = await alerts_quiet.shelves(conn, self._clock_ms(), limit=limit)
        return [ShelfRow(**row) for row in rows]

    async def silences(self, *, is_over: bool = False, limit: int = 100) -> list[SilenceRow]:
        """Give the silences that are or will be, or those that are over."""
        async with asking(self._store) as conn:
            rows = await alerts_quiet.silences(conn, self._clock_ms(), is_over=is_over, limit=limit)
        return [SilenceRow(**row) for row in rows]

    async def maintenance(self, *, is_over: bool = False, limit: int = 100) -> list[MaintenanceRow]:
        """Give the maintenance of sites and racks that is or will be, or what is over."""
        async with asking(self._store) as conn:
            now_ms = self._clock_ms()
            rows = await alerts_quiet.maintenances(conn, now_ms, is_over=is_over, limit=limit)
        return [MaintenanceRow(**row) for row in rows]

    async def rules(self, name: str | None = None, limit: int = 1000) -> list[RuleRow]:
        """Give the rules that are in effect, or all versions of one, newest first."""
        async with asking(self._store) as conn:
            return [RuleRow(**row) for row in await alerts_rules.versions(conn, name, limit)]

    async def fired(self) -> list[Fired]:
        """Count the alerts of the last day and week by rule and site."""
        async with asking(self._store) as conn:
            return [Fired(**row) for row in await alerts_rules.fired(conn)]

    async def figures(
        self,
        *,
        site: str | None = None,
        days: float = 7,
        operators: int = 1,
        to_ms: int | None = None,
    ) -> AlarmFigures:
        """Give EEMUA 191's figures of some days, of a site or of all, for so many operators.

        The days end at `to_ms` (Unix ms), a moment of the last 31 days; None: now.

        Raises:
            InvalidError: more than 31 days, nobody at work, or an end to come or too long ago.
        """
        if not 0 < days <= MAX_DAYS or operators < 1:
            raise InvalidError(f"figures: at most {MAX_DAYS} days, and at least one operator")
        now_ms = self._clock_ms()
        end_ms = now_ms if to_ms is None else to_ms
        if not now_ms - MAX_DAYS * DAY_MS <= end_ms <= now_ms:
            raise InvalidError(
                f"figures: they end now, or up to {MAX_DAYS} days ago; give to_ms so"
            )
        span_ms = (end_ms - round(days * DAY_MS), end_ms)
        async with asking(self._store) as conn:
            bins = await alerts_figures.bins(conn, span_ms, site)
            totals = await alerts_figures.totals(conn, span_ms, site)
            is_now = to_ms is None  # who put what aside is not kept
            totals["shelved"] = await alerts_figures.shelved(conn, end_ms) if is_now else None
        return _figures(bins, totals, span_ms, operators)


def _group(row: dict[str, Any], worst: dict[int, dict[str, Any]]) -> AlertGroup:
    kept = {name: value for name, value in row.items() if name not in ("groups", "total", "worst")}
    return AlertGroup(**kept, worst=[AlertRow(**worst[i]) for i in row["worst"] if i in worst])


def _figures(
    bins: Sequence[dict[str, Any]], totals: dict[str, Any], span_ms: tuple[int, int], operators: int
) -> AlarmFigures:
    at_ms, n = [row["at_ms"] for row in bins], [row["n"] for row in bins]
    tens = (span_ms[1] - span_ms[0]) / BIN_MS
    floods, flooded = _floods(at_ms, [count / operators for count in n])
    often = [Alarming(**row) for row in totals.pop("most_frequent")]
    return AlarmFigures(
        from_ms=span_ms[0],
        to_ms=span_ms[1],
        operators=operators,
        alarms=sum(n),
        per_10_min=sum(n) / tens / operators,
        peak_10_min=max(n, default=0) / operators,
        per_day=sum(n) / (tens / 144) / operators,
        busy_ratio=sum(count > operators for count in n) / tens,
        floods=floods,
        flood_ratio=flooded / tens,
        most_frequent=often,
        bin_ms=at_ms,
        bin_n=n,
        **totals,
    )


def _floods(at_ms: Sequence[int], each: Sequence[float]) -> tuple[int, int]:
    """Count floods, and the 10 min that they last; a bin that is left out had no alarm."""
    floods = flooded = 0
    is_flood, last_ms = False, 0
    for begin_ms, count in zip(at_ms, each, strict=True):
        is_flood = is_flood and begin_ms == last_ms + BIN_MS and count >= FLOOD_ENDS
        if not is_flood and count >= FLOOD_BEGINS:
            is_flood, floods = True, floods + 1
        flooded += is_flood
        last_ms = begin_ms
    return floods, flooded
